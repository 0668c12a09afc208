"""What is read off Verbrauch: load profile, peaks, statistics, comparison, the chain of registers."""
