"""From the meter to the buffer: each entry and each reading once, also when the meter forgets that it did it."""

from __future__ import annotations

import shutil
from pathlib import Path

from gateway.puffer import Puffer
from stromzaehler_sim.protokoll import Code
from stromzaehler_sim.uebergabe import Uebergabe
from stromzaehler_sim.zaehlwerk import Zaehlwerk
from tests.stromzaehler_sim.test_stoerung import MONTAG, Haus


def test_killed_before_the_meter_took_note_nothing_is_doubled(tmp_path: Path) -> None:
    with Zaehlwerk(tmp_path / "z.sqlite", Haus()) as zaehlwerk:
        zaehlwerk.install(MONTAG)
        zaehlwerk.advance(MONTAG + 900)
        zaehlwerk.protokoll.add(MONTAG + 5, Code.GEHAEUSE_OFFEN)
        zaehlwerk.protokoll.add(MONTAG + 6, Code.NEUSTART)
        zaehlwerk.protokoll.add(MONTAG + 7, Code.GEHAEUSE_ZU)
    shutil.copy(tmp_path / "z.sqlite", tmp_path / "vorher.sqlite")
    for datei in ("z.sqlite", "vorher.sqlite"):
        with Puffer(tmp_path / "p.sqlite") as puffer, Zaehlwerk(tmp_path / datei, Haus()) as zaehlwerk:
            neu = datei == "z.sqlite"
            assert Uebergabe(zaehlwerk).hand_over(puffer, MONTAG + 900) is neu
            assert puffer.waiting() == 2
            # The alarms are queued, the restart waits to be asked for.
            assert [meldung.code for meldung in puffer.queued_meldungen()] == ["GEHAEUSE_OFFEN", "GEHAEUSE_ZU"]
            assert zaehlwerk.protokoll.pending() == []
            assert zaehlwerk.pending() == []
    with Puffer(tmp_path / "p.sqlite") as puffer:
        puffer.queue_meldungen(MONTAG + 900)
        codes = [meldung.code for meldung in puffer.queued_meldungen()]
        assert codes == ["GEHAEUSE_OFFEN", "GEHAEUSE_ZU", "NEUSTART", "PROTOKOLL_GESENDET"]


def test_other_sources_write_into_the_log(tmp_path: Path) -> None:
    with Puffer(tmp_path / "p.sqlite") as puffer, Zaehlwerk(tmp_path / "z.sqlite", None) as zaehlwerk:
        einmal = [[(MONTAG, "FIREWALL_ABGEWIESEN", "Die Firewall wies etwas ab.")]]
        uebergabe = Uebergabe(zaehlwerk, lambda: einmal.pop() if einmal else [])
        assert uebergabe.hand_over(puffer, MONTAG)
        assert not uebergabe.hand_over(puffer, MONTAG)
        assert [tuple(meldung)[1:] for meldung in puffer.queued_meldungen()] == [
            (MONTAG, "FIREWALL_ABGEWIESEN", "Die Firewall wies etwas ab.")
        ]
