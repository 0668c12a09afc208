"""A fleet of 1,000 meters on a clock that runs fast: the sweep finds exactly the sick ones, and why, and lets go.

The signs of life are written into `telegrammstand` and `tagesstand` as the intake leaves them (test_signale.py
shows that it does), because a thousand meters that seal a message each quarter hour would take hours.
"""

import sys
from datetime import timedelta
from decimal import Decimal

from sqlalchemy import insert

from betreiber.auth.domain import system_akteur
from betreiber.stoerung.service import close_stoerung
from db.models import Einbau, Messstelle, Stromzaehler, Telegrammstand
from db.session import create_session
from tests.hilfen import malo_id

ANZAHL = 1000
# Far apart: no postcode is silent as a whole.
VERSTUMMT = frozenset(range(7, 1000, 50))
DRIFTET = frozenset(range(11, 1000, 100))
OHNE_FUNK = frozenset(range(23, 1000, 200))
GEOEFFNET = frozenset(range(42, 1000, 200))
WAHR = (
    dict.fromkeys(VERSTUMMT, ("STUMM", "UNBEKANNT"))
    | dict.fromkeys(DRIFTET, ("UHR", "UHR"))
    | dict.fromkeys(OHNE_FUNK, ("STUMM", "FUNK"))
    | dict.fromkeys(GEOEFFNET, ("MANIPULATION", "MANIPULATION"))
)
STD = timedelta(hours=1)


def fill(buehne):
    """A thousand meters at 49 postcodes; their numbers are 1 to 1,000."""
    jetzt = buehne.uhr.now()
    nummern = range(1, ANZAHL + 1)
    with create_session(buehne.engine) as session:
        session.execute(
            insert(Stromzaehler),
            [
                {
                    "stromzaehler_id": n,
                    "zaehlernummer": f"1EMH00{n:08}",
                    "hersteller": "EMH",
                    "modell": "mME4.0",
                    "seriennummer": f"{n:08}",
                    "zustand": "EINGEBAUT",
                }
                for n in nummern
            ],
        )
        session.execute(
            insert(Messstelle),
            [
                {
                    "messstelle_id": n,
                    "malo_id": malo_id(n),
                    "melo_id": f"DE00056266802{n:020}",
                    "strasse": "Lindenallee",
                    "hausnummer": str(n),
                    "postleitzahl": f"{50000 + n % 49}",
                    "stadtname": "Köln",
                    "bundesland": "NW",
                    "anschlussleistung_kw": Decimal("30.000"),
                }
                for n in nummern
            ],
        )
        session.execute(
            insert(Einbau),
            [{"stromzaehler_id": n, "messstelle_id": n, "von": jetzt - timedelta(days=100)} for n in nummern],
        )
        session.execute(
            insert(Telegrammstand), [{"stromzaehler_id": n, "epoche": 1, "fenster": b""} for n in nummern]
        )
        session.commit()
    buehne.full_days(nummern)
    buehne.hear(nummern, rsrp_dbm=-95)


def run(buehne, stunden, gesunde):
    """So many hours: those are heard, then the sweep comes by."""
    for _ in range(stunden):
        buehne.uhr.advance(STD)
        buehne.hear(gesunde)
        buehne.sweep()


def compare(gefunden):
    """Precision and recall in percent, as whole numbers: 100 only when not one is wrong."""
    richtig = sum(WAHR.get(nummer) == was for nummer, was in gefunden.items())
    return 100 * richtig // len(gefunden), 100 * richtig // len(WAHR)


def test_exactly_the_sick_ones_with_their_cause_and_until_they_are_well(buehne, uhr, capsys):
    fill(buehne)
    alle = frozenset(range(1, ANZAHL + 1))
    run(buehne, 3, alle)
    assert buehne.rows() == []

    # The radio fades before it is gone; the clocks go wrong; covers are opened; twenty say nothing any more.
    buehne.write(OHNE_FUNK, rsrp_dbm=-124)
    buehne.write(DRIFTET, uhr_abweichung_s=45)
    buehne.write(GEOEFFNET, manipuliert_zeitpunkt=uhr.now())
    hoerbar = alle - VERSTUMMT
    run(buehne, 1, hoerbar)
    hoerbar -= OHNE_FUNK
    run(buehne, 80, hoerbar)

    offen = buehne.rows(offen=True)
    gefunden = {zeile.stromzaehler_id: (zeile.art, zeile.ursache) for zeile in offen}
    praezision, trefferquote = compare(gefunden)
    with capsys.disabled():
        sys.stdout.write(f"\n{len(gefunden)} of {ANZAHL}: precision {praezision} %, recall {trefferquote} %\n")
    assert gefunden == WAHR
    assert len(WAHR) == 20 + 10 + 5 + 5
    assert (praezision, trefferquote) == (100, 100)
    # One row each, and an order is due for each.
    assert len(offen) == len(WAHR)
    assert {zeile.stufe for zeile in offen} == {"AUFTRAG"}
    # Those whose radio faded were warned of before they fell silent, and nothing else was ever opened.
    frueher = [zeile for zeile in buehne.rows() if zeile.behoben_zeitpunkt is not None]
    assert sorted((zeile.art, zeile.stromzaehler_id) for zeile in frueher) == [
        ("FUNK", n) for n in sorted(OHNE_FUNK)
    ]

    # They are repaired, and a fitter says of each that was opened what he found.
    buehne.write(OHNE_FUNK, rsrp_dbm=-90)
    buehne.write(DRIFTET, uhr_abweichung_s=None)
    with create_session(buehne.engine) as session:
        for zeile in offen:
            if zeile.stromzaehler_id in GEOEFFNET:
                akteur = system_akteur("test", uhr.now())
                close_stoerung(session, akteur, zeile.stoerung_id, zeile.version, "Plombe geprüft")
    run(buehne, 8, alle)
    assert buehne.rows(offen=True) == []
    zeilen = buehne.rows()
    assert len(zeilen) == len(WAHR) + len(OHNE_FUNK)
    von_hand = {zeile.stromzaehler_id for zeile in zeilen if zeile.behoben_durch == "system:test"}
    assert von_hand == GEOEFFNET
    assert {zeile.abgeklungen_zeitpunkt is None for zeile in zeilen} == {False}

    # And who falls silent again is found again.
    run(buehne, 2, alle - {7})
    assert [(zeile.stromzaehler_id, zeile.art) for zeile in buehne.rows(offen=True)] == [(7, "STUMM")]
