"""Ask for readings and what follows from them, before and after their days are folded: both must be the same."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, select
from werkzeug.test import TestResponse

from betreiber.ablesung import speicher
from betreiber.ablesung.domain import Ablesung, Herkunft, Qualitaet
from db.models import Stromzaehler
from db.session import create_session
from telegramm.messwerte import Messwert
from tests.hilfen import Klient, Person

# Days since 1970, beyond every test.
ALLE_TAGE = 2**20


class Ablage:
    """Puts readings straight into the storage, unjudged, and folds them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __call__(
        self,
        stromzaehler_id: int,
        werte: Sequence[Messwert],
        qualitaet: Qualitaet = Qualitaet.ABGELESEN,
        empfangen: int | None = None,
    ) -> None:
        """`empfangen`: seconds since 1970, otherwise each when it was taken."""
        herkunft = Herkunft.GERAET if qualitaet is Qualitaet.ABGELESEN else Herkunft.ERSATZWERT
        ablesungen = [Ablesung(*wert[:4], qualitaet, 0, empfangen or wert.uhrzeit, herkunft) for wert in werte]
        with create_session(self._engine) as session:
            stand = speicher.lock(session, [stromzaehler_id])[stromzaehler_id]
            speicher.replace(session, stand, ablesungen)
            session.commit()

    def fold(self) -> None:
        """Fold everything that is there."""
        with create_session(self._engine) as session:
            speicher.fold(session, list(session.scalars(select(Stromzaehler.stromzaehler_id))), ALLE_TAGE)
            session.commit()


class Fragen:
    """Sends each GET twice, the second time after everything was folded; both answers must be the same."""

    def __init__(self, client: Klient, ablage: Ablage) -> None:
        self._client = client
        self._ablage = ablage

    def __call__(self, pfad: str, als: Person | None, **frage: Any) -> TestResponse:
        """`frage`: query arguments; von, bis and stand in seconds since 1970."""
        return self.each(pfad, als, [frage])[0]

    def each(self, pfad: str, als: Person | None, fragen: Sequence[dict[str, Any]]) -> list[TestResponse]:
        """The same for several questions: all of them before everything is folded, and all after it."""
        antworten = [self._get(pfad, als, frage) for frage in fragen]
        self._ablage.fold()
        for frage, antwort in zip(fragen, antworten, strict=True):
            gefaltet = self._get(pfad, als, frage)
            assert (antwort.status_code, antwort.json) == (gefaltet.status_code, gefaltet.json)
        return antworten

    def _get(self, pfad: str, als: Person | None, frage: dict[str, Any]) -> TestResponse:
        zeiten = {name: zeit(wert).isoformat() for name, wert in frage.items() if name in ("von", "bis", "stand")}
        return self._client.get(f"/v1/{pfad}", query_string=frage | zeiten, als=als)


def zeit(sekunden: int) -> datetime:
    return datetime.fromtimestamp(sekunden, UTC)


@pytest.fixture
def ablage(engine: Engine) -> Ablage:
    return Ablage(engine)


@pytest.fixture
def fragen(client: Klient, ablage: Ablage) -> Fragen:
    return Fragen(client, ablage)


@pytest.fixture
def kunde(welt: Any) -> int:
    return welt.kunde()
