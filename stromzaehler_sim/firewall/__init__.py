"""Only outwards: the guard inside the process, and the rules for the kernel."""
