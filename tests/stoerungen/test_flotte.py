"""A fleet of 1,000 meters on a clock that runs fast: exactly the sick ones are found, with the cause, and get one
order each; all of it is over when they are well.

The signs of life are written into `telegrammstand` and `tagesstand` as the intake leaves them (test_signale.py
shows that it does), because a thousand meters that seal a message each quarter hour would take hours.
"""

import sys
from datetime import timedelta
from decimal import Decimal

from sqlalchemy import insert, select, update

from betreiber.auftrag.stoerungsauftraege import open_auftraege
from betreiber.auth.domain import system_akteur
from betreiber.stoerung.service import close_stoerung
from db.models import Auftrag, Einbau, Messstelle, Stromzaehler, Telegrammstand
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
    """So many hours: those are heard, then the sweeps come by, one for Störungen and one for orders, and again."""
    for stunde in range(stunden):
        buehne.uhr.advance(STD)
        buehne.hear(gesunde)
        akteur = system_akteur("jobs", buehne.uhr.now())
        # Every fifth hour both run a second time, as after a restart, and find nothing left to do.
        for zweites_mal in (False, True)[: 1 + (stunde % 5 == 0)]:
            ergebnis = buehne.sweep()
            with create_session(buehne.engine) as session:
                anzahl = open_auftraege(session, akteur)
            assert not zweites_mal or (ergebnis.anzahl, anzahl) == (0, 0)


def orders(buehne):
    with create_session(buehne.engine, lesen=True) as session:
        return list(session.scalars(select(Auftrag).order_by(Auftrag.auftrag_id)))


def compare(gefunden, wahr):
    """Precision and recall in percent, as whole numbers: 100 only when not one is wrong."""
    richtig = sum(wahr.get(nummer) == was for nummer, was in gefunden.items())
    return 100 * richtig // len(gefunden), 100 * richtig // len(wahr)


def check_told(mails):
    """Of each sick meter one mail says that a fitter is due; and no mail names a meter that is well."""
    zeilen = [zeile for mail in mails() for zeile in (mail.betreff, *mail.text.split("\n"))]
    genannt = {teil for zeile in zeilen for teil in zeile.replace(",", " ").split() if teil.startswith("1EMH")}
    assert genannt == {f"1EMH00{nummer:08}" for nummer in WAHR}
    faellig = [zeile.split()[2].strip(",") for zeile in zeilen if zeile.startswith("AUFTRAG: ")]
    assert sorted(faellig) == sorted(genannt)


def test_exactly_the_sick_ones_with_their_cause_and_until_they_are_well(buehne, mails, session, uhr, capsys):
    fill(buehne)
    alle = frozenset(range(1, ANZAHL + 1))
    run(buehne, 3, alle)
    assert (buehne.rows(), orders(buehne), mails()) == ([], [], [])

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
    auftraege = orders(buehne)
    beauftragt = {auftrag.stromzaehler_id: auftrag.zustand for auftrag in auftraege}
    quoten = compare(gefunden, WAHR), compare(beauftragt, dict.fromkeys(WAHR, "OFFEN"))
    with capsys.disabled():
        for was, anzahl, (praezision, treffer) in zip(
            ("found", "orders"), (len(offen), len(auftraege)), quoten, strict=True
        ):
            sys.stdout.write(f"\n{was}: {anzahl} of {ANZAHL}, precision {praezision} %, recall {treffer} %\n")
    assert gefunden == WAHR
    assert len(WAHR) == 20 + 10 + 5 + 5
    assert quoten == ((100, 100), (100, 100))
    # One row and one order each, for the Störung that is open.
    assert len(offen) == len(auftraege) == len(WAHR)
    assert {zeile.stufe for zeile in offen} == {"AUFTRAG"}
    assert {auftrag.stoerung_id for auftrag in auftraege} == {zeile.stoerung_id for zeile in offen}
    check_told(mails)
    # Those whose radio faded were warned of before they fell silent, and nothing else was ever opened.
    frueher = [zeile for zeile in buehne.rows() if zeile.behoben_zeitpunkt is not None]
    assert sorted((zeile.art, zeile.stromzaehler_id) for zeile in frueher) == [
        ("FUNK", n) for n in sorted(OHNE_FUNK)
    ]

    # The silent ones are back by themselves. A fitter sets the clocks, and opens once more what was opened: that
    # visit of our own takes nothing off what was seen before.
    buehne.write(OHNE_FUNK, rsrp_dbm=-90)
    buehne.write(DRIFTET, uhr_abweichung_s=None)
    buehne.write(GEOEFFNET, manipuliert_zeitpunkt=uhr.now())
    fertig = {"zustand": "ERLEDIGT", "termin_datum": uhr.now().date(), "beendet_zeitpunkt": uhr.now()}
    session.execute(update(Auftrag).where(Auftrag.stromzaehler_id.in_(DRIFTET | GEOEFFNET)).values(**fertig))
    session.commit()
    run(buehne, 8, alle)
    assert {zeile.stromzaehler_id for zeile in buehne.rows(offen=True)} == GEOEFFNET
    for zeile in buehne.rows(offen=True):
        close_stoerung(
            session, system_akteur("test", uhr.now()), zeile.stoerung_id, zeile.version, "Plombe geprüft"
        )
    run(buehne, 8, alle)
    assert buehne.rows(offen=True) == []
    zeilen = buehne.rows()
    assert len(zeilen) == len(WAHR) + len(OHNE_FUNK)
    von_hand = {zeile.stromzaehler_id for zeile in zeilen if zeile.behoben_durch == "system:test"}
    assert von_hand == GEOEFFNET
    assert {zeile.abgeklungen_zeitpunkt is None for zeile in zeilen} == {False}
    # Each order is done, or cancelled before somebody went; and no further one was made.
    ende = {auftrag.stromzaehler_id: auftrag.zustand for auftrag in orders(buehne)}
    erledigt = dict.fromkeys(DRIFTET | GEOEFFNET, "ERLEDIGT")
    assert ende == erledigt | dict.fromkeys(VERSTUMMT | OHNE_FUNK, "STORNIERT")
    assert len(orders(buehne)) == len(WAHR)

    # And who falls silent again is found again.
    run(buehne, 2, alle - {7})
    assert [(zeile.stromzaehler_id, zeile.art) for zeile in buehne.rows(offen=True)] == [(7, "STUMM")]
