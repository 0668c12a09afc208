"""The report to the display: with every change, and each real minute as a sign of life."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from gateway.puffer import connect
from gateway.uhr import Geraeteuhr
from gateway.verbindung import Antwort
from stromzaehler_sim.bekanntgabe import Bekanntgabe
from stromzaehler_sim.geraetezustand import Geraetezustand
from stromzaehler_sim.mobilfunk import Modem
from stromzaehler_sim.protokoll import Protokoll
from tests.gateway.betreiber_fake import MONTAG, Leitung

ECHT = 2_000_000_000.0


def test_a_report_carries_real_time_and_is_renewed_every_minute(tmp_path: Path) -> None:
    """The meter's clock stands still here: it has no part in it."""
    zeiten = iter([ECHT, ECHT + 59, ECHT + 60, ECHT + 61, ECHT + 61.5, ECHT + 121.5, ECHT])
    modem = Modem.open(tmp_path, Leitung(lambda _: Antwort(200, {}, b"")), jetzt=lambda: MONTAG)
    uhr = Geraeteuhr(lambda: MONTAG)
    staende = []
    with closing(connect(tmp_path / "zaehlwerk.sqlite")) as verbindung:
        bekanntgabe = Bekanntgabe(tmp_path, modem, uhr, Protokoll(verbindung), echtzeit=lambda: next(zeiten))
        for sendet in (False, False, False, True, True, True, True):
            bekanntgabe.publish(
                sendet=sendet, quittiert=True, gesperrt=False, phasen=(True, True, True), firmware="1.0.0"
            )
            zustand = Geraetezustand.load(tmp_path)
            assert zustand is not None
            staende.append((zustand.stand - ECHT, zustand.sendet))
    # Renewed after a minute, told at once when it changes, and again when the real clock was set back.
    assert staende == [(0, False), (0, False), (60, False), (61, True), (61, True), (121.5, True), (0, True)]
