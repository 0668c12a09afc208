"""What the intake keeps of each message for those who look for sick meters, through the real device channel."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from db.models import Geraeteschluessel, Telegrammstand
from db.session import create_session
from telegramm.messwerte import EREIGNISSE, Firmware, Meldung, Messwert, Netz
from tests.kanal import messwert

VIERTEL = 1781517600  # 2026-06-15T10:00:00Z
TAG = timedelta(days=1)


@pytest.fixture
def stand(engine):
    def read():
        with create_session(engine, lesen=True) as session:
            return session.scalars(select(Telegrammstand)).one()

    return read


@pytest.fixture
def zaehler(kanal, welt):
    nummer = welt.stromzaehler(zaehlernummer="1EMH0012345678", zustand="EINGEBAUT")
    return kanal.enrolled("1EMH0012345678", nummer)


def test_radio_firmware_and_keys(kanal, zaehler, stand, engine, uhr):
    kanal.send(
        zaehler,
        zaehler.telegramm(
            uhr, [messwert(VIERTEL, 1)], netz=Netz("apn", "LTE-M", -117, -12, 0), fw=Firmware("3.60", b"x" * 32)
        ),
    )
    with create_session(engine, lesen=True) as session:
        ende = min(session.scalars(select(Geraeteschluessel.gueltig_bis)))
    assert (stand().rsrp_dbm, stand().firmwareversion) == (-117, "3.60")
    assert stand().schluessel_gueltig_bis == ende
    assert (stand().manipuliert_zeitpunkt, stand().spannungslos_zeitpunkt) == (None, None)
    assert (stand().abgewiesen_zeitpunkt, stand().abgewiesen_anzahl) == (None, 0)
    # A message without them changes nothing.
    kanal.deliver(zaehler, [messwert(VIERTEL - 900, 1)])
    assert (stand().rsrp_dbm, stand().firmwareversion) == (-117, "3.60")


@pytest.mark.parametrize(("status", "manipuliert"), [(16, True), (32, True), (1 | 2 | 4 | 8, False)])
def test_status_bits_of_an_intervention(kanal, zaehler, stand, uhr, status, manipuliert):
    werte = [Messwert(VIERTEL - 900, 1, 0, None, status), messwert(VIERTEL, 1)]
    kanal.deliver(zaehler, werte)
    # The reading of 9:45 tells of the quarter hour that began at 9:30.
    assert stand().manipuliert_zeitpunkt == (uhr.now() - timedelta(minutes=30) if manipuliert else None)


@pytest.mark.parametrize(
    ("code", "spalte"),
    [
        ("GEHAEUSE_OFFEN", "manipuliert_zeitpunkt"),
        ("MAGNETFELD", "manipuliert_zeitpunkt"),
        ("LETZTES_LEBENSZEICHEN", "spannungslos_zeitpunkt"),
        ("GEHAEUSE_ZU", None),
    ],
)
def test_entries_of_the_log(kanal, zaehler, stand, uhr, code, spalte):
    meldung = Meldung(0, VIERTEL, code, "Text")
    for _ in range(2):
        kanal.send(zaehler, zaehler.telegramm(uhr, [], art=EREIGNISSE, ereignisse=(meldung,)))
    gesetzt = {
        name for name in ("manipuliert_zeitpunkt", "spannungslos_zeitpunkt") if getattr(stand(), name) is not None
    }
    assert gesetzt == ({spalte} if spalte else set())


def test_an_old_entry_that_is_repeated_is_no_news(kanal, zaehler, stand, uhr):
    meldung = Meldung(0, VIERTEL, "GEHAEUSE_OFFEN", "Text")
    kanal.send(zaehler, zaehler.telegramm(uhr, [], art=EREIGNISSE, ereignisse=(meldung,)))
    erste = uhr.now()
    uhr.advance(TAG)
    kanal.send(zaehler, zaehler.telegramm(uhr, [], art=EREIGNISSE, ereignisse=(meldung,)))
    assert stand().manipuliert_zeitpunkt == erste


def log(kanal, zaehler, uhr, *meldungen, **felder):
    ereignisse = tuple(Meldung(nummer, zeit, "GEHAEUSE_OFFEN", "Text") for nummer, zeit in meldungen)
    kanal.send(zaehler, zaehler.telegramm(uhr, [], art=EREIGNISSE, ereignisse=ereignisse, **felder))


def test_what_comes_late_has_its_own_time(kanal, zaehler, stand, uhr):
    """Opened at 9:00 and 9:30, silent for a day: not when it was told of; what is older hides nothing later."""
    geoeffnet = uhr.now() - timedelta(minutes=30)
    uhr.advance(TAG)
    log(kanal, zaehler, uhr, (0, VIERTEL - 1800), (1, VIERTEL - 3600))
    assert stand().manipuliert_zeitpunkt == geoeffnet
    log(kanal, zaehler, uhr, (2, VIERTEL - 7200))
    assert stand().manipuliert_zeitpunkt == geoeffnet


# Seconds by which the clock of the device is off in its message, and was off when it wrote its entry of 9:50.
@pytest.mark.parametrize(
    ("jetzt_s", "damals_s", "vor_s"),
    [
        (0, 0, 600),
        # Off all the time: as long before the message as it says.
        (7200, 7200, 600),
        (-40 * 365 * 86_400, -40 * 365 * 86_400, 600),
        # Set since then: from the future, and from years ago; both count from the receipt.
        (0, 601, 0),
        (0, -400 * 86_400, 0),
        (0, -400 * 86_400 + 600, 400 * 86_400),
    ],
)
def test_a_clock_that_is_off(kanal, zaehler, stand, uhr, jetzt_s, damals_s, vor_s):
    erzeugt = (int(uhr.now().timestamp()) + jetzt_s) * 1000
    log(kanal, zaehler, uhr, (0, VIERTEL - 600 + damals_s), erzeugt=erzeugt)
    assert stand().manipuliert_zeitpunkt == uhr.now() - timedelta(seconds=vor_s)


def test_refusals_are_counted_by_day(kanal, zaehler, stand, uhr):
    kanal.deliver(zaehler, [messwert(VIERTEL, 1000)])
    assert stand().abgewiesen_anzahl == 0
    # Two readings in quarantine, then a message whose number was used.
    kanal.deliver(zaehler, [messwert(VIERTEL, 900), messwert(VIERTEL + 90_000, 1001)])
    assert (stand().abgewiesen_anzahl, stand().abgewiesen_zeitpunkt) == (2, uhr.now())
    falsch = zaehler.telegramm(uhr, [messwert(VIERTEL - 1800, 1)], folge=1)
    assert kanal.refusal(zaehler, falsch) == (409, "folge")
    assert stand().abgewiesen_anzahl == 3
    uhr.advance(TAG)
    assert kanal.refusal(zaehler, falsch)[0] == 409
    assert (stand().abgewiesen_anzahl, stand().abgewiesen_zeitpunkt) == (1, uhr.now())
