"""Errors are names: what went wrong is a class, its `code` is part of the API, the HTTP status stands here.

    BetreiberError
    ├── EingabeUngueltig        422  a value that a schema cannot judge alone (periods)
    ├── NichtAngemeldet         401  no, expired or forged token; wrong password
    ├── ZugriffVerweigert       403  the role may not do this at all
    ├── NichtGefunden           404  no such object, or one that this person must not know of
    ├── KonfliktFehler          409  the state of the data forbids it
    ├── VersionVeraltet         412  If-Match names an older version
    ├── ZuGross                 413  a file is larger than may be stored
    ├── VersionFehlt            428  PATCH without If-Match
    ├── ZuVieleVersuche         429  brute force; carries Retry-After
    ├── NichtVerfuegbar         503  database away, too much at once; carries Retry-After
    ├── DruckFehlt              503  this machine lacks what prints letters
    └── GeraeteFehler                a refused Telegramm or enrolment; short codes of docs/telegramm.md

`detail` is read by customers and staff, so it is German. `errors` names the fields.
"""

from collections.abc import Mapping
from typing import Any, ClassVar


class BetreiberError(Exception):
    """Base of everything that the operator refuses. An exception outside this tree is a bug."""

    status: int = 500
    code: str = "interner_fehler"
    titel: ClassVar[str] = "Interner Fehler"

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        errors: Mapping[str, Any] | None = None,
        weitere: Mapping[str, Any] | None = None,
    ) -> None:
        """`weitere`: members of the answer of this error alone (RFC 9457, 3.2), as JSON."""
        super().__init__(detail)
        self.detail = detail
        self.errors = dict(errors or {})
        self.weitere = dict(weitere or {})
        if code is not None:
            self.code = code

    @property
    def headers(self) -> dict[str, str]:
        """HTTP headers that belong to the answer."""
        return {}


class EingabeUngueltig(BetreiberError):
    """A value is not acceptable. `feld` is the name by which the client sent it."""

    status = 422
    code = "eingabe_ungueltig"
    titel = "Eingabe ungültig"

    def __init__(self, detail: str, *, feld: str | None = None, code: str | None = None) -> None:
        super().__init__(detail, code=code, errors={feld: [detail]} if feld else None)


class NichtAngemeldet(BetreiberError):
    status = 401
    code = "nicht_angemeldet"
    titel = "Nicht angemeldet"

    @property
    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": "Bearer"}


class ZugriffVerweigert(BetreiberError):
    status = 403
    code = "zugriff_verweigert"
    titel = "Zugriff verweigert"


class NichtGefunden(BetreiberError):
    """One answer for what does not exist and for what another customer owns."""

    status = 404
    code = "nicht_gefunden"
    titel = "Nicht gefunden"

    def __init__(self, detail: str = "Das gibt es hier nicht, oder es gehört nicht zu Ihnen.") -> None:
        super().__init__(detail)


class KonfliktFehler(BetreiberError):
    status = 409
    code = "konflikt"
    titel = "Konflikt"


class VersionVeraltet(BetreiberError):
    status = 412
    code = "version_veraltet"
    titel = "Version veraltet"

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(
            detail
            or "Der Datensatz wurde inzwischen geändert. Laden Sie ihn neu und wiederholen Sie die Änderung."
        )


class ZuGross(BetreiberError):
    status = 413
    code = "zu_gross"
    titel = "Zu groß"


class VersionFehlt(BetreiberError):
    status = 428
    code = "version_fehlt"
    titel = "Version fehlt"

    def __init__(self) -> None:
        super().__init__('Senden Sie den ETag des gelesenen Datensatzes als If-Match mit, zum Beispiel "3".')


class _Spaeter(BetreiberError):
    """Refused for now: `nach_s` seconds later it may be tried again."""

    def __init__(self, detail: str, *, nach_s: int) -> None:
        super().__init__(detail)
        self.nach_s = nach_s

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(self.nach_s)}


class ZuVieleVersuche(_Spaeter):
    status = 429
    code = "zu_viele_versuche"
    titel = "Zu viele Versuche"


class NichtVerfuegbar(_Spaeter):
    status = 503
    code = "nicht_verfuegbar"
    titel = "Vorübergehend nicht verfügbar"


class DruckFehlt(BetreiberError):
    status = 503
    code = "druck_fehlt"
    titel = "Druck nicht eingerichtet"

    def __init__(self) -> None:
        super().__init__(
            "Auf diesem Rechner fehlt Pango, ohne das keine Briefe gesetzt werden. Installieren Sie (Debian):"
            " apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core"
        )


class GeraeteFehler(BetreiberError):
    """A refused message of a device: only a short code, because an answer must not help an attacker."""

    titel = "Abgewiesen"

    def __init__(self, status: int, code: str, *, nach_s: int | None = None, zustand: str | None = None) -> None:
        """`nach_s`: seconds to wait; `zustand`: the state of a meter that proved who it is."""
        super().__init__("", code=code)
        self.status = status
        self.nach_s = nach_s
        self.zustand = zustand

    @property
    def headers(self) -> dict[str, str]:
        return {} if self.nach_s is None else {"Retry-After": str(self.nach_s)}
