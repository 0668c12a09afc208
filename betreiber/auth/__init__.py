"""Login, sessions, roles and the table of rights."""
