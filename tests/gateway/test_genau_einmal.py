"""Any interleaving of losses, faults, kills and restored backups leaves every reading with the operator once."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import spannen
from gateway.fehler import NichtErreichbar, SendeFehler
from gateway.verbindung import Antwort
from telegramm.messwerte import Messwert, Telegramm
from telegramm.quittung import Quittung
from tests.gateway.betreiber_fake import MONTAG, FakeBetreiber
from tests.gateway.welt import Speicher, Welt, problem

VIERTEL = 900


class Absturz(BaseException):
    """The process is gone in the midst of a request."""


class FragenderBetreiber(FakeBetreiber):
    """Asks in each receipt for what it misses between the first reading and the newest that it knows."""

    def store(self, telegramm: Telegramm, klartext: bytes) -> Quittung:
        quittung = super().store(telegramm, klartext)
        bekannt = [*spannen.of_readings(self.gespeichert), *self.fehlanzeigen]
        bis = max(self.gespeichert, default=MONTAG) + VIERTEL
        return replace(quittung, luecken=tuple(spannen.subtract([(MONTAG, bis)], bekannt)[:16]))

    def restore_backup(self) -> None:
        """What came last is lost."""
        for uhrzeit in list(self.gespeichert)[-30:]:
            del self.gespeichert[uhrzeit]


class Lauf:
    """One meter, one operator, and what happens to them."""

    def __init__(self, pfad: Path) -> None:
        self.betreiber = FragenderBetreiber()
        self.speicher = Speicher([])
        self.welt = Welt(pfad, self.betreiber, gedaechtnis=self.speicher)

    def count(self, anzahl: int = 1) -> None:
        """So many quarter hours pass; the meter remembers and buffers them."""
        neue = [
            Messwert(MONTAG + i * VIERTEL, 1000 + i, 0, None, 0)
            for i in range(len(self.speicher.werte), len(self.speicher.werte) + anzahl)
        ]
        self.speicher.werte += neue
        self.welt.gateway.puffer.put_many(neue)

    def send(self, fall: str) -> None:
        self.welt.leitung.ablauf = [lambda body: self.carry(fall, body)]
        try:
            self.welt.gateway.versand.send_one()
        except SendeFehler:
            pass
        except Absturz:
            self.welt.restart()

    def carry(self, fall: str, body: bytes) -> Antwort:
        if fall == "request lost":
            raise NichtErreichbar("torn")
        if fall == "killed before":
            raise Absturz
        if fall.isdigit():
            return problem(int(fall[:3]), b'{"code": "folge"}')(body)
        antwort = self.betreiber.answer(body)
        if fall == "answer lost":
            raise NichtErreichbar("torn after the commit")
        if fall == "killed after":
            raise Absturz
        return replace(antwort, body=antwort.body[:-1] + b"?") if fall == "tampered" else antwort

    def heal(self) -> None:
        """Quiet days: what was missed is asked for, and comes."""
        self.welt.leitung.ablauf = []
        for _ in range(3):
            self.welt.jetzt += 7 * 3600
            self.count()
            self.welt.gateway.versand.send_all()


schritte = st.one_of(
    st.integers(1, 150),
    st.sampled_from(
        [
            "fine",
            "request lost",
            "answer lost",
            "killed before",
            "killed after",
            "tampered",
            "503",
            "409",
            "backup",
        ]
    ),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(schritte, max_size=25))
def test_every_reading_is_there_once_and_none_is_given_up(ablauf: list[int | str]) -> None:
    with tempfile.TemporaryDirectory() as ordner:
        lauf = Lauf(Path(ordner) / "z1")
        for schritt in ablauf:
            if isinstance(schritt, int):
                lauf.count(schritt)
            elif schritt == "backup":
                lauf.betreiber.restore_backup()
            else:
                lauf.send(schritt)
        lauf.heal()
        gespeichert = lauf.betreiber.gespeichert
        assert [gespeichert[uhrzeit] for uhrzeit in sorted(gespeichert)] == lauf.speicher.werte
        assert lauf.betreiber.quarantaene == []
        assert lauf.betreiber.fehlanzeigen == []
        # No number was used twice for different messages.
        gesendet = {(t.epoche, t.folge): t.anfrage for t in lauf.betreiber.telegramme}
        assert len(gesendet) == len(lauf.betreiber.telegramme)
        lauf.welt.gateway.close()
