"""Many simulated meters in one process: the load generator, and a picture of what an operator meets every day."""
