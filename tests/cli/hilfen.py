"""Meters as the commands find them in a SQLite file."""

import hashlib

from sqlalchemy import update

from db.models import Geraeteschluessel, Telegrammstand
from db.session import create_engine, create_session
from tests.hilfen import FesteUhr, Welt


def add_zaehler(url, nummer, schluessel_bis=None, **werte):
    """A meter; with `schluessel_bis` it has a set of keys that ends then, with some bytes for contents."""
    engine = create_engine(url)
    stromzaehler_id = Welt(engine, FesteUhr()).stromzaehler(zaehlernummer=nummer, **werte)
    if schluessel_bis is not None:
        with create_session(engine) as session:
            session.add(Telegrammstand(stromzaehler_id=stromzaehler_id, epoche=1, fenster=b""))
            for zweck in ("TLS", "SIGNATUR", "VERSCHLUESSELUNG"):
                name = hashlib.sha256(f"{nummer} {zweck}".encode()).digest()
                session.add(
                    Geraeteschluessel(
                        stromzaehler_id=stromzaehler_id,
                        zweck=zweck,
                        epoche=1,
                        ski=name[:20],
                        fingerabdruck=name,
                        zertifikat=b"",
                        gueltig_von=FesteUhr().now(),
                        gueltig_bis=schluessel_bis,
                    )
                )
            session.commit()
    engine.dispose()
    return stromzaehler_id


def heard_of(url, zeitpunkt):
    """Every meter has sent something then."""
    engine = create_engine(url)
    with create_session(engine) as session:
        session.execute(update(Telegrammstand).values(zuletzt_empfangen=zeitpunkt))
        session.commit()
    engine.dispose()
