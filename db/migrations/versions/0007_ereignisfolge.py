"""Events in their order: up to which they are known (PostgreSQL), when they happened, an index for each filter."""

import sqlalchemy as sa
from alembic import op

import db.types

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("ereignis", sa.Column("geschehen_zeitpunkt", db.types.Zeitpunkt(), nullable=True))
    op.create_index("ix_ereignis_art", "ereignis", ["art", "ereignis_id"], unique=False)
    op.create_index("ix_ereignis_folge", "ereignis", ["objekt_art", "objekt_id", "ereignis_id"], unique=False)
    if op.get_bind().dialect.name == "postgresql":
        _announce_writers()


def _announce_writers() -> None:
    """Let every transaction announce, before it draws its first number, above which its numbers will be.

    It does so by a shared advisory lock, which nobody waits for, and which ends with the transaction, just after
    its rows have become visible. The key: 77 in the highest 16 bits, the last number drawn in the others. Neither
    numbers of rows nor those of transactions would do: a transaction may draw a number long after another one that
    began later, and commit before it.
    """
    op.execute(
        """
        CREATE FUNCTION ereignis_ankuendigen() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            -- Once a transaction: it also holds for what a later statement draws.
            IF coalesce(current_setting('msb.ereignis', true), '') = '' THEN
                PERFORM pg_advisory_xact_lock_shared(
                    (CAST(77 AS bigint) << 48) | coalesce(pg_sequence_last_value('ereignis_ereignis_id_seq'), 0)
                );
                PERFORM set_config('msb.ereignis', 'angekuendigt', true);
            END IF;
            RETURN NULL;
        END $$
        """
    )
    # Of a statement, not of a row: it fires before the numbers of the rows are drawn.
    op.execute(
        "CREATE TRIGGER ereignis_ankuendigen BEFORE INSERT ON ereignis"
        " FOR EACH STATEMENT EXECUTE FUNCTION ereignis_ankuendigen()"
    )
    op.execute(
        """
        CREATE FUNCTION ereignis_bekannt_bis() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
        DECLARE
            -- Read before the locks: who announces itself in between draws higher numbers.
            gezogen bigint := coalesce(pg_sequence_last_value('ereignis_ereignis_id_seq'), 0);
            angekuendigt bigint;
        BEGIN
            SELECT min(((CAST(classid AS bigint) & 65535) << 32) | CAST(objid AS bigint)) INTO angekuendigt
            FROM pg_locks
            WHERE locktype = 'advisory' AND objsubid = 1 AND CAST(classid AS bigint) >> 16 = 77
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database());
            RETURN least(gezogen, angekuendigt);
        END $$
        """
    )
