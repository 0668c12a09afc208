"""One row of the table of refusals."""

from collections.abc import Callable
from dataclasses import dataclass

from werkzeug.test import TestResponse

from tests.ablesung.buehne import Buehne


@dataclass(frozen=True)
class Fall:
    """One input. `code`: of the refusal, or the reason in `abgelehnt` of a receipt (200).

    `neu`, `quarantaene`: rows that it stores. `anderswo`: the test of an input that needs more than this process.
    """

    schritt: str
    eingabe: str
    status: int | None
    code: str
    send: Callable[[Buehne], TestResponse] | None
    ereignis: str | None = None
    neu: int = 0
    quarantaene: int = 0
    zustand: str | None = None
    retry_after: bool = False
    anderswo: str | None = None

    @property
    def antwort(self) -> str:
        teile = ["TLS alert" if self.status is None else str(self.status)]
        teile += [f"`{self.code}`"] if self.code else []
        teile += [f"`zustand` {self.zustand}"] if self.zustand else []
        teile += ["Retry-After"] if self.retry_after else []
        return ", ".join(teile)

    @property
    def gespeichert(self) -> str:
        teile = (["verbrauch"] if self.neu else []) + (["quarantaene"] if self.quarantaene else [])
        return ", ".join(teile) or "no"
