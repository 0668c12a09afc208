"""Rules of customers. Pure."""

from enum import StrEnum


class Kundenart(StrEnum):
    """Decides on default interest and on the notes of a bill (BGB §§ 13, 14, 288)."""

    VERBRAUCHER = "VERBRAUCHER"
    UNTERNEHMEN = "UNTERNEHMEN"
