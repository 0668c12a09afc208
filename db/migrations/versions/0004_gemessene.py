"""How many of the readings in rows are measured, by meter and day; the key of blocks tells their counts.

On PostgreSQL the key is built anew: a minute for each ten million blocks, in which nobody can read or write them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "tagesstand", sa.Column("gemessen", sa.SmallInteger(), server_default=sa.text("0"), nullable=False)
    )
    op.execute(
        "UPDATE tagesstand SET gemessen = (SELECT count(*) FROM verbrauch"
        " WHERE verbrauch.stromzaehler_id = tagesstand.stromzaehler_id"
        " AND verbrauch.uhrzeit BETWEEN CAST(tagesstand.tag AS BIGINT) * 86400"
        " AND CAST(tagesstand.tag AS BIGINT) * 86400 + 86399"
        " AND verbrauch.qualitaet = 0)"
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "ALTER TABLE verbrauch_tag DROP CONSTRAINT pk_verbrauch_tag,"
            " ADD CONSTRAINT pk_verbrauch_tag PRIMARY KEY (stromzaehler_id, tag) INCLUDE (anzahl, gemessen)"
        )
