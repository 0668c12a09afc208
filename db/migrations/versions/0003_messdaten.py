"""Folded days, versions, Ersatzwerte, decisions on quarantine, files taken in, deletion runs.

Readings that are stored already are counted by day; the first message of each meter finds its newest one. Of the
hashes in `telegrammstand.fenster` the first half stays.
"""

import sqlalchemy as sa
from alembic import op

import db.types

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ersatzwertbildung",
        sa.Column("stromzaehler_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("von", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("nummer", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("bis", sa.BigInteger(), nullable=False),
        sa.Column("verfahren", sa.Text(), nullable=False),
        sa.Column("eingaben", sa.JSON(), nullable=False),
        sa.Column("gebildet", sa.BigInteger(), nullable=False),
        sa.Column("abgeloest", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("stromzaehler_id", "von", "nummer", name=op.f("pk_ersatzwertbildung")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "importlauf",
        sa.Column("importlauf_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("datei_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("dateiname", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("begonnen_zeitpunkt", db.types.Zeitpunkt(), nullable=False),
        sa.Column("beendet_zeitpunkt", db.types.Zeitpunkt(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("neu", sa.BigInteger(), nullable=False),
        sa.Column("doppelt", sa.BigInteger(), nullable=False),
        sa.Column("abgelehnt", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("importlauf_id", name=op.f("pk_importlauf")),
        sa.UniqueConstraint("datei_sha256", name=op.f("uq_importlauf_datei_sha256")),
        sqlite_strict=True,
    )
    op.create_table(
        "loeschlauf",
        sa.Column("loeschlauf_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("zeitpunkt", db.types.Zeitpunkt(), nullable=False),
        sa.Column("beendet_zeitpunkt", db.types.Zeitpunkt(), nullable=True),
        sa.Column("akteur", sa.Text(), nullable=False),
        sa.Column("stichtag_datum", sa.Date(), nullable=False),
        sa.Column("grund", sa.Text(), nullable=False),
        sa.Column("ergebnis", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("loeschlauf_id", name=op.f("pk_loeschlauf")),
        sqlite_strict=True,
    )
    op.create_table(
        "neuberechnung",
        sa.Column("stromzaehler_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("tag", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seit", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("stromzaehler_id", "tag", name=op.f("pk_neuberechnung")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tagesstand",
        sa.Column("stromzaehler_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("tag", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("anzahl", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("stromzaehler_id", "tag", name=op.f("pk_tagesstand")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tagessumme",
        sa.Column("tag_datum", sa.Date(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("kunden", sa.Integer(), nullable=False),
        sa.Column("bezug_wh", sa.BigInteger(), nullable=False),
        sa.Column("einspeisung_wh", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("kunden >= 5", name=op.f("ck_tagessumme_kunden")),
        sa.PrimaryKeyConstraint("tag_datum", "region", name=op.f("pk_tagessumme")),
        sqlite_strict=True,
    )
    op.create_table(
        "verbrauch_fassung",
        sa.Column("stromzaehler_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("uhrzeit", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("nummer", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("stromverbrauch_gesamt_wh", sa.BigInteger(), nullable=False),
        sa.Column("einspeisung_gesamt_wh", sa.BigInteger(), nullable=False),
        sa.Column("stromverbrauch_momentan_w", sa.BigInteger(), nullable=True),
        sa.Column("qualitaet", sa.SmallInteger(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("empfangen", sa.BigInteger(), nullable=False),
        sa.Column("herkunft", sa.SmallInteger(), nullable=False),
        sa.Column("ersetzt", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("stromzaehler_id", "uhrzeit", "nummer", name=op.f("pk_verbrauch_fassung")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "verbrauch_tag",
        sa.Column("stromzaehler_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("tag", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("anzahl", sa.SmallInteger(), nullable=False),
        sa.Column("gemessen", sa.SmallInteger(), nullable=False),
        sa.Column("inhalt", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("stromzaehler_id", "tag", name=op.f("pk_verbrauch_tag")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_verbrauch_tag_unvollstaendig",
        "verbrauch_tag",
        ["tag", "stromzaehler_id"],
        unique=False,
        postgresql_where=sa.text("gemessen < 96"),
        sqlite_where=sa.text("gemessen < 96"),
    )

    op.create_table(
        "zaehlwerksabschnitt",
        sa.Column("stromzaehler_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ab", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("nummer", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("grund", sa.Text(), nullable=False),
        sa.Column("faktor", sa.Integer(), nullable=False),
        sa.Column("bezug_versatz_wh", sa.BigInteger(), nullable=False),
        sa.Column("einspeisung_versatz_wh", sa.BigInteger(), nullable=False),
        sa.Column("erfasst", sa.BigInteger(), nullable=False),
        sa.Column("abgeloest", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("stromzaehler_id", "ab", "nummer", name=op.f("pk_zaehlwerksabschnitt")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.add_column("quarantaene", sa.Column("entscheidung", sa.Text(), nullable=True))
    op.add_column("quarantaene", sa.Column("entschieden", sa.BigInteger(), nullable=True))

    op.add_column("telegrammstand", sa.Column("stand_uhrzeit", sa.BigInteger(), nullable=True))
    op.add_column("telegrammstand", sa.Column("stand_bezug_wh", sa.BigInteger(), nullable=True))
    op.add_column("telegrammstand", sa.Column("stand_einspeisung_wh", sa.BigInteger(), nullable=True))

    op.add_column(
        "verbrauch", sa.Column("herkunft", sa.SmallInteger(), server_default=sa.text("0"), nullable=False)
    )
    op.execute(
        "INSERT INTO tagesstand (stromzaehler_id, tag, anzahl)"
        " SELECT stromzaehler_id, uhrzeit / 86400, count(*) FROM verbrauch"
        " GROUP BY stromzaehler_id, uhrzeit / 86400"
    )
    _shorten_windows(op.get_bind())


def _shorten_windows(connection: sa.Connection) -> None:
    """From 8 bytes of folge and 32 of hash to 8 and 16; a thousand meters at a time."""
    stand = sa.table("telegrammstand", sa.column("stromzaehler_id"), sa.column("fenster", sa.LargeBinary()))
    naechste = (
        sa.select(stand)
        .where(stand.c.stromzaehler_id > sa.bindparam("nach"))
        .order_by(stand.c.stromzaehler_id)
        .limit(1000)
    )
    kuerzen = (
        sa.update(stand)
        .where(stand.c.stromzaehler_id == sa.bindparam("nummer"))
        .values(fenster=sa.bindparam("kurz", type_=sa.LargeBinary()))
    )
    zeilen = connection.execute(naechste, {"nach": -1}).all()
    while zeilen:
        kurze = [
            {"nummer": nummer, "kurz": b"".join(lang[i : i + 24] for i in range(0, len(lang), 40))}
            for nummer, lang in zeilen
        ]
        connection.execute(kuerzen, kurze)
        zeilen = connection.execute(naechste, {"nach": zeilen[-1].stromzaehler_id}).all()
