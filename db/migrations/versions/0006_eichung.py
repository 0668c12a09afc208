"""What the Eichfrist follows from, and grounds to bill after its end."""

import sqlalchemy as sa
from alembic import op

import db.types

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "eichung",
        sa.Column("eichung_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("stromzaehler_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("art", sa.Text(), nullable=False),
        sa.Column("datum", sa.Date(), nullable=False),
        sa.Column("bis_datum", sa.Date(), nullable=True),
        sa.Column("los", sa.Text(), nullable=True),
        sa.Column("beleg", sa.Text(), nullable=True),
        sa.Column("angelegt_zeitpunkt", db.types.Zeitpunkt(), nullable=False),
        sa.Column("zurueckgenommen_zeitpunkt", db.types.Zeitpunkt(), nullable=True),
        sa.CheckConstraint(
            "art IN ('EICHUNG', 'EINGRIFF', 'LOSVERLAENGERUNG', 'ANTRAG', 'NICHTBENUTZUNG')",
            name=op.f("ck_eichung_art"),
        ),
        sa.CheckConstraint("bis_datum IS NULL OR bis_datum >= datum", name=op.f("ck_eichung_zeitraum")),
        sa.ForeignKeyConstraint(
            ["stromzaehler_id"], ["stromzaehler.stromzaehler_id"], name=op.f("fk_eichung_stromzaehler_id")
        ),
        sa.PrimaryKeyConstraint("eichung_id", name=op.f("pk_eichung")),
        sqlite_strict=True,
    )
    op.create_index("ix_eichung_stromzaehler_id_datum", "eichung", ["stromzaehler_id", "datum"], unique=False)

    op.create_table(
        "abrechnungsfreigabe",
        sa.Column("abrechnungsfreigabe_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("stromzaehler_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("von_datum", sa.Date(), nullable=False),
        sa.Column("bis_datum", sa.Date(), nullable=True),
        sa.Column("rechtsgrund", sa.Text(), nullable=False),
        sa.Column("beleg", sa.Text(), nullable=False),
        sa.Column("angelegt_zeitpunkt", db.types.Zeitpunkt(), nullable=False),
        sa.Column("zurueckgenommen_zeitpunkt", db.types.Zeitpunkt(), nullable=True),
        sa.CheckConstraint(
            "rechtsgrund IN ('ANTRAG_RECHTZEITIG', 'BEHOERDE_GESTATTET', 'STICHPROBENLOS', 'INSTANDGESETZT')",
            name=op.f("ck_abrechnungsfreigabe_rechtsgrund"),
        ),
        sa.CheckConstraint(
            "bis_datum IS NULL OR bis_datum >= von_datum", name=op.f("ck_abrechnungsfreigabe_zeitraum")
        ),
        sa.ForeignKeyConstraint(
            ["stromzaehler_id"],
            ["stromzaehler.stromzaehler_id"],
            name=op.f("fk_abrechnungsfreigabe_stromzaehler_id"),
        ),
        sa.PrimaryKeyConstraint("abrechnungsfreigabe_id", name=op.f("pk_abrechnungsfreigabe")),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_abrechnungsfreigabe_stromzaehler_id",
        "abrechnungsfreigabe",
        ["stromzaehler_id", "von_datum"],
        unique=False,
    )

    op.add_column("wartung", sa.Column("vorgabe_datum", sa.Date(), nullable=True))
    # Alembic makes no constraint with a column on SQLite.
    op.execute(
        "ALTER TABLE wartung ADD COLUMN anlass TEXT CONSTRAINT ck_wartung_anlass CHECK"
        " (anlass IN ('EICHFRIST', 'NUTZUNGSDAUER', 'GEWAEHRLEISTUNG', 'KONTROLLABLESUNG', 'MANUELL'))"
    )
    op.add_column("wartung", sa.Column("eichfrist_ende_datum", sa.Date(), nullable=True))
    op.add_column("wartung", sa.Column("kontrollablesung_monate", sa.Integer(), nullable=True))
    # Until now every date was set by hand.
    op.execute(
        "UPDATE wartung SET vorgabe_datum = naechste_wartung_datum, anlass = 'MANUELL'"
        " WHERE naechste_wartung_datum IS NOT NULL"
    )
