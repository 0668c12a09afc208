"""Which photos prove something, and how many an order takes."""

import pytest

from betreiber.auftrag.domain import check_foto, check_neues_foto
from betreiber.errors import EingabeUngueltig, KonfliktFehler

PNG_ENDE = bytes.fromhex("0000000049454e44ae426082")
JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 600 + b"\xff\xd9"


@pytest.mark.parametrize(
    ("medientyp", "inhalt", "code"),
    [
        ("image/jpeg", JPEG, None),
        # What a telephone writes behind the picture.
        ("image/jpeg", JPEG + b"SEFT" * 50, None),
        ("image/png", b"\x89PNG\r\n\x1a\n" + b"\0" * 600 + PNG_ENDE, None),
        ("image/jpeg", b"\xff\xd8\xff", "foto_unvollstaendig"),
        ("image/jpeg", b"\xff\xd8\xff\xd9", "foto_unvollstaendig"),
        ("image/jpeg", JPEG[:-1], "foto_unvollstaendig"),
        # The end of the small picture in the head is not the end of the large one.
        ("image/jpeg", JPEG + b"\0" * 5000, "foto_unvollstaendig"),
        ("image/png", b"\x89PNG\r\n\x1a\n" + b"\0" * 600, "foto_unvollstaendig"),
        ("image/png", JPEG, "foto_unvollstaendig"),
        ("application/pdf", b"%PDF-1.7" + b"\0" * 600, "dateityp_unbekannt"),
    ],
)
def test_a_photo_is_whole(medientyp, inhalt, code):
    if code is None:
        check_foto(medientyp, inhalt)
        return
    with pytest.raises(EingabeUngueltig) as fehler:
        check_foto(medientyp, inhalt)
    assert fehler.value.code == code


@pytest.mark.parametrize(
    ("vorhandene", "code"),
    [
        ([], None),
        ([b"a", None, None], None),
        ([bytes([n]) for n in range(19)], None),
        ([None] * 20, "zu_viele_fotos"),
        ([b"neu"], "foto_vorhanden"),
        # Whoever sends the last one again is told that it is there.
        ([b"neu", *[None] * 19], "foto_vorhanden"),
    ],
)
def test_an_order_takes_twenty_photos_each_once(vorhandene, code):
    if code is None:
        check_neues_foto(b"neu", vorhandene)
        return
    with pytest.raises(KonfliktFehler) as fehler:
        check_neues_foto(b"neu", vorhandene)
    assert fehler.value.code == code
