"""A meter of its own in the database, beside its model: each step is done in both, and every answer compared."""

from collections.abc import Sequence
from itertools import count

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from betreiber.ablesung import speicher
from betreiber.ablesung.anzeige import highest, raise_to
from betreiber.ablesung.domain import Befund, Grenzen, Herkunft, Qualitaet
from db.models import Quarantaene, Stromzaehler, Tagesstand, Telegrammstand, Verbrauch, VerbrauchTag
from telegramm.messwerte import Messwert
from tests.ablesung.speicher.modell import GRENZEN, MONTAG, TAG, VIERTEL, Modell, ersatz, wert, zeit

_NUMMERN = count(1)


class Lager:
    """Every step is a moment later than the one before, and a transaction of its own."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.nummer = next(_NUMMERN)
        zaehler = {"zaehlernummer": f"1LAG{self.nummer:010}", "hersteller": "", "modell": "", "seriennummer": ""}
        session.execute(insert(Stromzaehler), {"stromzaehler_id": self.nummer, **zaehler})
        self.modell = Modell()
        # From the middle of the third day on, so that days are over and others are not.
        self.jetzt = zeit(2 * 96 + 40)

    def step(self, was: str, womit: list[int] | int) -> None:
        self.jetzt += 3000
        if isinstance(womit, int):
            speicher.fold(self.session, [self.nummer], MONTAG // TAG + womit)
        else:
            getattr(self, was)(womit)
        # What is remembered of a meter is read from the database again.
        self.session.commit()
        self.session.expunge_all()

    def senden(self, stellen: list[int]) -> None:
        self._write([wert(nummer, leistung_w=28) for nummer in stellen], Herkunft.GERAET)

    def ablesen(self, stellen: list[int]) -> None:
        """People read the display where nothing was measured: they see no power."""
        da = self.modell.jetzt
        frei = [n for n in stellen if zeit(n) not in da or da[zeit(n)].qualitaet is not Qualitaet.ABGELESEN]
        self._write([wert(nummer) for nummer in frei], Herkunft.MANUELL)

    def _write(self, werte: list[Messwert], herkunft: Herkunft) -> None:
        posten = speicher.Posten(self.stand(), werte, GRENZEN, self.jetzt, herkunft)
        assert speicher.write(self.session, [posten]) == [self.modell.write(werte, self.jetzt, herkunft)]

    def ersetzen(self, stellen: list[int]) -> None:
        self._replace([ersatz(nummer, self.jetzt) for nummer in stellen])

    def berichtigen(self, stellen: list[int]) -> None:
        self._replace([ersatz(nummer, self.jetzt, Qualitaet.VORLAEUFIGERWERT) for nummer in stellen])

    def entfernen(self, stellen: list[int]) -> None:
        zeiten = [zeit(nummer) for nummer in stellen]
        erwartet = {uhrzeit: self.modell.jetzt[uhrzeit] for uhrzeit in zeiten if uhrzeit in self.modell.jetzt}
        assert speicher.remove(self.session, self.stand(), zeiten, self.jetzt) == erwartet
        self.modell.remove(zeiten, self.jetzt)

    def _replace(self, ablesungen: list[speicher.Ablesung]) -> None:
        erwartet = {a.uhrzeit: self.modell.jetzt[a.uhrzeit] for a in ablesungen if a.uhrzeit in self.modell.jetzt}
        assert speicher.replace(self.session, self.stand(), ablesungen) == erwartet
        self.modell.replace(ablesungen)

    def stand(self) -> Telegrammstand:
        """The meter's row, locked."""
        return speicher.lock(self.session, [self.nummer])[self.nummer]

    def check(self, von: int, bis: int, stand: int | None) -> None:
        session, nummer, modell = self.session, self.nummer, self.modell
        erwartet = modell.series(von, bis, stand)
        gefunden = speicher.series(session, nummer, von, bis, stand=stand)
        assert list(gefunden.items()) == list(erwartet.items())
        assert list(speicher.iter_series(session, nummer, von, bis, stand=stand)) == list(erwartet.values())
        zeiten = [*range(von, bis, 11 * VIERTEL), bis]
        assert speicher.registers(session, nummer, zeiten, stand=stand) == {
            uhrzeit: erwartet[uhrzeit] for uhrzeit in zeiten if uhrzeit in erwartet
        }
        for gemessen in (False, True):
            laeufe = speicher.runs(session, nummer, von, bis, stand=stand, gemessen=gemessen)
            assert laeufe == modell.runs(von, bis, stand, gemessen=gemessen)
        self._check_edges(zeiten, stand)
        if stand is None:
            assert speicher.register_series(session, nummer, von, bis) == {
                uhrzeit: (a.bezug_wh, a.einspeisung_wh, a.qualitaet) for uhrzeit, a in erwartet.items()
            }
            self._check_lists(von, bis)

    def _check_edges(self, zeiten: list[int], stand: int | None) -> None:
        erwartet = self.modell.series(zeiten[0], zeiten[-1], stand)
        kanten = speicher.edges(self.session, self.nummer, zeiten, stand=stand)
        assert kanten.staende == {
            uhrzeit: (a.bezug_wh, a.einspeisung_wh, a.qualitaet)
            for uhrzeit in zeiten
            if (a := erwartet.get(uhrzeit)) is not None
        }
        spanne = zeiten[0], zeiten[-1], stand
        assert kanten.bekannt == self.modell.runs(*spanne)
        assert kanten.gemessen == self.modell.runs(*spanne, gemessen=True)

    def _check_lists(self, von: int, bis: int) -> None:
        session, nummer, modell = self.session, self.nummer, self.modell
        mitte = (von + bis) // 2
        zeitraeume = [(von, mitte - TAG // 2), (mitte, bis)]
        erwartet = [a for teil in zeitraeume for a in modell.series(teil[0], teil[1] - 1).values()]
        assert speicher.count(session, nummer, zeitraeume) == len(erwartet)
        for versatz, anzahl in ((0, 5), (60, 100), (len(erwartet) - 3, 10)):
            seite = speicher.page(session, nummer, zeitraeume, versatz=max(versatz, 0), anzahl=anzahl)
            assert seite == erwartet[max(versatz, 0) :][:anzahl]
        alle = modell.series(0, 2**40)
        assert speicher.newest(session, nummer) == (list(alle.values())[-1] if alle else None)
        assert speicher.earliest(session, nummer) == (min(alle) if alle else None)
        assert speicher.fleet_registers(session, [nummer], [von, bis]) == {
            (nummer, uhrzeit): (alle[uhrzeit].bezug_wh, alle[uhrzeit].einspeisung_wh, alle[uhrzeit].qualitaet)
            for uhrzeit in (von, bis)
            if uhrzeit in alle
        }
        versionen = speicher.versions(session, nummer, von, bis)
        assert [(v.ablesung, v.ersetzt) for v in versionen] == sorted(
            ((a, ersetzt) for a, ersetzt in modell.frueher if von <= a.uhrzeit < bis),
            key=lambda paar: (paar[0].uhrzeit, paar[1]),
        )

    def check_tables(self) -> None:
        """A reading lies in one place, counts are right, and the newest reading is remembered or unknown."""
        zeilen = self.session.execute(
            select(Verbrauch.uhrzeit, Verbrauch.qualitaet).where(Verbrauch.stromzaehler_id == self.nummer)
        ).all()
        in_zeilen: dict[int, list[bool]] = {}
        for uhrzeit, qualitaet in zeilen:
            in_zeilen.setdefault(uhrzeit // TAG, []).append(qualitaet == Qualitaet.ABGELESEN)
        gezaehlt = self.session.execute(
            select(Tagesstand.tag, Tagesstand.anzahl, Tagesstand.gemessen).where(
                Tagesstand.stromzaehler_id == self.nummer
            )
        )
        assert {tag: tuple(anzahlen) for tag, *anzahlen in gezaehlt} == {
            tag: (len(gemessen), sum(gemessen)) for tag, gemessen in in_zeilen.items()
        }
        eigene = VerbrauchTag.stromzaehler_id == self.nummer
        in_bloecken = self.session.scalar(select(func.coalesce(func.sum(VerbrauchTag.anzahl), 0)).where(eigene))
        assert len(zeilen) + in_bloecken == len(self.modell.jetzt)
        stand = self.stand()
        if stand.stand_uhrzeit is not None:
            neueste = self.modell.jetzt[max(self.modell.jetzt)]
            assert neueste.qualitaet is Qualitaet.ABGELESEN
            assert (stand.stand_uhrzeit, stand.stand_bezug_wh, stand.stand_einspeisung_wh) == neueste[:3]

    def send(self, werte: Sequence[Messwert], grenzen: Grenzen = GRENZEN) -> list[Befund]:
        """Write readings of any kind, past the model."""
        self.jetzt += 3000
        (befunde,) = speicher.write(self.session, [speicher.Posten(self.stand(), werte, grenzen, self.jetzt)])
        self.session.commit()
        self.session.expunge_all()
        return befunde

    def read_display(self, wahr: Messwert) -> None:
        """People read whole kWh, past the model; less than was measured before is no less (betreiber/einbau)."""
        gelesen = (wahr.bezug_wh // 1000 * 1000, wahr.einspeisung_wh // 1000 * 1000)
        davor = [ablesung for ablesung in self.readings() if ablesung.uhrzeit < wahr.uhrzeit]
        if davor:
            gelesen = raise_to(gelesen, davor[-1][1:3], highest(gelesen))
        wert = wahr._replace(bezug_wh=gelesen[0], einspeisung_wh=gelesen[1], leistung_w=None)
        self.jetzt += 3000
        posten = speicher.Posten(self.stand(), [wert], GRENZEN, self.jetzt, Herkunft.MANUELL)
        assert speicher.write(self.session, [posten]) == [[Befund.NEU]]
        self.session.commit()
        self.session.expunge_all()

    def readings(self) -> list[speicher.Ablesung]:
        """All that is stored."""
        return list(speicher.series(self.session, self.nummer, 0, 2**40).values())

    def quarantined(self) -> set[tuple[int | None, ...]]:
        """Time, registers and power of what lies in quarantine."""
        spalten = (
            Quarantaene.uhrzeit,
            Quarantaene.stromverbrauch_gesamt_wh,
            Quarantaene.einspeisung_gesamt_wh,
            Quarantaene.stromverbrauch_momentan_w,
        )
        zeilen = self.session.execute(select(*spalten).where(Quarantaene.stromzaehler_id == self.nummer))
        return {tuple(zeile) for zeile in zeilen}
