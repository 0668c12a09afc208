"""What a file is, and what it may be called."""

import pytest

from betreiber.dokument.domain import detect_medientyp, safe_name
from betreiber.errors import EingabeUngueltig


@pytest.mark.parametrize(
    ("inhalt", "medientyp"),
    [
        (b"%PDF-1.7\n", "application/pdf"),
        (bytes.fromhex("89504e470d0a1a0a0000000d"), "image/png"),
        (bytes.fromhex("ffd8ffe000104a464946"), "image/jpeg"),
        (bytes.fromhex("ffd8ffdb"), "image/jpeg"),
    ],
)
def test_the_content_says_what_a_file_is(inhalt, medientyp):
    assert detect_medientyp(inhalt) == medientyp


@pytest.mark.parametrize(
    "inhalt",
    [
        b"%PDF",
        b" %PDF-1.7",  # some readers take it, and some take it for something else
        b"<html>%PDF-1.7",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"GIF89a",
        b"PK\x03\x04",
        b"MZ",
        bytes.fromhex("ffd8"),
        bytes.fromhex("89504e470a1a0a"),  # line ends were changed on the way
        "%PDF-1.7".encode("utf-16"),
        b"",
    ],
)
def test_anything_else_is_refused(inhalt):
    with pytest.raises(EingabeUngueltig) as gefangen:
        detect_medientyp(inhalt)
    assert (gefangen.value.code, set(gefangen.value.errors)) == ("dateityp_unbekannt", {"datei"})


@pytest.mark.parametrize(
    ("name", "medientyp", "erwartet"),
    [
        ("Garantie 2026.pdf", "application/pdf", "Garantie 2026.pdf"),
        ("Prüfschein (Zähler 7).JPEG", "image/jpeg", "Prüfschein (Zähler 7).jpeg"),
        ("Pru\u0308fschein.png", "image/png", "Prüfschein.png"),
        ("scan.jpg", "image/jpeg", "scan.jpg"),
        ("scan.pdf", "image/png", "scan.pdf.png"),
        ("rechnung.exe", "application/pdf", "rechnung.exe.pdf"),
        ("../../etc/passwd", "application/pdf", "passwd.pdf"),
        ("C:\\Dokumente\\Garantie.pdf", "application/pdf", "Garantie.pdf"),
        ('a"; filename=b.exe', "application/pdf", "a__ filename_b.exe.pdf"),
        ("a\r\nSet-Cookie: b", "application/pdf", "a__Set-Cookie_ b.pdf"),
        ("gnp\u202egarantie.pdf", "application/pdf", "gnp_garantie.pdf"),
        ("<script>.pdf", "application/pdf", "_script_.pdf"),
        ("", "application/pdf", "dokument.pdf"),
        ("...", "image/png", "dokument.png"),
        (".pdf", "application/pdf", "pdf.pdf"),
        ("ordner/", "image/jpeg", "dokument.jpg"),
        (".htaccess", "application/pdf", "htaccess.pdf"),
        ("n" * 300 + ".pdf", "application/pdf", "n" * 95 + ".pdf"),
    ],
)
def test_a_name_is_a_name_on_every_system(name, medientyp, erwartet):
    assert safe_name(name, medientyp) == erwartet
