"""Before a file is taken in: which meters it means, and where the registers of its energies stand."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from betreiber.ablesung import speicher
from betreiber.ablesung.domain import Ablesung, Grenzen, Herkunft, Qualitaet, max_power, rollover_wh
from betreiber.ablesung.zaehlwerk import Zaehlwerk
from betreiber.errors import EingabeUngueltig
from betreiber.importlauf import queries
from betreiber.importlauf.domain import Intervall, Lauf, Messzeile, Reihe
from betreiber.importlauf.quelle import Quelle
from db.models import Stromzaehler
from telegramm.zaehlernummer import ZAEHLERNUMMER

MELDEN_ZEILEN = 20_000
_UNBEKANNT = "Diesen Zähler gibt es nicht: legen Sie ihn an, dann lesen Sie die Datei noch einmal ein."
_UNBEKANNTER_ORT = "Diese Markt- oder Messlokation gibt es nicht: legen Sie die Messstelle an."
_KEIN_EINBAU = (
    "In diesem Zeitraum hing dort kein Zähler, oder er wurde darin gewechselt: prüfen Sie die Einbauten."
)
_OHNE_STAND = (
    "Kein gespeicherter Stand schließt an: geben Sie den Stand am Anfang mit --anfangsstand-wh an, oder lesen Sie"
    " zuerst die Werte der Lücke davor ein."
)
_STAND_ZU_KLEIN = (
    "Die Energien ergeben mehr als den gespeicherten Stand, an den sie anschließen: prüfen Sie beide."
)


@dataclass(frozen=True, slots=True, eq=False)
class Zaehler:
    """A meter that a file means. `grenzen`: without the sections of its register."""

    stromzaehler_id: int
    zaehlernummer: str
    grenzen: Grenzen


class Zaehlerfinder:
    """Finds the meter that a line means; each place is looked up once.

    `fruehestens`: seconds since 1970 from which on readings are kept.
    """

    def __init__(self, session: Session, jetzt: datetime, fruehestens: datetime) -> None:
        self.fruehestens = int(fruehestens.timestamp())
        self._session = session
        self._jetzt = int(jetzt.timestamp())
        self._orte: dict[str, list[tuple[int, int | None, Zaehler]] | str] = {}
        self._zaehler: dict[int, Zaehler] = {}

    def find(self, ort: str, von: int, bis: int) -> Zaehler | str:
        """The meter behind a meter number, MaLo- or MeLo-ID from `von` to `bis`, or why there is none."""
        if ort not in self._orte:
            self._orte[ort] = self._look_up(ort)
        einbauten = self._orte[ort]
        if isinstance(einbauten, str):
            return einbauten
        for beginn, ende, zaehler in einbauten:
            if beginn <= von and (ende is None or bis <= ende):
                return zaehler
        return _KEIN_EINBAU

    def _look_up(self, ort: str) -> list[tuple[int, int | None, Zaehler]] | str:
        if ZAEHLERNUMMER.fullmatch(ort):
            # Readings of a named meter from before its Einbau go to quarantine, as they do on the channel.
            eigener = queries.find_stromzaehler(self._session, ort)
            return _UNBEKANNT if eigener is None else [(0, None, self._as_zaehler(eigener))]
        einbauten = queries.list_at_messstelle(self._session, ort)
        if einbauten is None:
            return _UNBEKANNTER_ORT
        return [
            (int(von.timestamp()), None if bis is None else int(bis.timestamp()), self._as_zaehler(stromzaehler))
            for von, bis, stromzaehler in einbauten
        ]

    def _as_zaehler(self, stromzaehler: Stromzaehler) -> Zaehler:
        nummer = stromzaehler.stromzaehler_id
        if nummer not in self._zaehler:
            anschluesse = queries.list_anschluesse(self._session, nummer)
            erster = int(anschluesse[0].von.timestamp()) if anschluesse else 0
            grenzen = Grenzen(
                fruehestens=max(self.fruehestens, erster),
                spaetestens=self._jetzt,
                hoechstleistung_w=max_power(anschluss.anschlussleistung_kw for anschluss in anschluesse),
                eingebaut=bool(anschluesse),
                ueberlauf_wh=rollover_wh(stromzaehler.stellen),
                zaehlwerk=Zaehlwerk(stromzaehler.faktor),
            )
            self._zaehler[nummer] = Zaehler(nummer, stromzaehler.zaehlernummer, grenzen)
        return self._zaehler[nummer]


def plan_reihen(
    session: Session,
    finder: Zaehlerfinder,
    quelle: Quelle,
    anfangsstand_wh: tuple[int, int] | None,
    progress: Callable[[str, int, int], None],
) -> tuple[dict[Zaehler, Reihe], list[str]]:
    """The energies of a file by meter, each Lauf with its first register or why it has none; and warnings.

    `anfangsstand_wh`: registers at the begin of the file's only meter, as staff read them. Raises EingabeUngueltig
    where they contradict the file or what is stored.
    """
    reihen: dict[Zaehler, Reihe] = {}
    for nummer, satz in enumerate(quelle.read()):
        if isinstance(satz, Messzeile):
            break  # A file of registers needs no plan.
        if nummer % MELDEN_ZEILEN == 0:
            progress("Prüfen", quelle.bytes_read(), quelle.groesse)
        if isinstance(satz, Intervall):
            zaehler = finder.find(satz.ort, satz.von, satz.bis)
            if isinstance(zaehler, Zaehler):
                reihen.setdefault(zaehler, Reihe()).add(satz)
    if anfangsstand_wh is not None and len(reihen) != 1:
        raise EingabeUngueltig(
            "Ein Anfangsstand passt nur zu einer Datei mit den Energien eines einzigen Zählers."
        )
    warnungen: list[str] = []
    for zaehler, reihe in reihen.items():
        for nummer, lauf in enumerate(reihe.laeufe):
            _anchor(session, zaehler, lauf, anfangsstand_wh if nummer == 0 else None)
        if _begin_at_zero(session, zaehler, reihe):
            warnungen.append(f"{zaehler.zaehlernummer}: kein gespeicherter Stand, das Zählwerk beginnt bei 0 Wh.")
    return reihen, warnungen


def _anchor(session: Session, zaehler: Zaehler, lauf: Lauf, anfangsstand_wh: tuple[int, int] | None) -> None:
    """Tie a Lauf to a stored register at one of its edges, or to the one that staff gave."""
    zaehlwerk = Zaehlwerk(zaehler.grenzen.zaehlwerk.faktor, speicher.sections(session, zaehler.stromzaehler_id))
    stand = _find_stored(session, zaehler, lauf)
    if stand is not None:
        lauf.anchor(stand.uhrzeit, zaehlwerk.energie(*stand[:3]))
    gegeben = None if anfangsstand_wh is None else zaehlwerk.energie(lauf.kanten[0], *anfangsstand_wh)
    if gegeben is not None and lauf.anfang not in (None, gegeben):
        raise EingabeUngueltig(
            f"Der Anfangsstand widerspricht einem gespeicherten von {zaehler.zaehlernummer}: lassen Sie ihn weg."
        )
    lauf.anfang = gegeben or lauf.anfang
    if lauf.anfang is None:
        lauf.grund = _OHNE_STAND
    elif min(lauf.anfang) < 0:
        lauf.grund = _STAND_ZU_KLEIN


def _find_stored(session: Session, zaehler: Zaehler, lauf: Lauf) -> Ablesung | None:
    """The first measured reading at an edge of a Lauf; where nothing was measured, one that a file before said.

    What was formed here is no ground to stand on: energies that were measured would make a guess a measured one.
    """
    andere = None
    for ablesung in speicher.iter_series(session, zaehler.stromzaehler_id, lauf.kanten[0], lauf.bis):
        if lauf.find(ablesung.uhrzeit) is not None:
            if ablesung.qualitaet is Qualitaet.ABGELESEN:
                return ablesung
            if andere is None and ablesung.herkunft is not Herkunft.ERSATZWERT:
                andere = ablesung
    return andere


def _begin_at_zero(session: Session, zaehler: Zaehler, reihe: Reihe) -> bool:
    """Let the energies of a meter of which nothing is stored begin at zero; whether it was so."""
    erster = reihe.laeufe[0] if reihe.laeufe else None
    if erster is None or erster.anfang is not None:
        return False
    if speicher.earliest(session, zaehler.stromzaehler_id) is not None:
        return False
    erster.anfang, erster.grund = (0, 0), ""
    return True
