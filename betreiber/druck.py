"""Paper: a template becomes HTML, HTML becomes a PDF, PDFs become one file. Nothing else knows the printer.

The libraries are imported when somebody prints: that takes a second, and the operator must start on a machine that
has no Pango, too.
"""

from collections.abc import Iterable
from ctypes import CDLL
from datetime import date
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any, NoReturn

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from betreiber.errors import DruckFehlt

# The letterhead, and what else several kinds of paper share.
VORLAGEN = Path(__file__).with_name("vorlagen")
# Of libpango-1.0-0, libpangoft2-1.0-0 and libharfbuzz-subset0, as the loader of Linux knows them.
_BIBLIOTHEKEN = ("libpango-1.0.so.0", "libpangoft2-1.0.so.0", "libharfbuzz-subset.so.0")
_WOCHENTAGE = ("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag")
_MONATE = (
    "Januar", "Februar", "März", "April", "Mai", "Juni",
    "Juli", "August", "September", "Oktober", "November", "Dezember",
)  # fmt: skip


def check_bibliotheken() -> None:
    """Raise DruckFehlt unless this machine has the libraries with which PDFs are set."""
    try:
        for name in _BIBLIOTHEKEN:
            CDLL(name)
    except OSError as error:
        raise DruckFehlt from error


def fill_vorlage(vorlage: Path, **werte: Any) -> str:
    """The HTML of a Jinja template, which may extend those of VORLAGEN; what is put into it is always escaped.

    Raises jinja2.UndefinedError for a value that the template names and nobody gave.
    """
    return _environment(vorlage.parent).get_template(vorlage.name).render(werte)


def print_pdf(html: str) -> bytes:
    """A tagged PDF (PDF/UA-1) of an HTML document that holds its own stylesheet; the same text, the same bytes.

    It reads nothing, neither from the network nor from this machine: a document that asks for a file is a bug of
    its template and raises weasyprint's FatalURLFetchingError. Raises DruckFehlt without Pango.
    """
    check_bibliotheken()
    from weasyprint import HTML
    from weasyprint.urls import URLFetcher

    class Nichts(URLFetcher):
        def fetch(self, url: str, headers: Any = None) -> NoReturn:
            raise ValueError(f"a document on paper fetches nothing: {url}")

    return bytes(HTML(string=html, url_fetcher=Nichts(fail_on_errors=True)).write_pdf(pdf_variant="pdf/ua-1"))


def merge_pdfs(pdfs: Iterable[bytes], titel: str) -> bytes:
    """Several PDFs as one file for the printer, page by page as they are."""
    from pypdf import PdfReader, PdfWriter

    with PdfWriter() as stapel:
        for pdf in pdfs:
            for seite in PdfReader(BytesIO(pdf)).pages:
                stapel.add_page(seite)
        stapel.add_metadata({"/Title": titel})
        datei = BytesIO()
        stapel.write(datei)
    return datei.getvalue()


def long_date(tag: date) -> str:
    """Dienstag, 16. Juni 2026."""
    return f"{_WOCHENTAGE[tag.weekday()]}, {tag.day}. {_MONATE[tag.month - 1]} {tag.year}"


@lru_cache(maxsize=16)
def _environment(ordner: Path) -> Environment:
    umgebung = Environment(
        loader=FileSystemLoader([ordner, VORLAGEN]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    umgebung.filters["long_date"] = long_date
    return umgebung
