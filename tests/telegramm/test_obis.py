"""OBIS-Kennzahlen as text, bytes and on the display."""

import pytest

from telegramm import obis
from telegramm.obis import ObisKennzahl


@pytest.mark.parametrize(
    ("kennzahl", "text", "kurz", "hexadezimal"),
    [
        (obis.BEZUG, "1-0:1.8.0*255", "1.8.0", "0100010800ff"),
        (obis.BEZUG_TARIF_1, "1-0:1.8.1*255", "1.8.1", "0100010801ff"),
        (obis.BEZUG_TARIF_2, "1-0:1.8.2*255", "1.8.2", "0100010802ff"),
        (obis.EINSPEISUNG, "1-0:2.8.0*255", "2.8.0", "0100020800ff"),
        (obis.LEISTUNG, "1-0:16.7.0*255", "16.7.0", "0100100700ff"),
        (obis.FREQUENZ, "1-0:14.7.0*255", "14.7.0", "01000e0700ff"),
        (obis.GERAETE_ID, "1-0:96.1.0*255", "96.1.0", "0100600100ff"),
    ],
)
def test_forms(kennzahl: ObisKennzahl, text: str, kurz: str, hexadezimal: str) -> None:
    assert str(kennzahl) == text
    assert kennzahl.kurz == kurz
    assert kennzahl.to_bytes().hex() == hexadezimal
    assert ObisKennzahl.from_string(text) == kennzahl
    assert ObisKennzahl.from_bytes(bytes.fromhex(hexadezimal)) == kennzahl


def test_phases() -> None:
    assert [k.kurz for k in obis.LEISTUNG_PHASEN] == ["36.7.0", "56.7.0", "76.7.0"]
    assert [k.kurz for k in obis.SPANNUNG_PHASEN] == ["32.7.0", "52.7.0", "72.7.0"]
    assert [k.kurz for k in obis.STROM_PHASEN] == ["31.7.0", "51.7.0", "71.7.0"]


@pytest.mark.parametrize("text", ["", "1.8.0", "1-0:1.8.0", "1-0:1.8.0*256", "1-0:1.8.0*255\n", "1-0:1.8.x*255"])
def test_not_an_obis_kennzahl(text: str) -> None:
    with pytest.raises(ValueError):
        ObisKennzahl.from_string(text)


def test_wrong_length() -> None:
    with pytest.raises(ValueError):
        ObisKennzahl.from_bytes(bytes(5))
