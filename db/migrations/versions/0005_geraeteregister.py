"""What a meter is, and its documents."""

import sqlalchemy as sa
from alembic import op

import db.types

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "dokument",
        sa.Column("dokument_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("stromzaehler_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("art", sa.Text(), nullable=False),
        sa.Column("dateiname", sa.Text(), nullable=False),
        sa.Column("medientyp", sa.Text(), nullable=False),
        sa.Column("groesse_bytes", sa.Integer(), nullable=False),
        sa.Column("inhalt_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("ende_datum", sa.Date(), nullable=True),
        sa.Column("angelegt_zeitpunkt", db.types.Zeitpunkt(), nullable=False),
        sa.Column("inhalt", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("art IN ('GEWAEHRLEISTUNG', 'EICHSCHEIN', 'SONSTIGES')", name=op.f("ck_dokument_art")),
        sa.ForeignKeyConstraint(
            ["stromzaehler_id"], ["stromzaehler.stromzaehler_id"], name=op.f("fk_dokument_stromzaehler_id")
        ),
        sa.PrimaryKeyConstraint("dokument_id", name=op.f("pk_dokument")),
        sa.UniqueConstraint(
            "stromzaehler_id", "inhalt_sha256", name=op.f("uq_dokument_stromzaehler_id_inhalt_sha256")
        ),
        sqlite_strict=True,
    )
    # Alembic makes no constraint with a column on SQLite.
    op.execute(
        "ALTER TABLE stromzaehler ADD COLUMN bauart TEXT NOT NULL DEFAULT 'ELEKTRONISCH'"
        " CONSTRAINT ck_stromzaehler_bauart CHECK (bauart IN ('ELEKTRONISCH', 'INDUKTION', 'INDUKTION_WANDLER'))"
    )
    for spalte in (
        sa.Column("kennzeichnung_jahr", sa.Integer(), nullable=True),
        sa.Column("nutzungsdauer_jahre", sa.Integer(), nullable=True),
        sa.Column("gewaehrleistung_ende_datum", sa.Date(), nullable=True),
        sa.Column("inbetriebnahme_datum", sa.Date(), nullable=True),
        sa.Column("verschrottung_datum", sa.Date(), nullable=True),
        sa.Column("sim_iccid", sa.Text(), nullable=True),
    ):
        op.add_column("stromzaehler", spalte)
