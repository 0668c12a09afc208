"""Field types of all schemas: strict, with German messages. `schemas.py` of every Fachordner builds on these.

They refuse what libraries let through: 1.9 and true for an integer, a NUL or half a surrogate pair in a text
(PostgreSQL could not store it), an instant without offset, a decimal with more places than the column holds.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from betreiber.zeit import format_zeitpunkt, on_quarter_hour

INT64_MAX = 2**63 - 1
INT32_MAX = 2**31 - 1
# A warranty of a few scanned pages, a photograph of a meter.
DATEI_HOECHSTENS_BYTES = 5_000_000
# From the first meters to well beyond every contract; readings have narrower limits of their own.
FRUEHESTES_JAHR, SPAETESTES_JAHR = 1970, 2200

# The offset may be missing here, so that a naive time gets a message of its own.
# In the query part of an address a bare + means a space.
_VERLORENES_PLUS = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9:.]{5,15} [0-9]{2}:[0-9]{2}")
_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?([Zz]|[+-][0-9]{2}:[0-9]{2})?"
)

_KATEGORIEN = frozenset({"Cc", "Cs", "Cn", "Co", "Zl", "Zp"})
_RICHTUNGEN = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})

# Every message that marshmallow has for one of these fields: what is left out would be told in English.
_MELDUNGEN = {
    "required": "Pflichtfeld fehlt.",
    "null": "Darf nicht null sein.",
    "validator_failed": "Ungültiger Wert.",
    "invalid": "Ungültiger Wert.",
    "type": "Ungültiger Wert.",
    "format": "Ungültiger Wert.",
    "invalid_awareness": "Ungültiger Wert.",
    "invalid_utf8": "Kein gültiges UTF-8.",
    "too_large": "Die Zahl ist zu groß.",
}


class StrengesSchema(Schema):
    """Refuses unknown fields and keeps the order of its own."""

    error_messages = {
        "unknown": "Unbekanntes Feld.",
        "type": "Ein Objekt mit Feldern wird erwartet.",
        "invalid": "Ein Objekt mit Feldern wird erwartet.",
    }

    class Meta:
        unknown = RAISE


class Text(fields.String):
    """A text of one line, trimmed, in Unicode normal form C, never empty.

    No control characters, halves of surrogate pairs, line separators, nor signs that turn the direction of what
    follows: a name could show another name than it is.
    """

    default_error_messages = {**_MELDUNGEN, "invalid": "Ein Text wird erwartet."}

    def __init__(self, *, hoechstens: int = 200, muster: str | None = None, hinweis: str = "", **kw: Any) -> None:
        self.hoechstens = hoechstens
        self.muster = re.compile(muster) if muster else None
        self.hinweis = hinweis
        metadata = {"minLength": 1, "maxLength": hoechstens, **kw.pop("metadata", {})}
        if muster:
            metadata["pattern"] = f"^{muster}$"
        super().__init__(metadata=metadata, **kw)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kw: Any) -> str:
        text = unicodedata.normalize("NFC", super()._deserialize(value, attr, data, **kw)).strip()
        if not text:
            raise ValidationError("Darf nicht leer sein.")
        if len(text) > self.hoechstens:
            raise ValidationError(f"Höchstens {self.hoechstens} Zeichen.")
        if any(map(_forbidden, text)):
            raise ValidationError("Enthält unzulässige Zeichen.")
        if self.muster and not self.muster.fullmatch(text):
            raise ValidationError(self.hinweis or "Ungültiges Format.")
        return text


def _forbidden(zeichen: str) -> bool:
    return unicodedata.category(zeichen) in _KATEGORIEN or unicodedata.bidirectional(zeichen) in _RICHTUNGEN


class Geheimnis(fields.String):
    """A password or code: taken as it is, never trimmed, never dumped."""

    default_error_messages = {**_MELDUNGEN, "invalid": "Ein Text wird erwartet."}

    def __init__(self, *, mindestens: int = 1, hoechstens: int = 200, **kw: Any) -> None:
        self.grenzen = (mindestens, hoechstens)
        metadata = {
            "minLength": mindestens,
            "maxLength": hoechstens,
            "format": "password",
            **kw.pop("metadata", {}),
        }
        super().__init__(load_only=True, metadata=metadata, **kw)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kw: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **kw)
        mindestens, hoechstens = self.grenzen
        if not mindestens <= len(text) <= hoechstens:
            raise ValidationError(f"{mindestens} bis {hoechstens} Zeichen.")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ValidationError("Enthält unzulässige Zeichen.") from error
        return text


class Ganzzahl(fields.Integer):
    """A whole number; neither 1.9 nor true nor "12" in JSON. Query arguments are text, so they are parsed."""

    default_error_messages = {**_MELDUNGEN, "invalid": "Eine ganze Zahl wird erwartet."}

    def __init__(self, *, von: int = -INT64_MAX, bis: int = INT64_MAX, aus_text: bool = False, **kw: Any) -> None:
        self.aus_text = aus_text
        bereich = validate.Range(von, bis, error=f"Muss zwischen {von} und {bis} liegen.")
        super().__init__(validate=bereich, **kw)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kw: Any) -> Any:
        if self.aus_text:
            if not re.fullmatch(r"-?[0-9]{1,19}", str(value)):
                raise self.make_error("invalid")
            return int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.make_error("invalid")
        return value


class Wahrheitswert(fields.Boolean):
    """JSON's true or false, nothing that looks like it. Query arguments are text, so they are parsed."""

    default_error_messages = {**_MELDUNGEN, "invalid": "true oder false wird erwartet."}

    def __init__(self, *, aus_text: bool = False, **kw: Any) -> None:
        self.aus_text = aus_text
        super().__init__(**kw)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kw: Any) -> Any:
        if self.aus_text and value in ("true", "false"):
            return value == "true"
        if not isinstance(value, bool):
            raise self.make_error("invalid")
        return value


