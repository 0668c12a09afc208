"""Alembic migrations. They only go forward: the way back is the backup taken before."""
