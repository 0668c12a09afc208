"""The dates that were set by hand before any were derived stay set by hand."""

from datetime import date

from alembic import command
from sqlalchemy import text

from db import schema
from db.models import Wartung
from db.session import create_engine, create_session


def test_old_dates_are_dates_by_hand(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path}/alt.db")
    with engine.begin() as connection:
        command.upgrade(schema.alembic_config(connection), "0005")
        for nummer, tag in ((1, "2034-10-20"), (2, None)):
            werte = {"nummer": nummer, "name": f"1EMH000000000{nummer}", "tag": tag}
            connection.execute(
                text(
                    "INSERT INTO stromzaehler (stromzaehler_id, zaehlernummer, hersteller, modell, seriennummer,"
                    " stellen, faktor, inf, zustand, version) VALUES (:nummer, :name, 'E', 'M', '1', 6, 1, 0,"
                    " 'LAGER', 1)"
                ),
                werte,
            )
            wartung = (
                "INSERT INTO wartung (stromzaehler_id, naechste_wartung_datum, version) VALUES (:nummer, :tag, 1)"
            )
            connection.execute(text(wartung), werte)
    schema.upgrade(engine)
    with create_session(engine) as session:
        zeilen = [session.get(Wartung, nummer) for nummer in (1, 2)]
        assert [(zeile.vorgabe_datum, zeile.naechste_wartung_datum, zeile.anlass) for zeile in zeilen] == [
            (date(2034, 10, 20), date(2034, 10, 20), "MANUELL"),
            (None, None, None),
        ]
    engine.dispose()
