"""Files of historic readings: reading them, checking them, taking them in like any other reading."""
