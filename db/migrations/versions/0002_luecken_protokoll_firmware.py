"""What the operator keeps of gaps, of the log of devices and of their clocks; firmware.

Meters that sent before begin with `lueckenlos_bis` null: their first message finds what is missing.
"""

import sqlalchemy as sa
from alembic import op

import db.types

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "fehlanzeige",
        sa.Column("stromzaehler_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("von", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("bis", sa.BigInteger(), nullable=False),
        sa.Column("empfangen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("stromzaehler_id", "von", name=op.f("pk_fehlanzeige")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "firmware",
        sa.Column("firmware_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("modell", sa.Text(), nullable=False),
        sa.Column("firmwareversion", sa.Text(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("manifest", sa.LargeBinary(), nullable=False),
        sa.Column("signatur", sa.LargeBinary(), nullable=False),
        sa.Column("zertifikat", sa.LargeBinary(), nullable=False),
        sa.Column("anteil_prozent", sa.Integer(), nullable=False),
        sa.Column("angelegt_zeitpunkt", db.types.Zeitpunkt(), nullable=False),
        sa.Column("zurueckgezogen_zeitpunkt", db.types.Zeitpunkt(), nullable=True),
        sa.Column("bild", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("anteil_prozent BETWEEN 0 AND 100", name=op.f("ck_firmware_anteil_prozent")),
        sa.PrimaryKeyConstraint("firmware_id", name=op.f("pk_firmware")),
        sa.UniqueConstraint("modell", "firmwareversion", name=op.f("uq_firmware_modell_firmwareversion")),
        sqlite_strict=True,
    )
    for spalte in (
        sa.Column("lueckenlos_bis", sa.BigInteger(), nullable=True),
        sa.Column("neueste_uhrzeit", sa.BigInteger(), nullable=True),
        sa.Column("viertel", sa.BigInteger(), nullable=True),
        sa.Column("viertel_anzahl", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("meldung_nummer", sa.BigInteger(), nullable=False, server_default="-1"),
        sa.Column("uhr_abweichung_s", sa.BigInteger(), nullable=True),
        sa.Column("protokoll_angefordert", sa.Boolean(), nullable=False, server_default=sa.false()),
    ):
        op.add_column("telegrammstand", spalte)
    # With every log message the events of one meter in the last 24 hours are counted.
    op.drop_index("ix_ereignis_objekt", table_name="ereignis")
    op.create_index("ix_ereignis_objekt", "ereignis", ["objekt_art", "objekt_id", "zeitpunkt"], unique=False)
