"""Writes openapi/betreiber.json; the command is scripts/openapi."""

import argparse
import sys
import tempfile
from pathlib import Path

from betreiber.app import create_app
from betreiber.extensions import describe_routes
from betreiber.openapi import describe
from betreiber.settings import Settings

DATEI = Path(__file__).parent.parent / "openapi" / "betreiber.json"


def generate() -> str:
    """The description of the API as the app of this moment gives it."""
    with tempfile.TemporaryDirectory() as ordner:
        # Nothing is asked of the database, and no token is signed.
        app = create_app(Settings(daten=Path(ordner), jwt_secret="0" * 32, argon2_zeit=1, argon2_speicher_kib=8))
        return describe(describe_routes(app))


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="scripts/openapi", description="Write the description of the API.", epilog="Example: scripts/openapi"
    )
    parser.add_argument("--pruefen", action="store_true", help="write nothing; exit code 1 when the file lags")
    pruefen = parser.parse_args().pruefen
    soll = generate()
    if DATEI.exists() and DATEI.read_text(encoding="utf-8") == soll:
        print(f"{DATEI.name} is up to date.")
    elif pruefen:
        sys.exit(f"openapi/{DATEI.name} lags behind the app; call: scripts/openapi")
    else:
        DATEI.parent.mkdir(exist_ok=True)
        DATEI.write_text(soll, encoding="utf-8")
        print(f"{DATEI.name} written.")


if __name__ == "__main__":
    main()
