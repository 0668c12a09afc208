"""Störungen of meters, and the signs of life by which they are found."""

import sqlalchemy as sa
from alembic import op

import db.types

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "stoerung",
        sa.Column("stoerung_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("stromzaehler_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("art", sa.Text(), nullable=False),
        sa.Column("stufe", sa.Text(), nullable=False),
        sa.Column("ursache", sa.Text(), nullable=False),
        sa.Column("beginn_zeitpunkt", db.types.Zeitpunkt(), nullable=False),
        sa.Column("erkannt_zeitpunkt", db.types.Zeitpunkt(), nullable=False),
        sa.Column("behoben_zeitpunkt", db.types.Zeitpunkt(), nullable=True),
        sa.Column("behoben_durch", sa.Text(), nullable=True),
        sa.Column("grund", sa.Text(), nullable=True),
        sa.Column("daten", sa.JSON(), nullable=False),
        sa.Column("erholt_zeitpunkt", db.types.Zeitpunkt(), nullable=True),
        sa.Column("abgeklungen_zeitpunkt", db.types.Zeitpunkt(), nullable=True),
        sa.Column("gemeldet_stufe", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("stufe IN ('WARNUNG', 'ALARM', 'AUFTRAG')", name=op.f("ck_stoerung_stufe")),
        sa.ForeignKeyConstraint(
            ["stromzaehler_id"], ["stromzaehler.stromzaehler_id"], name=op.f("fk_stoerung_stromzaehler_id")
        ),
        sa.PrimaryKeyConstraint("stoerung_id", name=op.f("pk_stoerung")),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_stoerung_laufend",
        "stoerung",
        ["stromzaehler_id", "art"],
        unique=True,
        postgresql_where=sa.text("abgeklungen_zeitpunkt IS NULL"),
        sqlite_where=sa.text("abgeklungen_zeitpunkt IS NULL"),
    )
    op.create_index(
        "ix_stoerung_stromzaehler_id", "stoerung", ["stromzaehler_id", "erkannt_zeitpunkt"], unique=False
    )
    for spalte in (
        sa.Column("rsrp_dbm", sa.Integer(), nullable=True),
        sa.Column("firmwareversion", sa.Text(), nullable=True),
        sa.Column("schluessel_gueltig_bis", db.types.Zeitpunkt(), nullable=True),
        sa.Column("manipuliert_zeitpunkt", db.types.Zeitpunkt(), nullable=True),
        sa.Column("spannungslos_zeitpunkt", db.types.Zeitpunkt(), nullable=True),
        sa.Column("abgewiesen_zeitpunkt", db.types.Zeitpunkt(), nullable=True),
        sa.Column("abgewiesen_anzahl", sa.Integer(), server_default=sa.text("0"), nullable=False),
    ):
        op.add_column("telegrammstand", spalte)
