"""Names, passwords and who sees what: pure rules."""

from datetime import UTC, datetime

import pytest

from betreiber.auth.domain import (
    Akteur,
    Rolle,
    Umfang,
    check_benutzername,
    check_passwort,
    normalize_benutzername,
    system_akteur,
)
from betreiber.auth.rechte import Recht, load_rechte
from betreiber.errors import EingabeUngueltig, NichtGefunden

JETZT = datetime(2026, 6, 15, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("getippt", "name"),
    [
        ("Erika@Example.ORG", "erika@example.org"),
        ("  erika\n", "erika"),
        ("u\u0308", "\u00fc"),
        ("GRO\u1e9eE", "grosse"),
    ],
)
def test_one_spelling_of_a_name(getippt, name):
    assert normalize_benutzername(getippt) == name
    assert normalize_benutzername(name) == name


@pytest.mark.parametrize("name", ["erika", "erika.m@example.org", "a", "o'neill+x@example.org", "x" * 254])
def test_good_names(name):
    check_benutzername(name)


@pytest.mark.parametrize(
    "name", ["", "müller", "a b", "x" * 255, "a\x00", "a\n", "Erika", "<b>", "=?x?=@example.org"]
)
def test_bad_names(name):
    with pytest.raises(EingabeUngueltig) as fehler:
        check_benutzername(name)
    assert set(fehler.value.errors) == {"benutzername"}


@pytest.mark.parametrize(
    ("name", "passwort"),
    [
        ("erika@example.org", "zwölf Zeiche"),
        ("erika@example.org", "x9!kL" * 40),
        ("eva@example.org", "Nevada im Winter"),  # three letters of a name stand in many words
    ],
)
def test_good_passwords(name, passwort):
    check_passwort(name, passwort)


@pytest.mark.parametrize(
    ("passwort", "text"),
    [
        ("elf Zeichen", "12 bis 200"),
        ("x9!kL" * 40 + "x", "12 bis 200"),
        ("abcdabcdabcd", "verschiedene"),
        ("Das ist ERIKA selbst", "Benutzernamen"),
        ("erika@example.org", "Benutzernamen"),
    ],
)
def test_bad_passwords(passwort, text):
    with pytest.raises(EingabeUngueltig, match=text) as fehler:
        check_passwort("erika@example.org", passwort, "passwort_neu")
    assert set(fehler.value.errors) == {"passwort_neu"}
    assert passwort not in fehler.value.detail


@pytest.mark.parametrize(
    ("umfang", "kunde_id", "gefragt", "erlaubt"),
    [
        (Umfang.ALLE, None, 7, True),
        (Umfang.ALLE, 8, 7, True),
        (Umfang.EIGENE, 7, 7, True),
        (Umfang.EIGENE, 8, 7, False),
        (Umfang.EIGENE, None, 7, False),
    ],
)
def test_whose_data(umfang, kunde_id, gefragt, erlaubt):
    akteur = Akteur("benutzer:1", JETZT, umfang, kunde_id=kunde_id)
    if erlaubt:
        akteur.check_kunde(gefragt)
    else:
        with pytest.raises(NichtGefunden):
            akteur.check_kunde(gefragt)


def test_the_operator_itself_sees_all():
    akteur = system_akteur("jobs", JETZT)
    assert (akteur.name, akteur.sees_all, akteur.rollen) == ("system:jobs", True, frozenset())


EIGENE_UND_ALLE = Recht(False, {Rolle.KUNDE: Umfang.EIGENE, Rolle.ADMIN: Umfang.ALLE})


@pytest.mark.parametrize(
    ("rollen", "umfang"),
    [
        (set(), None),
        ({Rolle.TARIF}, None),
        ({Rolle.KUNDE}, Umfang.EIGENE),
        ({Rolle.ADMIN}, Umfang.ALLE),
        ({Rolle.KUNDE, Rolle.ADMIN}, Umfang.ALLE),
        ({Rolle.KUNDE, Rolle.TARIF}, Umfang.EIGENE),
    ],
)
def test_the_widest_of_several_roles_counts(rollen, umfang):
    assert EIGENE_UND_ALLE.umfang(frozenset(rollen)) is umfang


def test_the_table_of_rights_is_whole():
    """Customers never see everybody's objects; what is open to anybody gives a role nothing to write."""
    for (methode, route), recht in load_rechte().items():
        assert methode in ("GET", "POST", "PUT", "PATCH", "DELETE"), route
        assert recht.rollen.get(Rolle.KUNDE) is not Umfang.ALLE, route
        assert bool(recht.rollen) != recht.offen, route
