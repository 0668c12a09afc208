"""The errors of the communication unit; their texts are German, because the person at the meter reads them.

GatewayFehler
├── OrdnerFehler                 the folder of the meter is missing, damaged or in use
├── EinschreibungFehler          the enrolment failed or its answer is not believed
├── ZertifikatUngueltig          a certificate does not lead to the pinned root, or is not for its purpose
├── FirmwareAbgelehnt            an announced firmware, or its image, is not accepted
└── SendeFehler                  nothing was forgotten; try again later
    ├── NichtErreichbar          no connection, time-out, link torn
    │   └── TlsAbgelehnt         the other side is not the pinned operator, or speaks no TLS 1.3
    ├── Abgewiesen               the operator answered, but not with 200
    │   ├── Gesperrt             it refuses this meter: only people can change that
    │   └── EpocheAbgewiesen     it refuses one epoche after another
    ├── AntwortUnzulaessig       redirect, too large, wrong type: not read any further
    └── QuittungUngueltig        a 200 answer that is no valid receipt for what was sent
"""

from __future__ import annotations

from typing import ClassVar


class GatewayFehler(Exception):
    """Base of everything the gateway raises on purpose."""


class OrdnerFehler(GatewayFehler):
    """The folder of the meter cannot be used."""


class EinschreibungFehler(GatewayFehler):
    """The enrolment failed; the keys stay where they are, so that it can be repeated."""


class ZertifikatUngueltig(GatewayFehler):
    """A certificate is not believed; what was in use before stays in use."""


class FirmwareAbgelehnt(GatewayFehler):
    """A firmware is not installed; the text is the reason, as the device log says it."""


class SendeFehler(GatewayFehler):
    """Sending failed. The buffer is untouched: whatever was waiting is still waiting.

    ``retry_after`` is the wish of the operator in seconds, or None when it expressed none. After one that is
    ``taeglich`` the next try is a day away, because trying does not help. ``rat`` is part of the text: what helps
    when waiting does not, or "".
    """

    retry_after: float | None = None
    taeglich: ClassVar[bool] = False
    rat: str = ""

    def __str__(self) -> str:
        text = super().__str__()
        return f"{text.rstrip('.')}. {self.rat}" if self.rat else text


class NichtErreichbar(SendeFehler):
    """No answer came: the link, the name or the operator is down."""


class TlsAbgelehnt(NichtErreichbar):
    """The TLS handshake failed, so no byte of application data was sent."""


class Abgewiesen(SendeFehler):
    """The operator answered with an HTTP status other than 200.

    ``code`` is the stable code of the problem+json body, or "" when the body carried none.
    """

    def __init__(self, status: int, code: str = "", retry_after: float | None = None) -> None:
        super().__init__(f"Der Betreiber lehnt ab: HTTP {status}" + (f" ({code})" if code else ""))
        self.status = status
        self.code = code
        self.retry_after = retry_after


class Gesperrt(Abgewiesen):
    """403 `gesperrt`. ``ausgebaut``: the answer says that the meter was removed or scrapped.

    ``endgueltig``: it was said for long enough to be believed (`Versand`), so the meter need not ask again.
    """

    taeglich = True

    def __init__(self, status: int, code: str, ausgebaut: bool = False) -> None:
        super().__init__(status, code)
        self.ausgebaut = ausgebaut
        self.endgueltig = False


class EpocheAbgewiesen(Abgewiesen):
    """409 for so many epochen in a row that going on quickly would use them up."""

    taeglich = True


class AntwortUnzulaessig(SendeFehler):
    """The answer is a redirect, larger than allowed, encoded or of a wrong type."""


class QuittungUngueltig(SendeFehler):
    """The receipt is not signed by the operator, not for this Telegramm, or older than the last one."""
