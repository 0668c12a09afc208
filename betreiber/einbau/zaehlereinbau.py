"""The use case of a meter that is put in where none hangs: opening reading, Einbau, customer and token at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from betreiber.ablesung import speicher
from betreiber.ablesung.zaehlerstaende import Zaehlerstand, as_zaehlerstand
from betreiber.auth.domain import Akteur
from betreiber.einbau import queries
from betreiber.einbau.domain import check_geschehen, check_nach, schon_eingetragen
from betreiber.einbau.service import install
from betreiber.einbau.zaehlerstand import as_register, store_zaehlerstand
from betreiber.ereignis.service import record_audit
from betreiber.errors import EingabeUngueltig, KonfliktFehler, NichtGefunden
from betreiber.schluessel.service import Token, add_token
from betreiber.stromzaehler.zuordnung import assign
from betreiber.vertrag.service import list_laufende
from betreiber.zeit import local_date
from db.models import Einbau, KundeStromzaehler


@dataclass(frozen=True, slots=True)
class Zaehlereinbau:
    """What an installation has recorded.

    `zuordnung` None: the place is vacant; `einschreibungstoken` is shown this once, None where keys are in force.
    """

    einbau: Einbau
    anfangsstand: Zaehlerstand
    zuordnung: KundeStromzaehler | None
    einschreibungstoken: Token | None


def install_zaehler(
    session: Session, akteur: Akteur, messstelle_id: int, daten: Mapping[str, Any]
) -> Zaehlereinbau:
    """Record that a meter was put in, in one transaction.

    It is the named customer's from then on, else that of whoever has a running contract at the place. Raises
    NichtGefunden for the place, EingabeUngueltig for an unknown meter or customer, an instant in the future,
    before the meter's commissioning or the last removal at the place, or registers that cannot be; and
    KonfliktFehler when it is recorded already, the place is taken, the meter hangs elsewhere, may not be installed
    or is somebody's, or several customers have a contract.
    """
    zeitpunkt = daten["zeitpunkt"]
    messstelle = queries.lock_messstelle(session, messstelle_id)
    if messstelle is None:
        raise NichtGefunden
    check_geschehen(zeitpunkt, akteur.zeitpunkt, "zeitpunkt")
    stromzaehler = queries.get_stromzaehler(session, daten["stromzaehler_id"])
    if stromzaehler is None:
        raise EingabeUngueltig(
            "Diesen Stromzähler gibt es nicht.", feld="stromzaehler_id", code="stromzaehler_unbekannt"
        )
    nummer = stromzaehler.stromzaehler_id
    stand = speicher.lock(session, [nummer])[nummer]
    if queries.find_einbau_from(session, nummer, messstelle_id, zeitpunkt) is not None:
        raise schon_eingetragen("Dieser Einbau")
    letzter = queries.find_newest_einbau(session, messstelle_id)
    if letzter is not None and letzter.bis is not None:
        check_nach(zeitpunkt, letzter.bis, "dem letzten Ausbau an der Messstelle")
    einbau = install(session, akteur, stromzaehler, messstelle, zeitpunkt)
    register = as_register(daten["anfangsstand"])
    anfang = store_zaehlerstand(session, akteur, stromzaehler, stand, zeitpunkt, register, "anfangsstand")
    kunde_id = daten["kunde_id"] or _find_kunde(session, messstelle_id, zeitpunkt)
    zuordnung = None if kunde_id is None else assign(session, akteur, nummer, kunde_id, zeitpunkt, None)
    token = add_token(session, akteur, nummer)
    record_audit(session, akteur, "ZAEHLEREINBAU", "messstelle", messstelle_id, neu=daten)
    session.commit()
    return Zaehlereinbau(einbau, as_zaehlerstand(anfang), zuordnung, token)


def _find_kunde(session: Session, messstelle_id: int, zeitpunkt: datetime) -> int | None:
    """The customer who has a running contract at a place, None without any. Raises KonfliktFehler for several."""
    kunden = {vertrag.kunde_id for vertrag in list_laufende(session, messstelle_id, local_date(zeitpunkt))}
    if len(kunden) > 1:
        raise KonfliktFehler(
            "An der Messstelle laufen Verträge mehrerer Kunden. Nennen Sie kunde_id: wem der Zähler gehören soll.",
            code="kunde_mehrdeutig",
        )
    return min(kunden, default=None)
