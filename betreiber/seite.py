"""Pages of a list: the same arguments and the same envelope for every list of the API."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from marshmallow import Schema, fields
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from betreiber.felder import Ganzzahl, StrengesSchema

T = TypeVar("T")
# Beyond it a list is a search gone wrong; an offset reads all rows before it.
SEITE_HOECHSTENS = 100_000


@dataclass(frozen=True, slots=True)
class Seite(Generic[T]):
    """One page: `gesamt` counts the rows of all pages."""

    eintraege: Sequence[T]
    seite: int
    pro_seite: int
    gesamt: int


class SeiteQuerySchema(StrengesSchema):
    """Query arguments of a list."""

    seite = Ganzzahl(
        von=1, bis=SEITE_HOECHSTENS, aus_text=True, load_default=1, metadata={"description": "page, from 1"}
    )
    pro_seite = Ganzzahl(
        von=1, bis=500, aus_text=True, load_default=50, metadata={"description": "rows of a page, at most 500"}
    )


def seite_schema(eintrag: type[Schema]) -> type[Schema]:
    """The envelope of a page of `eintrag`."""
    return StrengesSchema.from_dict(
        {
            "eintraege": fields.List(fields.Nested(eintrag)),
            "seite": fields.Integer(),
            "pro_seite": fields.Integer(),
            "gesamt": fields.Integer(metadata={"description": "rows of all pages"}),
        },
        name=eintrag.__name__.replace("Schema", "SeiteSchema"),
    )


def fetch_seite(
    session: Session,
    anweisung: Select[*tuple[Any, ...]],
    seite: int,
    pro_seite: int,
    *,
    als: Callable[..., Any] | None = None,
) -> Seite[Any]:
    """Run an ordered SELECT for one page: of one entity, or of columns that `als` makes an entry of."""
    gesamt = session.scalar(select(func.count()).select_from(anweisung.order_by(None).subquery())) or 0
    zeilen = session.execute(anweisung.limit(pro_seite).offset((seite - 1) * pro_seite))
    eintraege = zeilen.scalars().all() if als is None else [als(*zeile) for zeile in zeilen]
    return Seite(eintraege, seite, pro_seite, gesamt)
