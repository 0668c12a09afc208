"""The kinds: each described, and docs/ereignisse.md says the same."""

import re

from betreiber.auth.domain import Rolle
from betreiber.ereignis.domain import ARTEN, Ereignisart, find_geschehen, sees_akteur, visible_arten
from tests.ereignis.folge import JETZT
from tests.haus.quelltext import WURZEL

# The second brief names them.
NEUN = {
    "KUNDE_ANGELEGT",
    "STROMZAEHLER_EINGEBAUT",
    "STROMZAEHLER_AUSGEBAUT",
    "TARIF_GEWAEHLT",
    "DATEN_EMPFANGEN",
    "ABRECHNUNGSTAG_ERREICHT",
    "RECHNUNG_GESTELLT",
    "RECHNUNG_BEZAHLT",
    "RECHNUNG_UEBERFAELLIG",
}


def words(zelle):
    return re.findall(r"\w+", zelle)


def test_every_kind_is_described():
    assert set(ARTEN) == set(Ereignisart)
    for art, was in ARTEN.items():
        assert set(was.rollen.split()) <= set(Rolle), art
        assert was.bezeichnung, art


def test_the_page_has_the_table_of_kinds():
    text = (WURZEL / "docs/ereignisse.md").read_text(encoding="utf-8")
    zeilen = re.findall(
        r"^\| (\**)`([A-Z_]+)`\** \| `(\w+)` \| ([^|]*) \| ([^|]*) \| [^|]+ \|$", text, re.MULTILINE
    )
    assert {art for fett, art, *_ in zeilen if fett} == NEUN
    assert [(art, objekt, words(rollen), words(daten)) for _, art, objekt, rollen, daten in zeilen] == [
        (art.value, was.objekt_art, was.rollen.split(), list(was.daten)) for art, was in ARTEN.items()
    ]


def test_who_has_several_roles():
    """Somebody of two departments sees what either sees; what they see as a customer is no right on others."""
    tarif, analyse, kunde = Rolle.TARIF, Rolle.ANALYSE, Rolle.KUNDE
    beide = visible_arten(frozenset({tarif, analyse}), eigene=False)
    assert {Ereignisart.TARIF_GEWAEHLT, Ereignisart.DATEN_EMPFANGEN} <= beide
    assert visible_arten(frozenset({tarif, kunde}), eigene=False) == {Ereignisart.TARIF_GEWAEHLT}
    assert visible_arten(frozenset({Rolle.ADMIN, kunde}), eigene=True) == {
        Ereignisart.STROMZAEHLER_EINGEBAUT,
        Ereignisart.STROMZAEHLER_AUSGEBAUT,
        Ereignisart.DATEN_EMPFANGEN,
        Ereignisart.RECHNUNG_GESTELLT,
        Ereignisart.RECHNUNG_BEZAHLT,
        Ereignisart.RECHNUNG_UEBERFAELLIG,
    }
    assert visible_arten(frozenset({Rolle.MONTEUR}), eigene=False) == frozenset()
    assert not sees_akteur(frozenset({tarif, analyse}))
    assert sees_akteur(frozenset({tarif, Rolle.WARTUNG}))


def test_when_something_happened():
    assert find_geschehen(Ereignisart.STROMZAEHLER_EINGEBAUT, {"von": JETZT}) == JETZT
    assert find_geschehen(Ereignisart.STROMZAEHLER_AUSGEBAUT, {"bis": JETZT}) == JETZT
    assert find_geschehen(Ereignisart.ABLESUNG_ENTSCHIEDEN, {"von": JETZT, "bis": JETZT}) is None
