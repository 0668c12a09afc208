"""Rules of documents: what a file is, and under which name it is given out. Pure."""

import re
import unicodedata
from enum import StrEnum

from betreiber.errors import EingabeUngueltig

DATEINAME_HOECHSTENS = 100
# How a file begins: ISO 32000-2, 7.5.2; ISO/IEC 15948, 5.2; ISO/IEC 10918-1, B.1.1.3 (SOI, then a marker).
_ANFAENGE = {
    "application/pdf": b"%PDF-",
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
}
MEDIENTYPEN = tuple(_ANFAENGE)
# Endings that a name may keep; the first one is added to a name without.
_ENDUNGEN = {"application/pdf": (".pdf",), "image/png": (".png",), "image/jpeg": (".jpg", ".jpeg")}
_UNSICHER = re.compile(r"[^\w .,()+\-]")


class Dokumentart(StrEnum):
    """What a document is of: warranty, certificate of verification, or something else."""

    GEWAEHRLEISTUNG = "GEWAEHRLEISTUNG"
    EICHSCHEIN = "EICHSCHEIN"
    SONSTIGES = "SONSTIGES"


def detect_medientyp(inhalt: bytes) -> str:
    """The media type of a PDF, PNG or JPEG, by its first bytes: name and header are what a sender says.

    Raises EingabeUngueltig for anything else.
    """
    for medientyp, anfang in _ANFAENGE.items():
        if inhalt.startswith(anfang):
            return medientyp
    raise EingabeUngueltig(
        "Die Datei ist weder PDF noch PNG noch JPEG. Scannen oder speichern Sie sie als eines davon.",
        feld="datei",
        code="dateityp_unbekannt",
    )


def safe_name(dateiname: str, medientyp: str) -> str:
    """A name that is one on every system: no folder, no signs that steer, the ending that the content has."""
    name = re.split(r"[/\\]", unicodedata.normalize("NFC", dateiname))[-1]
    name = _UNSICHER.sub("_", name).strip(" .")
    endungen = _ENDUNGEN[medientyp]
    endung = next((endung for endung in endungen if name.lower().endswith(endung)), "")
    stamm = name[: len(name) - len(endung)].rstrip(" .")[: DATEINAME_HOECHSTENS - len(".jpeg")]
    return (stamm or "dokument") + (endung or endungen[0])
