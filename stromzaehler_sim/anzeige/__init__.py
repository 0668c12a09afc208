"""The face of the meter: what it shows, how it is operated, and its two skins."""
