"""The face as two lines of text, for pipes and log files."""

from __future__ import annotations

from stromzaehler_sim.anzeige.gesicht import Gesicht, Zeile


def lines(gesicht: Gesicht) -> tuple[str, str]:
    """Line 1 is the legal register, line 2 everything else that is lit; a dark display says why it is."""
    if not gesicht.zeile_1.zeichen:
        return "keine Spannung", ""
    teile = [
        _line(gesicht.zeile_2),
        " ".join(name for name, an in zip(("L1", "L2", "L3"), gesicht.phasen, strict=True) if an),
        "+A" if gesicht.bezug else "",
        "-A" if gesicht.einspeisung else "",
        f"{gesicht.rat} {gesicht.balken}/4" if gesicht.rat else "",
        *sorted(gesicht.symbole),
        f"{gesicht.wartend} wartend",
    ]
    return _line(gesicht.zeile_1), " | ".join(teil for teil in teile if teil)


def _line(zeile: Zeile) -> str:
    if not zeile.zeichen:
        return ""
    return f"{zeile.kennung}  {zeile.zeichen.replace('.', ',')} {' '.join(zeile.einheiten)}".rstrip()
