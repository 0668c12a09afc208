"""Jobs: thin, idempotent sweeps over the state of the database; one that ran twice or not at all does no harm."""
