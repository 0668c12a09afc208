"""The use case of an exchange that never was, or was another one: as long as nothing depends on it, it is undone.

Nothing is lost: readings that are taken back stay as versions, and the audit log holds every row as it was.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from betreiber.ablesung import speicher
from betreiber.ablesung.domain import Herkunft, Qualitaet
from betreiber.auth.domain import Akteur
from betreiber.einbau import queries
from betreiber.einbau.domain import check_zurueckgekehrt
from betreiber.einbau.service import put_back, undo_install
from betreiber.einbau.zaehlerstand import find_measured
from betreiber.ereignis.domain import Ereignisart
from betreiber.ereignis.service import record_audit, record_ereignis
from betreiber.errors import KonfliktFehler, NichtGefunden
from betreiber.schluessel.service import Token, add_token, revoke_schluessel
from betreiber.stromzaehler.domain import Zaehlerzustand
from betreiber.stromzaehler.service import get_stromzaehler
from betreiber.stromzaehler.zuordnung import find_edge, hand_over, merge_at
from betreiber.wartung.service import write
from betreiber.zeit import local_date
from db.models import Audit, Einbau, Stromzaehler, Telegrammstand


@dataclass(frozen=True, slots=True)
class Ruecknahme:
    """What an undone exchange leaves: the old meter hangs where it hung, the new one lies in the warehouse.

    The token is for the old meter, None where its keys are in force or it is distrusted: it is shown this once.
    """

    zeitpunkt: datetime
    einbau: Einbau
    neuer_stromzaehler_id: int
    einschreibungstoken: Token | None


def take_back(
    session: Session, akteur: Akteur, messstelle_id: int, *, zeitpunkt: datetime, begruendung: str
) -> Ruecknahme:
    """Undo the latest exchange at a place, in one transaction; `zeitpunkt` names it.

    The old meter goes on with its keys, or is enrolled anew where it has lost them in the warehouse meanwhile; the
    new one loses those that it has. Readings and the date of commissioning are as they were before, where the
    audit log tells of this very exchange. Raises NichtGefunden for the place, and KonfliktFehler when there is no
    such exchange (any more), another one followed, the new meter has sent readings since, or the old one hangs
    elsewhere or was scrapped.
    """
    if queries.lock_messstelle(session, messstelle_id) is None:
        raise NichtGefunden
    ausbau, einbau = _find_exchange(session, messstelle_id, zeitpunkt)
    alter_id, neuer_id = ausbau.stromzaehler_id, einbau.stromzaehler_id
    staende = speicher.lock(session, [alter_id, neuer_id])
    alter, neuer = (get_stromzaehler(session, akteur, nummer) for nummer in (alter_id, neuer_id))
    check_zurueckgekehrt(Zaehlerzustand(alter.zustand))
    wechsel = queries.find_exchange_audit(session, messstelle_id, zeitpunkt, alter_id, neuer_id)
    vorher = {} if wechsel is None else wechsel.alt
    eingetragen = _find_entered(wechsel)
    war_da = wechsel is not None and "anfangsstand" not in eingetragen
    _withdraw_since(session, akteur, staende[neuer_id], zeitpunkt, war_da)
    undo_install(session, akteur, neuer, einbau, _find_commissioning(neuer, zeitpunkt, vorher))
    put_back(session, akteur, alter, ausbau)
    hand_over(session, akteur, neuer_id, alter_id, zeitpunkt)
    merge_at(session, akteur, alter_id, zeitpunkt)
    for nummer, feld in ((alter_id, "schlussstand"), (neuer_id, "anfangsstand")):
        if feld in eingetragen:
            _withdraw_entered(session, akteur, staende[nummer], zeitpunkt)
        if f"{feld}_datum" in vorher:
            _reset_letzte_ablesung(session, akteur, nummer, local_date(zeitpunkt), vorher[f"{feld}_datum"])
    revoke_schluessel(session, akteur, neuer_id, "Wechsel zurückgenommen")
    wer = {"alter_stromzaehler_id": alter_id, "neuer_stromzaehler_id": neuer_id, "zeitpunkt": zeitpunkt}
    aktion = Ereignisart.ZAEHLERWECHSEL_ZURUECKGENOMMEN
    record_audit(session, akteur, aktion, "messstelle", messstelle_id, alt=wer, neu={"begruendung": begruendung})
    record_ereignis(session, akteur, aktion, "messstelle", messstelle_id, wer)
    token = None if alter.zustand == Zaehlerzustand.GESPERRT else add_token(session, akteur, alter_id)
    session.commit()
    return Ruecknahme(zeitpunkt, ausbau, neuer_id, token)


def _find_exchange(session: Session, messstelle_id: int, zeitpunkt: datetime) -> tuple[Einbau, Einbau]:
    """The Einbau that the latest exchange at a place ended, and the one that it began."""
    einbau = queries.find_newest_einbau(session, messstelle_id)
    ausbau = queries.find_einbau_until(session, messstelle_id, zeitpunkt)
    if einbau is None or ausbau is None or einbau.von < zeitpunkt:
        raise KonfliktFehler(
            "Zu diesem Zeitpunkt gibt es an der Messstelle keinen Zählerwechsel. Prüfen Sie, ob er schon"
            " zurückgenommen ist.",
            code="zaehlerwechsel_fehlt",
        )
    if einbau.von > zeitpunkt or einbau.bis is not None:
        raise _has_consequences(
            "Nach diesem Wechsel wurde an der Messstelle wieder gewechselt oder ausgebaut. Nehmen Sie zuerst das"
            " zurück."
        )
    return ausbau, einbau


def _find_commissioning(
    neuer: Stromzaehler, zeitpunkt: datetime, vorher: Mapping[str, str | None]
) -> dict[str, date | None]:
    """The date of commissioning as it was before the exchange, where that is known and set it."""
    if "inbetriebnahme_datum" not in vorher or neuer.inbetriebnahme_datum != local_date(zeitpunkt):
        return {}
    datum = vorher["inbetriebnahme_datum"]
    return {"inbetriebnahme_datum": None if datum is None else date.fromisoformat(datum)}


def _withdraw_since(
    session: Session, akteur: Akteur, stand: Telegrammstand, zeitpunkt: datetime, war_da: bool
) -> None:
    """Take back the substitutes of the new meter since an instant. Raises KonfliktFehler where it was measured.

    At the instant itself that says something if the meter sent it, and `war_da` does not say that it had before.
    """
    uhrzeit, jetzt = int(zeitpunkt.timestamp()), int(akteur.zeitpunkt.timestamp())
    abschnitte = speicher.sections(session, stand.stromzaehler_id)
    danach = list(speicher.iter_series(session, stand.stromzaehler_id, uhrzeit + 1, jetzt))
    anfang = find_measured(session, stand.stromzaehler_id, zeitpunkt)
    gesendet = anfang is not None and anfang.herkunft is Herkunft.GERAET and not war_da
    if (
        gesendet
        or any(wert.qualitaet is Qualitaet.ABGELESEN for wert in danach)
        or any(abschnitt.ab >= uhrzeit for abschnitt in abschnitte)
    ):
        raise _has_consequences(
            "Vom neuen Zähler gibt es seit dem Wechsel Ablesungen, auf denen sein Verbrauch steht. Nehmen Sie sie"
            " zuerst zurück, oder tragen Sie einen neuen Wechsel ein."
        )
    speicher.remove(session, stand, [wert.uhrzeit for wert in danach], jetzt)


def _find_entered(wechsel: Audit | None) -> Sequence[str]:
    """Which of both registers the exchange itself wrote; what was there before it is none of its own.

    An exchange that was put together from single calls wrote none.
    """
    # Rows that do not say it are older than this distinction.
    return () if wechsel is None else wechsel.neu.get("eingetragen", ("schlussstand", "anfangsstand"))


def _withdraw_entered(session: Session, akteur: Akteur, stand: Telegrammstand, zeitpunkt: datetime) -> None:
    """Take back what an exchange wrote for an instant, unless an edge of the meter's stands on it.

    What was corrected since is no longer what it wrote.
    """
    gemessen = find_measured(session, stand.stromzaehler_id, zeitpunkt)
    if gemessen is None or gemessen.herkunft is not Herkunft.MANUELL:
        return
    abschnitte = speicher.sections(session, stand.stromzaehler_id)
    gebraucht = any(find_edge(session, stand.stromzaehler_id, zeitpunkt)) or any(
        abschnitt.ab == gemessen.uhrzeit for abschnitt in abschnitte
    )
    if not gebraucht:
        speicher.remove(session, stand, [gemessen.uhrzeit], int(akteur.zeitpunkt.timestamp()))


def _reset_letzte_ablesung(
    session: Session, akteur: Akteur, stromzaehler_id: int, wechsel_datum: date, vorher: str | None
) -> None:
    """Let a meter have been read last when it was before the exchange, unless people have read it since."""
    if queries.find_letzte_ablesung(session, stromzaehler_id) == wechsel_datum:
        datum = None if vorher is None else date.fromisoformat(vorher)
        write(session, akteur, stromzaehler_id, {"letzte_manuelle_ablesung_datum": datum})


def _has_consequences(detail: str) -> KonfliktFehler:
    return KonfliktFehler(detail, code="zaehlerwechsel_hat_folgen")
