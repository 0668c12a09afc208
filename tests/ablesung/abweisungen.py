"""What the operator refuses, as data: every input with its exact answer. docs/telegramm.md, 5, is this table.

After a change of the table: `python -m tests.ablesung.abweisungen docs/telegramm.md` writes it into the docs.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.ablesung import faelle_container, faelle_inhalt, faelle_kanal

FAELLE = [
    *faelle_kanal.VORHER,
    *faelle_container.AUSSEN,
    *faelle_container.UNTERZEICHNER,
    *faelle_container.INNEN,
    *faelle_inhalt.KLARTEXT,
    *faelle_inhalt.FOLGE,
    *faelle_inhalt.ZEILEN,
    *faelle_kanal.NACHHER,
    *faelle_kanal.EINSCHREIBUNG,
]
MARKEN = ("<!-- abweisungen -->", "<!-- /abweisungen -->")


def _rows() -> Iterator[str]:
    yield "| step | input | answer | event | stored |"
    yield "|---|---|---|---|---|"
    for fall in FAELLE:
        ereignis = f"`{fall.ereignis}`" if fall.ereignis else ""
        yield f"| {fall.schritt} | {fall.eingabe} | {fall.antwort} | {ereignis} | {fall.gespeichert} |"


def with_table(text: str) -> str:
    """The page with the table as it is here between its marks."""
    anfang, ende = MARKEN
    muster = re.compile(f"{anfang}.*?{ende}", re.DOTALL)
    if not muster.search(text):
        raise SystemExit(f"{anfang} ... {ende} is missing")
    tabelle = "\n".join(_rows())
    return muster.sub(lambda _: f"{anfang}\n\n{tabelle}\n\n{ende}", text)


if __name__ == "__main__":
    seite = Path(sys.argv[1])
    seite.write_text(with_table(seite.read_text(encoding="utf-8")), encoding="utf-8")
