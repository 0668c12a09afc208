"""Letters that announce a visit, warnings of applications, and indexes of long lists."""

import sqlalchemy as sa
from alembic import op

import db.types

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "zutrittsankuendigung",
        sa.Column("zutrittsankuendigung_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("auftrag_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kunde_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("angelegt_zeitpunkt", db.types.Zeitpunkt(), nullable=False),
        sa.Column("versand_datum", sa.Date(), nullable=False),
        sa.Column("termin_datum", sa.Date(), nullable=False),
        sa.Column("ersatztermin_datum", sa.Date(), nullable=False),
        sa.Column("zeitfenster", sa.Text(), nullable=False),
        sa.Column("inhalt", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["auftrag_id"], ["auftrag.auftrag_id"], name=op.f("fk_zutrittsankuendigung_auftrag_id")
        ),
        sa.ForeignKeyConstraint(["kunde_id"], ["kunde.kunde_id"], name=op.f("fk_zutrittsankuendigung_kunde_id")),
        sa.PrimaryKeyConstraint("zutrittsankuendigung_id", name=op.f("pk_zutrittsankuendigung")),
        sqlite_strict=True,
    )
    op.create_index("ix_zutrittsankuendigung_auftrag_id", "zutrittsankuendigung", ["auftrag_id"], unique=False)
    op.create_index("ix_zutrittsankuendigung_kunde_id", "zutrittsankuendigung", ["kunde_id"], unique=False)
    op.create_index(
        "ix_zutrittsankuendigung_versand_datum", "zutrittsankuendigung", ["versand_datum"], unique=False
    )

    op.add_column("wartung", sa.Column("antragsfrist_datum", sa.Date(), nullable=True))
    op.add_column("wartung", sa.Column("antragswarnung_datum", sa.Date(), nullable=True))
    op.add_column("wartung", sa.Column("antrag_gewarnt_datum", sa.Date(), nullable=True))
    op.create_index(
        "ix_wartung_antragswarnung_datum", "wartung", ["antragswarnung_datum", "stromzaehler_id"], unique=False
    )

    op.add_column("stoerung", sa.Column("netz_zeitpunkt", db.types.Zeitpunkt(), nullable=True))
    op.create_index(
        "ix_stoerung_erkannt_zeitpunkt", "stoerung", ["erkannt_zeitpunkt", "stoerung_id"], unique=False
    )
    op.create_index(
        "ix_stoerung_auftrag",
        "stoerung",
        ["stoerung_id"],
        unique=False,
        postgresql_where=sa.text("behoben_zeitpunkt IS NULL AND stufe = 'AUFTRAG'"),
        sqlite_where=sa.text("behoben_zeitpunkt IS NULL AND stufe = 'AUFTRAG'"),
    )

    op.create_index("ix_auftrag_termin_datum", "auftrag", ["termin_datum", "auftrag_id"], unique=False)

    op.add_column("auftragsnachweis", sa.Column("inhalt_sha256", sa.LargeBinary(), nullable=True))
    op.create_index(
        "ix_auftragsnachweis_auftrag_id_inhalt_sha256",
        "auftragsnachweis",
        ["auftrag_id", "inhalt_sha256"],
        unique=True,
    )
