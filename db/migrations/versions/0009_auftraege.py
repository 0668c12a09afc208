"""Work orders, their visits, and what proves them."""

import sqlalchemy as sa
from alembic import op

import db.types

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "auftrag",
        sa.Column("auftrag_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("art", sa.Text(), nullable=False),
        sa.Column("zustand", sa.Text(), nullable=False),
        sa.Column("messstelle_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("stromzaehler_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("stoerung_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("benutzer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("termin_datum", sa.Date(), nullable=True),
        sa.Column("anlass", sa.Text(), nullable=False),
        sa.Column("grund", sa.Text(), nullable=True),
        sa.Column("angelegt_zeitpunkt", db.types.Zeitpunkt(), nullable=False),
        sa.Column("beendet_zeitpunkt", db.types.Zeitpunkt(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "art IN ('EINBAU', 'WECHSEL', 'REPARATUR', 'KONTROLLABLESUNG', 'EICHUNG', 'AUSBAU')",
            name=op.f("ck_auftrag_art"),
        ),
        sa.CheckConstraint(
            "zustand IN ('OFFEN', 'GEPLANT', 'UNTERWEGS', 'ERLEDIGT', 'FEHLGESCHLAGEN', 'STORNIERT')",
            name=op.f("ck_auftrag_zustand"),
        ),
        sa.ForeignKeyConstraint(["benutzer_id"], ["benutzer.benutzer_id"], name=op.f("fk_auftrag_benutzer_id")),
        sa.ForeignKeyConstraint(
            ["messstelle_id"], ["messstelle.messstelle_id"], name=op.f("fk_auftrag_messstelle_id")
        ),
        sa.ForeignKeyConstraint(["stoerung_id"], ["stoerung.stoerung_id"], name=op.f("fk_auftrag_stoerung_id")),
        sa.ForeignKeyConstraint(
            ["stromzaehler_id"], ["stromzaehler.stromzaehler_id"], name=op.f("fk_auftrag_stromzaehler_id")
        ),
        sa.PrimaryKeyConstraint("auftrag_id", name=op.f("pk_auftrag")),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_auftrag_benutzer_id_termin_datum", "auftrag", ["benutzer_id", "termin_datum"], unique=False
    )
    op.create_index("ix_auftrag_messstelle_id", "auftrag", ["messstelle_id"], unique=False)
    op.create_index(
        "ix_auftrag_stoerung_offen",
        "auftrag",
        ["stoerung_id"],
        unique=True,
        postgresql_where=sa.text("zustand IN ('OFFEN', 'GEPLANT', 'UNTERWEGS')"),
        sqlite_where=sa.text("zustand IN ('OFFEN', 'GEPLANT', 'UNTERWEGS')"),
    )
    op.create_index("ix_auftrag_stromzaehler_id", "auftrag", ["stromzaehler_id"], unique=False)
    op.create_index("ix_auftrag_zustand_termin_datum", "auftrag", ["zustand", "termin_datum"], unique=False)

    op.create_table(
        "auftragsbesuch",
        sa.Column(
            "auftrag_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("nummer", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("zeitpunkt", db.types.Zeitpunkt(), nullable=False),
        sa.Column("grund", sa.Text(), nullable=False),
        sa.Column("ersatztermin_datum", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["auftrag_id"], ["auftrag.auftrag_id"], name=op.f("fk_auftragsbesuch_auftrag_id")),
        sa.PrimaryKeyConstraint("auftrag_id", "nummer", name=op.f("pk_auftragsbesuch")),
        sqlite_strict=True,
    )
    op.create_table(
        "auftragsnachweis",
        sa.Column("auftragsnachweis_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("auftrag_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("art", sa.Text(), nullable=False),
        sa.Column("zeitpunkt", db.types.Zeitpunkt(), nullable=False),
        sa.Column("notiz", sa.Text(), nullable=True),
        sa.Column("bezug_gesamt_wh", sa.BigInteger(), nullable=True),
        sa.Column("einspeisung_gesamt_wh", sa.BigInteger(), nullable=True),
        sa.Column("medientyp", sa.Text(), nullable=True),
        sa.Column("inhalt", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("art IN ('ABLESUNG', 'FOTO', 'NOTIZ')", name=op.f("ck_auftragsnachweis_art")),
        sa.ForeignKeyConstraint(
            ["auftrag_id"], ["auftrag.auftrag_id"], name=op.f("fk_auftragsnachweis_auftrag_id")
        ),
        sa.PrimaryKeyConstraint("auftragsnachweis_id", name=op.f("pk_auftragsnachweis")),
        sqlite_strict=True,
    )
    op.create_index("ix_auftragsnachweis_auftrag_id", "auftragsnachweis", ["auftrag_id"], unique=False)
