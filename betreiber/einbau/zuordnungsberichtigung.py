"""The use case of a wrong edge between two customers of a meter: both intervals are put right at once."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from betreiber.ablesung import speicher
from betreiber.auth.domain import Akteur
from betreiber.einbau import queries
from betreiber.einbau.domain import check_geschehen, schon_eingetragen
from betreiber.ereignis.domain import Ereignisart
from betreiber.ereignis.service import record_audit, record_ereignis
from betreiber.errors import EingabeUngueltig, KonfliktFehler
from betreiber.stromzaehler.service import get_stromzaehler
from betreiber.stromzaehler.zuordnung import find_edge, move_edge
from db.models import KundeStromzaehler


def correct_zuordnung(
    session: Session,
    akteur: Akteur,
    stromzaehler_id: int,
    *,
    kante_alt: datetime,
    kante_neu: datetime,
    begruendung: str,
) -> Sequence[KundeStromzaehler]:
    """Let the meter change hands at another instant; the intervals that touch there, in order.

    Raises NichtGefunden, EingabeUngueltig for twice the same instant, one in the future or when nothing would be
    left of an interval, and KonfliktFehler when it is recorded already, nothing changes at `kante_alt`, the meter
    was put in or taken out then, or another interval is in the way.
    """
    get_stromzaehler(session, akteur, stromzaehler_id)
    if kante_alt == kante_neu:
        raise EingabeUngueltig(
            "Alte und neue Kante sind derselbe Zeitpunkt.", feld="kante_neu", code="zeitraum_ungueltig"
        )
    check_geschehen(kante_neu, akteur.zeitpunkt, "kante_neu")
    # Moves of one meter are recorded one by one.
    speicher.lock(session, [stromzaehler_id])
    if queries.is_einbau_edge(session, stromzaehler_id, kante_alt):
        # The edge is the work's: the other meter of an exchange has it, too, and would keep it.
        raise KonfliktFehler(
            "Zu diesem Zeitpunkt wurde der Zähler ein- oder ausgebaut, und daraus folgt die Zuordnung. War es ein"
            " Zählerwechsel, nehmen Sie ihn zurück und tragen ihn neu ein. Hing der Zähler länger, tragen Sie ihn"
            " ab diesem Zeitpunkt wieder ein; hing er kürzer, beenden Sie die Zuordnung früher.",
            code="kante_am_einbau",
        )
    zuordnungen = move_edge(session, akteur, stromzaehler_id, kante_alt, kante_neu)
    if not zuordnungen:
        if any(find_edge(session, stromzaehler_id, kante_neu)):
            raise schon_eingetragen("Diese Berichtigung")
        raise KonfliktFehler(
            "Zu diesem Zeitpunkt beginnt und endet keine Zuordnung. Sehen Sie in der Liste der Zuordnungen nach.",
            code="zuordnung_fehlt",
        )
    was, daten = Ereignisart.ZUORDNUNG_BERICHTIGT, {"kante_alt": kante_alt, "kante_neu": kante_neu}
    neu = daten | {"begruendung": begruendung}
    record_audit(session, akteur, was, "stromzaehler", stromzaehler_id, neu=neu)
    record_ereignis(session, akteur, was, "stromzaehler", stromzaehler_id, daten)
    session.commit()
    return zuordnungen
