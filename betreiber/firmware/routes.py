"""The route on the device listener by which meters fetch their firmware."""

from datetime import UTC, datetime

from flask import Blueprint as FlaskBlueprint
from flask import Response, current_app, request

from betreiber.firmware import service
from betreiber.geraete import client_fingerprint
from betreiber.session import current_session

geraete = FlaskBlueprint("firmware", __name__)


@geraete.get("/geraete/v1/firmware/<sha256>")
def fetch(sha256: str) -> Response:
    """Up to 48 KiB of an image, from byte `von` on (docs/firmware.md)."""
    stueck = service.read_stueck(
        current_session(),
        current_app.extensions["msb_firmwarebilder"],
        client_fingerprint(),
        sha256,
        request.args.get("von", "0"),
        datetime.now(UTC),
    )
    return Response(stueck, mimetype="application/octet-stream")