class Zeitpunkt(fields.AwareDateTime):
    """An instant in RFC 3339 with its offset; given out in UTC. Naive times are refused.

    `viertelstunde` allows edges of quarter hours only.
    """

    default_error_messages = {
        **_MELDUNGEN,
        "invalid": "Ein Zeitpunkt wie 2026-01-31T00:00:00+01:00 wird erwartet.",
        "invalid_awareness": "Der Zeitpunkt braucht einen Versatz wie +01:00 oder Z (im Query-Teil: %2B01:00).",
        "format": "Ein Zeitpunkt wie 2026-01-31T00:00:00+01:00 wird erwartet.",
        "plus": "Schreiben Sie das + des Versatzes in der Adresse als %2B: 2026-01-31T00:00:00%2B01:00.",
    }

    def __init__(self, *, viertelstunde: bool = False, **kw: Any) -> None:
        self.viertelstunde = viertelstunde
        super().__init__(format="iso", **kw)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kw: Any) -> Any:
        return None if value is None else format_zeitpunkt(value)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kw: Any) -> datetime:
        if isinstance(value, str) and _VERLORENES_PLUS.fullmatch(value):
            raise self.make_error("plus")
        # The whole text: Python's parser stops at a NUL and takes offsets with seconds.
        if not isinstance(value, str) or not _RFC_3339.fullmatch(value):
            raise self.make_error("invalid", input=value, obj_type="datetime")
        zeitpunkt: datetime = super()._deserialize(value.upper(), attr, data, **kw)
        if not FRUEHESTES_JAHR < zeitpunkt.year < SPAETESTES_JAHR:
            raise ValidationError(f"Das Jahr muss zwischen {FRUEHESTES_JAHR} und {SPAETESTES_JAHR} liegen.")
        if self.viertelstunde and not on_quarter_hour(zeitpunkt):
            raise ValidationError("Muss auf einer Viertelstunde liegen (:00, :15, :30, :45).")
        return zeitpunkt.astimezone(UTC)


class Datum(fields.Date):
    """A calendar date, YYYY-MM-DD."""

    default_error_messages = {**_MELDUNGEN, "invalid": "Diesen Tag gibt es nicht."}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kw: Any) -> Any:
        if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            raise ValidationError("Ein Datum wie 2026-01-31 wird erwartet.")
        # What is wrong now is the day itself, as of 2026-02-31.
        tag = super()._deserialize(value, attr, data, **kw)
        if not FRUEHESTES_JAHR - 100 < tag.year < SPAETESTES_JAHR:
            raise ValidationError("Das Jahr ist nicht plausibel.")
        return tag


