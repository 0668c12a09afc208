"""Where the energy comes from: a measured series, a standard profile, or appliances."""
