"""What the lines of a batch name, asked for once: customers by their numbers, places by their ids."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from betreiber.bestand import queries
from betreiber.bestand.domain import Satz
from betreiber.errors import EingabeUngueltig
from betreiber.messstelle.domain import check_malo_id, check_melo_id
from db.models import Kunde, Messstelle


class Verweise:
    """The customers and places of a batch."""

    def __init__(self, session: Session, saetze: Sequence[Satz]) -> None:
        nummern, ids = (
            {satz[name] for satz in saetze for name in namen if satz[name]}
            for namen in (("kundennummer",), ("malo_id", "melo_id"))
        )
        self._kunden = queries.find_kunden(session, nummern)
        self._messstellen = queries.find_messstellen(session, ids)
        self.messstelle_ids = {messstelle.messstelle_id for messstelle in self._messstellen.values()}

    def kunde(self, satz: Satz) -> Kunde | None:
        """The customer of a line, None where it names none. Raises EingabeUngueltig for an unknown one."""
        if satz["kundennummer"] is None:
            return None
        kunde = self._kunden.get(satz["kundennummer"])
        if kunde is None:
            raise EingabeUngueltig(
                "Diesen Kunden gibt es nicht: nehmen Sie ihn in kunden.csv auf.",
                feld="kundennummer",
                code="kunde_unbekannt",
            )
        return kunde

    def messstelle(self, satz: Satz) -> Messstelle | None:
        """The place of a line, None where it names none.

        Raises EingabeUngueltig for a wrong id, an unknown one, and two of different places.
        """
        malo_id, melo_id = satz["malo_id"], satz["melo_id"]
        gefunden = []
        if malo_id is not None:
            gefunden.append(self._messstellen.get(check_malo_id(malo_id)))
        if melo_id is not None:
            gefunden.append(self._messstellen.get(check_melo_id(melo_id)))
        if None in gefunden:
            raise _unknown("Diese Messstelle gibt es nicht: nehmen Sie sie in messstellen.csv auf.", satz)
        if len(set(gefunden)) > 1:
            raise _unknown("MaLo-ID und MeLo-ID gehören zu verschiedenen Messstellen.", satz)
        return gefunden[0] if gefunden else None


def _unknown(detail: str, satz: Satz) -> EingabeUngueltig:
    feld = "melo_id" if satz["malo_id"] is None else "malo_id"
    return EingabeUngueltig(detail, feld=feld, code="messstelle_unbekannt")
