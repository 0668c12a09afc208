"""Back history: let a meter have counted over a period of the past, and deliver all of it.

The plan of delivery is in the database of the register, batch by batch, so a delivery that was broken off goes on
where it stopped.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from gateway.versand import Bilanz, Sendung
from stromzaehler_sim.fehler import ZaehlwerkFehler
from stromzaehler_sim.last.lastprofil import WOCHE_S
from stromzaehler_sim.stromzaehler import Stromzaehler
from stromzaehler_sim.uhr import VIERTELSTUNDE_S, Halt, quarter_before

TAG_S = 86400
VERSUCHE = 10

OnFortschritt = Callable[[int, int], None]
"""Called with (readings done, readings in all)."""


def deliver_history(
    zaehler: Stromzaehler,
    von: int,
    bis: int,
    neueste_zuerst_tage: int = 7,
    *,
    aelteste_zuerst: bool = False,
    on_progress: OnFortschritt | None = None,
    stop_event: Halt | None = None,
    versuche: int = VERSUCHE,
) -> Bilanz:
    """Let the meter have counted from ``von`` to ``bis`` (s since 1970) and deliver all of it.

    The register is computed in order; then the newest ``neueste_zuerst_tage`` days are sent, then the older
    weeks, newest or ``aelteste_zuerst`` first. Broken off, the same call goes on where it stopped; what is
    delivered already is not delivered again. ``bis`` is cut at now. ``versuche`` tries in a row may fail
    (with back-off) before the SendeFehler is raised. ``stop_event`` ends it early without an error.

    Raises ZaehlwerkFehler when the meter began to count after ``von``: a register cannot be turned back.
    """
    von, bis = quarter_before(von), quarter_before(min(bis, zaehler.jetzt()))
    if von >= bis:
        raise ZaehlwerkFehler("Die Historie ist leer: --von muss vor --bis und vor der Gegenwart liegen.")
    zaehler.zaehlwerk.install(von)
    beginn = zaehler.zaehlwerk.beginn
    if beginn is not None and beginn > von:
        raise ZaehlwerkFehler(
            "Dieser Zähler zählt schon seit einem späteren Zeitpunkt als --von; "
            "Historie gibt es nur vor dem ersten Start. --von später wählen oder einen neuen Zähler nehmen."
        )
    zaehler.zaehlwerk.advance(bis)
    zaehler.zaehlwerk.plan_history(
        lambda a, b: cut_batches(a, b, neueste_zuerst_tage, aelteste_zuerst=aelteste_zuerst)
    )
    return _deliver(zaehler, on_progress, stop_event, versuche)


def _deliver(
    zaehler: Stromzaehler, on_progress: OnFortschritt | None, stop_event: Halt | None, versuche: int
) -> Bilanz:
    puffer, bilanz = zaehler.gateway.puffer, Bilanz()
    halt = stop_event if stop_event is not None else threading.Event()
    offen = zaehler.zaehlwerk.open_batches()
    gesamt = puffer.waiting() + sum((bis - von) // VIERTELSTUNDE_S for _, von, bis in offen)

    def report(sendung: Sendung, wartend: int) -> None:
        bilanz.add(sendung)
        if on_progress is not None:
            on_progress(min(bilanz.sent, gesamt), gesamt)

    def pause(sekunden: float) -> bool:
        return not zaehler.uhr.sleep_until(zaehler.uhr.now() + sekunden, halt)

    def send() -> bool:
        zaehler.gateway.versand.send_all(report, versuche=versuche, pause=pause, zufall=zaehler.zufall)
        return puffer.waiting() == 0

    # What waits already goes first, so that a batch never meets a full buffer.
    if not send():
        return bilanz
    for rang, von, bis in offen:
        if halt.is_set():
            break
        puffer.put_many(zaehler.zaehlwerk.readings(von, bis))
        # From here on the buffer answers for the batch, whatever happens to the sending.
        zaehler.zaehlwerk.batch_done(rang)
        if not send():
            break
    return bilanz


def cut_batches(
    von: int, bis: int, neueste_zuerst_tage: int = 7, *, aelteste_zuerst: bool = False
) -> list[tuple[int, int]]:
    """Cut [von, bis) into batches of at most a week, in the order of delivery.

    The newest ``neueste_zuerst_tage`` days come first, week by week backwards; the rest backwards, too, or
    forwards from ``von`` with ``aelteste_zuerst``.
    """
    grenze = max(von, bis - neueste_zuerst_tage * TAG_S)
    batches = _weeks_backwards(grenze, bis)
    if aelteste_zuerst:
        return batches + [(a, min(a + WOCHE_S, grenze)) for a in range(von, grenze, WOCHE_S)]
    return batches + _weeks_backwards(von, grenze)


def _weeks_backwards(von: int, bis: int) -> list[tuple[int, int]]:
    return [(max(von, b - WOCHE_S), b) for b in range(bis, von, -WOCHE_S)]
