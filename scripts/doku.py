"""Writes the table of settings into docs/betrieb.md; the command is scripts/doku."""

import argparse
import re
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

from betreiber.settings import Settings, variable_name

DATEI = Path(__file__).parent.parent / "docs" / "betrieb.md"
ABSCHNITT = re.compile(r"(<!-- einstellungen -->\n).*?(<!-- /einstellungen -->)", re.DOTALL)


def settings_table() -> str:
    """Every variable with its default and meaning, as Markdown."""
    zeilen = ["| variable | default | meaning |", "|---|---|---|"]
    for feld in fields(Settings):
        zeilen.append(f"| `{variable_name(feld.name)}` | {_default(feld.default)} | {feld.metadata['doc']} |")
    return "\n".join(zeilen) + "\n"


def _default(wert: Any) -> str:
    if isinstance(wert, bool):
        return "`1`" if wert else "`0`"
    if wert in ("", None, ()):
        return ""
    return f"`{','.join(wert) if isinstance(wert, tuple) else wert}`"


def with_table(text: str) -> str:
    """The text with the table of this moment between its markers."""
    neu, anzahl = ABSCHNITT.subn(lambda treffer: f"{treffer[1]}\n{settings_table()}\n{treffer[2]}", text)
    if anzahl != 1:
        sys.exit("docs/betrieb.md needs the lines <!-- einstellungen --> and <!-- /einstellungen -->, once")
    return neu


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="scripts/doku", description="Write what the code knows into the docs.", epilog="Example: scripts/doku"
    )
    parser.add_argument("--pruefen", action="store_true", help="write nothing; exit code 1 when the docs lag")
    pruefen = parser.parse_args().pruefen
    text = DATEI.read_text(encoding="utf-8")
    soll = with_table(text)
    if text == soll:
        print(f"{DATEI.name} is up to date.")
    elif pruefen:
        sys.exit(f"docs/{DATEI.name} lags behind the settings; call: scripts/doku")
    else:
        DATEI.write_text(soll, encoding="utf-8")
        print(f"{DATEI.name} written.")


if __name__ == "__main__":
    main()