class Dezimal(fields.Decimal):
    """An exact decimal, as text in both directions, with at most `stellen` places."""

    default_error_messages = {
        **_MELDUNGEN,
        "invalid": 'Eine Dezimalzahl als Text wird erwartet, zum Beispiel "14.490".',
        "special": "Unendlich und NaN sind keine Zahlen.",
    }

    def __init__(self, *, stellen: int, von: str, bis: str, **kw: Any) -> None:
        self.schritt = Decimal(1).scaleb(-stellen)
        # Not a validator: it would stand as minimum and maximum in the OpenAPI, where this is a text.
        self.grenzen = (Decimal(von), Decimal(bis))
        metadata = {"pattern": rf"^-?[0-9]+(\.[0-9]{{1,{stellen}}})?$", **kw.pop("metadata", {})}
        super().__init__(as_string=True, metadata=metadata, **kw)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kw: Any) -> Decimal:
        if not isinstance(value, str) or not re.fullmatch(r"-?[0-9]{1,15}(\.[0-9]{1,10})?", value):
            raise self.make_error("invalid")
        zahl = Decimal(value)
        if zahl != zahl.quantize(self.schritt):
            raise ValidationError(f"Höchstens {-int(self.schritt.as_tuple().exponent)} Nachkommastellen.")
        von, bis = self.grenzen
        if not von <= zahl <= bis:
            raise ValidationError(f"Muss zwischen {von} und {bis} liegen.")
        return zahl or abs(zahl)  # There is no negative zero on a bill.


class Auswahl(fields.String):
    """One name of a closed list."""

    default_error_messages = {**_MELDUNGEN, "invalid": "Ein Text wird erwartet."}

    def __init__(self, art: type[StrEnum], **kw: Any) -> None:
        namen = [eintrag.value for eintrag in art]
        self.art = art
        metadata = {"description": (art.__doc__ or "").partition("\n")[0], **kw.pop("metadata", {})}
        pruefung = validate.OneOf(namen, error=f"Erlaubt sind: {', '.join(namen)}.")
        super().__init__(validate=pruefung, metadata=metadata, **kw)

    def deserialize(self, value: Any, attr: str | None = None, data: Any = None, **kw: Any) -> Any:
        """Check the name and hand on the member, so that code behind the schema compares members, not texts."""
        wert = super().deserialize(value, attr, data, **kw)
        return self.art(wert) if isinstance(wert, str) else wert


class Teil(fields.Nested):
    """An object with fields of its own."""

    default_error_messages = {**_MELDUNGEN}


class Liste(fields.List):
    """Several values of one kind."""

    default_error_messages = {**_MELDUNGEN, "invalid": "Eine Liste wird erwartet."}


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that somebody sent; `dateiname` is what they call it, and as untrue as they like."""

    dateiname: str
    inhalt: bytes


class Datei(fields.Field):
    """A file in a form (multipart/form-data). Its name and media type are its sender's word, nobody's else."""

    default_error_messages = {**_MELDUNGEN, "invalid": "Eine Datei wird erwartet."}

    def __init__(self, **kw: Any) -> None:
        super().__init__(metadata={"type": "string", "format": "binary", **kw.pop("metadata", {})}, **kw)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kw: Any) -> Upload:
        if not hasattr(value, "stream"):  # a part without a file name is a text
            raise self.make_error("invalid")
        inhalt = value.stream.read()
        if not inhalt:
            raise ValidationError("Die Datei ist leer.")
        if len(inhalt) > DATEI_HOECHSTENS_BYTES:
            raise ValidationError(f"Höchstens {DATEI_HOECHSTENS_BYTES // 10**6} MB.")
        return Upload(value.filename or "", inhalt)


class PostleitzahlAnfang(Text):
    """The start of a postcode, as a filter."""

    def __init__(self, **kw: Any) -> None:
        super().__init__(hoechstens=5, muster=r"[0-9]{1,5}", hinweis="1 bis 5 Ziffern werden erwartet.", **kw)


class Kennung(Ganzzahl):
    """The number of a row."""

    def __init__(self, **kw: Any) -> None:
        super().__init__(von=1, **kw)


_ATOM = r"[A-Za-z0-9!#$%&'*+/=^_|~\-]{1,64}"


class Nummer(Text):
    """A number that the operator gives: of a customer, of a contract."""

    def __init__(self, **kw: Any) -> None:
        super().__init__(
            hoechstens=20,
            muster=r"[A-Z0-9\-]{3,20}",
            hinweis="3 bis 20 Großbuchstaben, Ziffern oder Bindestriche.",
            **kw,
        )


class EMail(Text):
    """An address that every mail server could accept (RFC 5321 limits the length to 254).

    ASCII only, without the question mark: `=?...?=` would be decoded to another address in the head of a mail.
    """

    def __init__(self, **kw: Any) -> None:
        super().__init__(
            hoechstens=254,
            muster=rf"{_ATOM}(\.{_ATOM})*@[A-Za-z0-9\-]{{1,63}}(\.[A-Za-z0-9\-]{{1,63}})+",
            hinweis="Eine E-Mail-Adresse ohne Umlaute wird erwartet.",
            **kw,
        )
