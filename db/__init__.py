"""Database models, types, sessions and migrations; imports nothing else of this project."""
