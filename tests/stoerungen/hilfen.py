"""A healthy meter for the rules alone, and a fleet in the database.

The messages of the fleet are written the way the intake leaves them in `telegrammstand`.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, insert, select, update

from betreiber.auth.domain import system_akteur
from betreiber.stoerung.domain import Lebenszeichen, Regeln, Ruhezeit, Stoerungsart, Stufe, Ursache
from betreiber.stoerung.durchlauf import Durchlauf, sweep_stoerungen
from betreiber.stoerung.urteil import EIN_ZAEHLER, Lage, Umfeld, judge_all
from db.models import Stoerung, Tagesstand, Telegrammstand
from db.session import create_session
from tests.hilfen import FesteUhr, Welt

TAG_S = 86_400
STANDARD = Regeln()
REGELN = Regeln(empfaenger="betrieb@example.org", ruhezeit=Ruhezeit(22, 6))

JETZT = datetime(2026, 6, 15, 10, tzinfo=UTC)
MIN, STD, TAG = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
GESUND = Lebenszeichen(
    stromzaehler_id=1,
    zaehlernummer="1EMH0000000001",
    zustand="EINGEBAUT",
    zuletzt_empfangen=JETZT - 5 * MIN,
    neueste_uhrzeit=int((JETZT - 15 * MIN).timestamp()),
    uhr_abweichung_s=None,
    rsrp_dbm=-95,
    schluessel_gueltig_bis=JETZT + 400 * TAG,
    manipuliert_zeitpunkt=None,
    spannungslos_zeitpunkt=None,
    abgewiesen_zeitpunkt=None,
    abgewiesen_anzahl=0,
    eingebaut_von=JETZT - 100 * TAG,
    postleitzahl="50667",
    gemessen=288,
)


def zuvor(stufe: Stufe, ursache: Ursache, beginn: datetime, **anders: Any) -> Lage:
    """What there was, found when it began."""
    return Lage(stufe, ursache, beginn, beginn, **anders)


def found(
    lagen: Mapping[Stoerungsart, Lage] | None = None,
    *,
    umfeld: Umfeld = EIN_ZAEHLER,
    regeln: Regeln = STANDARD,
    jetzt: datetime = JETZT,
    **anders: Any,
) -> dict[Stoerungsart, Lage]:
    """What is found at a meter that is healthy but for `anders`."""
    return judge_all(GESUND._replace(**anders), lagen or {}, regeln, jetzt, jetzt, umfeld)


class Buehne:
    """Meters whose signs of life a test writes, and the sweep over them."""

    def __init__(self, engine: Engine, welt: Welt, uhr: FesteUhr) -> None:
        self.engine, self.welt, self.uhr = engine, welt, uhr

    def zaehler(self, **zeichen: Any) -> int:
        """An installed, enrolled meter that was heard five minutes ago; `zeichen` replaces columns of its row."""
        platz = {name: zeichen.pop(name) for name in ("postleitzahl",) if name in zeichen}
        von = zeichen.pop("von", self.uhr.now() - timedelta(days=100))
        nummer = self.welt.stromzaehler(zustand=zeichen.pop("zustand", "EINGEBAUT"))
        self.welt.einbau(nummer, self.welt.messstelle(**platz), von)
        jetzt = self.uhr.now()
        standard = {
            "stromzaehler_id": nummer,
            "epoche": 1,
            "fenster": b"",
            "zuletzt_empfangen": jetzt - timedelta(minutes=5),
            "neueste_uhrzeit": int(jetzt.timestamp()) // 900 * 900,
        }
        with create_session(self.engine) as session:
            session.execute(insert(Telegrammstand), standard | zeichen)
            session.commit()
        self.full_days([nummer])
        return nummer

    def full_days(self, nummern: Iterable[int], von: int = -3, bis: int = 10) -> None:
        """All readings of the UTC days from so many after today to so many, also of those to come."""
        heute = int(self.uhr.now().timestamp()) // TAG_S
        with create_session(self.engine) as session:
            session.execute(
                insert(Tagesstand),
                [
                    {"stromzaehler_id": nummer, "tag": tag, "anzahl": 96, "gemessen": 96}
                    for nummer in nummern
                    for tag in range(heute + von, heute + bis)
                ],
            )
            session.commit()

    def write(self, nummern: Iterable[int] | int, **zeichen: Any) -> None:
        """Change columns of these meters."""
        gemeint = [nummern] if isinstance(nummern, int) else list(nummern)
        with create_session(self.engine) as session:
            session.execute(
                update(Telegrammstand).where(Telegrammstand.stromzaehler_id.in_(gemeint)).values(**zeichen)
            )
            session.commit()

    def hear(self, nummern: Iterable[int] | int, **zeichen: Any) -> None:
        """A message with the newest reading has come just now."""
        jetzt = self.uhr.now()
        self.write(
            nummern, zuletzt_empfangen=jetzt, neueste_uhrzeit=int(jetzt.timestamp()) // 900 * 900, **zeichen
        )

    def sweep(self, regeln: Regeln = REGELN, **wie: Any) -> Durchlauf:
        akteur = system_akteur("jobs", self.uhr.now())
        with create_session(self.engine) as session:
            # The keys of these tests live on the clock in the hand.
            return sweep_stoerungen(session, akteur, regeln, echtzeit=self.uhr.now(), **wie)

    def rows(self, *, offen: bool = False) -> list[Stoerung]:
        anweisung = select(Stoerung).order_by(Stoerung.stoerung_id)
        if offen:
            anweisung = anweisung.where(Stoerung.behoben_zeitpunkt.is_(None))
        with create_session(self.engine, lesen=True) as session:
            return list(session.scalars(anweisung))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
