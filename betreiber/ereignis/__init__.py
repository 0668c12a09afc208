"""What happened, and who changed what."""
