"""Renewal as a meter does it, and the keys as the database has them."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import select, update

from db.models import Geraeteschluessel
from telegramm.einschreibung import Einschreibungsantwort, Erneuerung
from tests.kanal import Zaehler, csr


def erneuerung(neu, **werte):
    """The plaintext with which a meter asks for certificates of the keys of `neu`; `werte` replaces parts."""
    felder = {
        "zaehler": neu.zaehlernummer,
        "csr_tls": csr(neu.tls, neu.zaehlernummer),
        "csr_signatur": csr(neu.signatur, neu.zaehlernummer),
        "csr_verschluesselung": csr(neu.verschluesselung, neu.zaehlernummer),
    }
    return Erneuerung(**felder | werte).to_bytes()


def with_new_keys(alt, **schluessel):
    """The same meter with other keys."""
    return Zaehler(alt.zaehlernummer, alt.stromzaehler_id, **schluessel)


def renew(kanal, alt, neu, klartext=None):
    """Send a renewal, signed by `alt`; a successful answer is kept by `neu`."""
    der = alt.seal(klartext or erneuerung(neu), kanal.uhr.now())
    antwort = send(kanal, der)
    if antwort.status_code == 200:
        neu.antwort = Einschreibungsantwort.from_bytes(antwort.data)
    return antwort


def send(kanal, der):
    return kanal.einschreibung.test_client().post(
        "/geraete/v1/einschreibung", data=der, content_type="application/cms"
    )


def end_in(session, tage):
    """Let every key end so many days from now, in real time."""
    session.execute(update(Geraeteschluessel).values(gueltig_bis=datetime.now(UTC) + timedelta(days=tage)))
    session.commit()


def revoked(session):
    """{epoche: whether its keys are revoked}; a set is revoked as a whole."""
    session.rollback()
    saetze = {}
    for zeile in session.scalars(select(Geraeteschluessel)):
        saetze.setdefault(zeile.epoche, []).append(zeile.gesperrt_zeitpunkt is not None)
    session.rollback()  # An open transaction would keep every writer of SQLite waiting.
    assert all(len(satz) == 3 and len(set(satz)) == 1 for satz in saetze.values())
    return {epoche: satz[0] for epoche, satz in sorted(saetze.items())}


def refusal(antwort):
    return antwort.status_code, antwort.json["code"]
