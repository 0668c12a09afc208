"""The tables of the first version.

PostgreSQL only: `verbrauch` is partitioned by time with a DEFAULT partition (a reading of any age finds its
place), and overlapping intervals are refused by EXCLUDE constraints (the services check them on SQLite).
Both databases: triggers keep `ereignis` and `audit` append-only.
"""

import sqlalchemy as sa
from alembic import op

import db.types

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "anmeldeversuch",
        sa.Column("anmeldeversuch_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("zeitpunkt", db.types.Zeitpunkt(), nullable=False),
        sa.PrimaryKeyConstraint("anmeldeversuch_id", name=op.f("pk_anmeldeversuch")),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_anmeldeversuch_name_sha256_zeitpunkt", "anmeldeversuch", ["name_sha256", "zeitpunkt"], unique=False
    )

    op.create_table(
        "audit",
        sa.Column("audit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("zeitpunkt", db.types.Zeitpunkt(), nullable=False),
        sa.Column("akteur", sa.Text(), nullable=False),
        sa.Column("aktion", sa.Text(), nullable=False),
        sa.Column("objekt_art", sa.Text(), nullable=False),
        sa.Column("objekt_id", sa.BigInteger(), nullable=False),
        sa.Column("alt", sa.JSON(), nullable=False),
        sa.Column("neu", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("audit_id", name=op.f("pk_audit")),
        sqlite_strict=True,
    )
    op.create_index("ix_audit_objekt", "audit", ["objekt_art", "objekt_id"], unique=False)

    op.create_table(
        "ereignis",
        sa.Column("ereignis_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("zeitpunkt", db.types.Zeitpunkt(), nullable=False),
        sa.Column("art", sa.Text(), nullable=False),
        sa.Column("objekt_art", sa.Text(), nullable=False),
        sa.Column("objekt_id", sa.BigInteger(), nullable=False),
        sa.Column("akteur", sa.Text(), nullable=False),
        sa.Column("daten", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("ereignis_id", name=op.f("pk_ereignis")),
        sqlite_strict=True,
    )
    op.create_index("ix_ereignis_objekt", "ereignis", ["objekt_art", "objekt_id"], unique=False)

    op.create_table(
        "kunde",
        sa.Column("kunde_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kundennummer", sa.Text(), nullable=False),
        sa.Column("art", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("strasse", sa.Text(), nullable=False),
        sa.Column("hausnummer", sa.Text(), nullable=False),
        sa.Column("hausnummerzusatz", sa.Text(), nullable=True),
        sa.Column("postleitzahl", sa.Text(), nullable=False),
        sa.Column("stadtname", sa.Text(), nullable=False),
        sa.Column("e_mail", sa.Text(), nullable=True),
        sa.Column("telefon", sa.Text(), nullable=True),
        sa.Column("registriert_datum", sa.Date(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("art IN ('VERBRAUCHER', 'UNTERNEHMEN')", name=op.f("ck_kunde_art")),
        sa.PrimaryKeyConstraint("kunde_id", name=op.f("pk_kunde")),
        sa.UniqueConstraint("kundennummer", name=op.f("uq_kunde_kundennummer")),
        sqlite_strict=True,
    )
    op.create_index("ix_kunde_name_kunde_id", "kunde", ["name", "kunde_id"], unique=False)
    op.create_index("ix_kunde_postleitzahl", "kunde", ["postleitzahl"], unique=False)

    op.create_table(
        "messstelle",
        sa.Column("messstelle_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("malo_id", sa.Text(), nullable=False),
        sa.Column("melo_id", sa.Text(), nullable=False),
        sa.Column("strasse", sa.Text(), nullable=False),
        sa.Column("hausnummer", sa.Text(), nullable=False),
        sa.Column("hausnummerzusatz", sa.Text(), nullable=True),
        sa.Column("postleitzahl", sa.Text(), nullable=False),
        sa.Column("stadtname", sa.Text(), nullable=False),
        sa.Column("bundesland", sa.Text(), nullable=False),
        sa.Column("anschlussleistung_kw", db.types.Dezimal(precision=9, scale=3), nullable=False),
        sa.Column("zugangshinweis", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("messstelle_id", name=op.f("pk_messstelle")),
        sa.UniqueConstraint("malo_id", name=op.f("uq_messstelle_malo_id")),
        sa.UniqueConstraint("melo_id", name=op.f("uq_messstelle_melo_id")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_messstelle_postleitzahl"), "messstelle", ["postleitzahl"], unique=False)

    op.create_table(
        "nachricht",
        sa.Column("nachricht_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("angelegt_zeitpunkt", db.types.Zeitpunkt(), nullable=False),
        sa.Column("empfaenger", sa.Text(), nullable=False),
        sa.Column("betreff", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("nachricht_id", name=op.f("pk_nachricht")),
        sqlite_strict=True,
    )
    op.create_table(
        "quarantaene",
        sa.Column("stromzaehler_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("uhrzeit", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("wert_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("stromverbrauch_gesamt_wh", sa.BigInteger(), nullable=False),
        sa.Column("einspeisung_gesamt_wh", sa.BigInteger(), nullable=False),
        sa.Column("stromverbrauch_momentan_w", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("grund", sa.Text(), nullable=False),
        sa.Column("empfangen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("stromzaehler_id", "uhrzeit", "wert_sha256", name=op.f("pk_quarantaene")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("ix_quarantaene_empfangen", "quarantaene", ["empfangen"], unique=False)

    op.create_table(
        "stromzaehler",
        sa.Column("stromzaehler_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("zaehlernummer", sa.Text(), nullable=False),
        sa.Column("hersteller", sa.Text(), nullable=False),
        sa.Column("modell", sa.Text(), nullable=False),
        sa.Column("seriennummer", sa.Text(), nullable=False),
        sa.Column("stellen", sa.Integer(), nullable=False),
        sa.Column("faktor", sa.Integer(), nullable=False),
        sa.Column("inf", sa.Boolean(), nullable=False),
        sa.Column("zustand", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "zustand IN ('LAGER', 'EINGEBAUT', 'GESPERRT', 'AUSGEBAUT', 'VERSCHROTTET')",
            name=op.f("ck_stromzaehler_zustand"),
        ),
        sa.CheckConstraint("faktor >= 1", name=op.f("ck_stromzaehler_faktor")),
        sa.CheckConstraint("stellen BETWEEN 5 AND 9", name=op.f("ck_stromzaehler_stellen")),
        sa.PrimaryKeyConstraint("stromzaehler_id", name=op.f("pk_stromzaehler")),
        sa.UniqueConstraint("zaehlernummer", name=op.f("uq_stromzaehler_zaehlernummer")),
        sqlite_strict=True,
    )
    op.create_table(
        "tarif",
        sa.Column("tarif_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("bezeichnung", sa.Text(), nullable=False),
        sa.Column("produkt", sa.Text(), nullable=False),
        sa.Column("grundpreis_eur_monat", db.types.Dezimal(precision=10, scale=4), nullable=False),
        sa.Column("arbeitspreis_ct_kwh", db.types.Dezimal(precision=10, scale=4), nullable=False),
        sa.Column("gueltig_von_datum", sa.Date(), nullable=False),
        sa.Column("gueltig_bis_datum", sa.Date(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("produkt IN ('MESSSTELLENBETRIEB', 'STROMLIEFERUNG')", name=op.f("ck_tarif_produkt")),
        sa.PrimaryKeyConstraint("tarif_id", name=op.f("pk_tarif")),
        sa.UniqueConstraint("bezeichnung", name=op.f("uq_tarif_bezeichnung")),
        sqlite_strict=True,
    )
    op.create_table(
        "telegrammstand",
        sa.Column("stromzaehler_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("epoche", sa.BigInteger(), nullable=False),
        sa.Column("fenster", sa.LargeBinary(), nullable=False),
        sa.Column("zuletzt_empfangen", db.types.Zeitpunkt(), nullable=True),
        sa.Column("empfangstag", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("stromzaehler_id", name=op.f("pk_telegrammstand")),
        sqlite_strict=True,
    )
    op.create_table(
        "verbrauch",
        sa.Column("stromzaehler_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("uhrzeit", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("stromverbrauch_gesamt_wh", sa.BigInteger(), nullable=False),
        sa.Column("einspeisung_gesamt_wh", sa.BigInteger(), nullable=False),
        sa.Column("stromverbrauch_momentan_w", sa.BigInteger(), nullable=True),
        sa.Column("qualitaet", sa.SmallInteger(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("empfangen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("stromzaehler_id", "uhrzeit", name=op.f("pk_verbrauch")),
        postgresql_partition_by="RANGE (uhrzeit)",
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "benutzer",
        sa.Column("benutzer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("benutzername", sa.Text(), nullable=False),
        sa.Column("passwort_hash", sa.Text(), nullable=False),
        sa.Column("rollen", sa.JSON(), nullable=False),
        sa.Column("kunde_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("aktiv", sa.Boolean(), nullable=False),
        sa.Column("angelegt_zeitpunkt", db.types.Zeitpunkt(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["kunde_id"], ["kunde.kunde_id"], name=op.f("fk_benutzer_kunde_id")),
        sa.PrimaryKeyConstraint("benutzer_id", name=op.f("pk_benutzer")),
        sa.UniqueConstraint("benutzername", name=op.f("uq_benutzer_benutzername")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_benutzer_kunde_id"), "benutzer", ["kunde_id"], unique=False)

    op.create_table(
        "einbau",
        sa.Column("einbau_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("stromzaehler_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("messstelle_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("von", db.types.Zeitpunkt(), nullable=False),
        sa.Column("bis", db.types.Zeitpunkt(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("bis IS NULL OR bis > von", name=op.f("ck_einbau_zeitraum")),
        sa.ForeignKeyConstraint(
            ["messstelle_id"], ["messstelle.messstelle_id"], name=op.f("fk_einbau_messstelle_id")
        ),
        sa.ForeignKeyConstraint(
            ["stromzaehler_id"], ["stromzaehler.stromzaehler_id"], name=op.f("fk_einbau_stromzaehler_id")
        ),
        sa.PrimaryKeyConstraint("einbau_id", name=op.f("pk_einbau")),
        sqlite_strict=True,
    )
    op.create_index("ix_einbau_messstelle_id_von", "einbau", ["messstelle_id", "von"], unique=False)
    op.create_index("ix_einbau_stromzaehler_id_von", "einbau", ["stromzaehler_id", "von"], unique=False)

    op.create_table(
        "einschreibungstoken",
        sa.Column("einschreibungstoken_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("stromzaehler_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("token_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("angelegt_zeitpunkt", db.types.Zeitpunkt(), nullable=False),
        sa.Column("gueltig_bis", db.types.Zeitpunkt(), nullable=False),
        sa.Column("fehlversuche", sa.Integer(), nullable=False),
        sa.Column("benutzt_zeitpunkt", db.types.Zeitpunkt(), nullable=True),
        sa.Column("epoche", sa.Integer(), nullable=True),
        sa.Column("schluessel_sha256", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["stromzaehler_id"],
            ["stromzaehler.stromzaehler_id"],
            name=op.f("fk_einschreibungstoken_stromzaehler_id"),
        ),
        sa.PrimaryKeyConstraint("einschreibungstoken_id", name=op.f("pk_einschreibungstoken")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_einschreibungstoken_token_sha256")),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_einschreibungstoken_stromzaehler_id"), "einschreibungstoken", ["stromzaehler_id"], unique=False
    )

    op.create_table(
        "geraeteschluessel",
        sa.Column("geraeteschluessel_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("stromzaehler_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("zweck", sa.Text(), nullable=False),
        sa.Column("epoche", sa.Integer(), nullable=False),
        sa.Column("ski", sa.LargeBinary(), nullable=False),
        sa.Column("fingerabdruck", sa.LargeBinary(), nullable=False),
        sa.Column("zertifikat", sa.LargeBinary(), nullable=False),
        sa.Column("gueltig_von", db.types.Zeitpunkt(), nullable=False),
        sa.Column("gueltig_bis", db.types.Zeitpunkt(), nullable=False),
        sa.Column("gesperrt_zeitpunkt", db.types.Zeitpunkt(), nullable=True),
        sa.CheckConstraint(
            "zweck IN ('TLS', 'SIGNATUR', 'VERSCHLUESSELUNG')", name=op.f("ck_geraeteschluessel_zweck")
        ),
        sa.ForeignKeyConstraint(
            ["stromzaehler_id"],
            ["stromzaehler.stromzaehler_id"],
            name=op.f("fk_geraeteschluessel_stromzaehler_id"),
        ),
        sa.PrimaryKeyConstraint("geraeteschluessel_id", name=op.f("pk_geraeteschluessel")),
        sa.UniqueConstraint("fingerabdruck", name=op.f("uq_geraeteschluessel_fingerabdruck")),
        sa.UniqueConstraint("ski", name=op.f("uq_geraeteschluessel_ski")),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_geraeteschluessel_stromzaehler_id_zweck",
        "geraeteschluessel",
        ["stromzaehler_id", "zweck"],
        unique=False,
    )

    op.create_table(
        "kunde_stromzaehler",
        sa.Column("kunde_stromzaehler_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kunde_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("stromzaehler_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("von", db.types.Zeitpunkt(), nullable=False),
        sa.Column("bis", db.types.Zeitpunkt(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("bis IS NULL OR bis > von", name=op.f("ck_kunde_stromzaehler_zeitraum")),
        sa.ForeignKeyConstraint(["kunde_id"], ["kunde.kunde_id"], name=op.f("fk_kunde_stromzaehler_kunde_id")),
        sa.ForeignKeyConstraint(
            ["stromzaehler_id"],
            ["stromzaehler.stromzaehler_id"],
            name=op.f("fk_kunde_stromzaehler_stromzaehler_id"),
        ),
        sa.PrimaryKeyConstraint("kunde_stromzaehler_id", name=op.f("pk_kunde_stromzaehler")),
        sqlite_strict=True,
    )
    op.create_index("ix_kunde_stromzaehler_kunde_id_von", "kunde_stromzaehler", ["kunde_id", "von"], unique=False)
    op.create_index(
        "ix_kunde_stromzaehler_stromzaehler_id_von", "kunde_stromzaehler", ["stromzaehler_id", "von"], unique=False
    )

    op.create_table(
        "vertrag",
        sa.Column("vertrag_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("vertragsnummer", sa.Text(), nullable=False),
        sa.Column("kunde_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("messstelle_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("tarif_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("produkt", sa.Text(), nullable=False),
        sa.Column("zustand", sa.Text(), nullable=False),
        sa.Column("beginn_datum", sa.Date(), nullable=False),
        sa.Column("ende_datum", sa.Date(), nullable=True),
        sa.Column("kuendigungsfrist_wochen", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("produkt IN ('MESSSTELLENBETRIEB', 'STROMLIEFERUNG')", name=op.f("ck_vertrag_produkt")),
        sa.CheckConstraint(
            "zustand IN ('ANGELEGT', 'AKTIV', 'GEKUENDIGT', 'BEENDET')", name=op.f("ck_vertrag_zustand")
        ),
        sa.CheckConstraint("ende_datum IS NULL OR ende_datum > beginn_datum", name=op.f("ck_vertrag_zeitraum")),
        sa.CheckConstraint("kuendigungsfrist_wochen >= 0", name=op.f("ck_vertrag_kuendigungsfrist")),
        sa.ForeignKeyConstraint(["kunde_id"], ["kunde.kunde_id"], name=op.f("fk_vertrag_kunde_id")),
        sa.ForeignKeyConstraint(
            ["messstelle_id"], ["messstelle.messstelle_id"], name=op.f("fk_vertrag_messstelle_id")
        ),
        sa.ForeignKeyConstraint(["tarif_id"], ["tarif.tarif_id"], name=op.f("fk_vertrag_tarif_id")),
        sa.PrimaryKeyConstraint("vertrag_id", name=op.f("pk_vertrag")),
        sa.UniqueConstraint("vertragsnummer", name=op.f("uq_vertrag_vertragsnummer")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_vertrag_kunde_id"), "vertrag", ["kunde_id"], unique=False)
    op.create_index(op.f("ix_vertrag_messstelle_id"), "vertrag", ["messstelle_id"], unique=False)
    op.create_index(op.f("ix_vertrag_tarif_id"), "vertrag", ["tarif_id"], unique=False)

    op.create_table(
        "wartung",
        sa.Column(
            "stromzaehler_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("einbau_datum", sa.Date(), nullable=True),
        sa.Column("letzte_manuelle_ablesung_datum", sa.Date(), nullable=True),
        sa.Column("letzte_eichung_datum", sa.Date(), nullable=True),
        sa.Column("naechste_wartung_datum", sa.Date(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["stromzaehler_id"], ["stromzaehler.stromzaehler_id"], name=op.f("fk_wartung_stromzaehler_id")
        ),
        sa.PrimaryKeyConstraint("stromzaehler_id", name=op.f("pk_wartung")),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_wartung_naechste_wartung_datum", "wartung", ["naechste_wartung_datum", "stromzaehler_id"], unique=False
    )

    op.create_table(
        "einmalcode",
        sa.Column("einmalcode_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("zweck", sa.Text(), nullable=False),
        sa.Column("code_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("kunde_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("benutzer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("gueltig_bis", db.types.Zeitpunkt(), nullable=False),
        sa.Column("benutzt_zeitpunkt", db.types.Zeitpunkt(), nullable=True),
        sa.CheckConstraint("zweck IN ('EINLADUNG', 'PASSWORT')", name=op.f("ck_einmalcode_zweck")),
        sa.CheckConstraint("(kunde_id IS NULL) <> (benutzer_id IS NULL)", name=op.f("ck_einmalcode_fuer_wen")),
        sa.ForeignKeyConstraint(["benutzer_id"], ["benutzer.benutzer_id"], name=op.f("fk_einmalcode_benutzer_id")),
        sa.ForeignKeyConstraint(["kunde_id"], ["kunde.kunde_id"], name=op.f("fk_einmalcode_kunde_id")),
        sa.PrimaryKeyConstraint("einmalcode_id", name=op.f("pk_einmalcode")),
        sa.UniqueConstraint("code_sha256", name=op.f("uq_einmalcode_code_sha256")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_einmalcode_benutzer_id"), "einmalcode", ["benutzer_id"], unique=False)
    op.create_index(op.f("ix_einmalcode_kunde_id"), "einmalcode", ["kunde_id"], unique=False)

    op.create_table(
        "sitzungsfamilie",
        sa.Column("sitzungsfamilie_id", sa.Text(), nullable=False),
        sa.Column("benutzer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("jti", sa.Text(), nullable=False),
        sa.Column("angelegt_zeitpunkt", db.types.Zeitpunkt(), nullable=False),
        sa.Column("gueltig_bis", db.types.Zeitpunkt(), nullable=False),
        sa.Column("beendet_zeitpunkt", db.types.Zeitpunkt(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["benutzer_id"], ["benutzer.benutzer_id"], name=op.f("fk_sitzungsfamilie_benutzer_id")
        ),
        sa.PrimaryKeyConstraint("sitzungsfamilie_id", name=op.f("pk_sitzungsfamilie")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_sitzungsfamilie_benutzer_id"), "sitzungsfamilie", ["benutzer_id"], unique=False)
    op.create_index("ix_sitzungsfamilie_gueltig_bis", "sitzungsfamilie", ["gueltig_bis"], unique=False)
    _append_only("ereignis")
    _append_only("audit")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("CREATE TABLE verbrauch_p_default PARTITION OF verbrauch DEFAULT")
        op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
        _exclude_overlap("kunde_stromzaehler", "stromzaehler_id")
        _exclude_overlap("einbau", "stromzaehler_id")
        _exclude_overlap("einbau", "messstelle_id")


def _exclude_overlap(tabelle: str, schluessel: str) -> None:
    op.execute(
        f"ALTER TABLE {tabelle} ADD CONSTRAINT ex_{tabelle}_{schluessel}"
        f" EXCLUDE USING gist ({schluessel} WITH =, tstzrange(von, bis) WITH &&)"
    )


def _append_only(tabelle: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f"CREATE FUNCTION {tabelle}_append_only() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN RAISE EXCEPTION '{tabelle} is append-only'; END $$"
        )
        op.execute(
            f"CREATE TRIGGER {tabelle}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {tabelle}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION {tabelle}_append_only()"
        )
        return
    for ereignis in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {tabelle}_append_only_{ereignis.lower()} BEFORE {ereignis} ON {tabelle}"
            f" BEGIN SELECT RAISE(ABORT, '{tabelle} is append-only'); END"
        )
