"""House rules that can be read off the source."""

import ast
import re

import pytest

from tests.haus.quelltext import PAKETE, WURZEL, called, imports, name_of, python_files, tree

DOMAENEN = [*(WURZEL / "betreiber").glob("*/domain.py"), WURZEL / "betreiber/zeit.py"]
ZEILEN_HOECHSTENS = 400
# Who may ask the machine what time it is, and why; everybody else is handed an Uhr or an instant.
MIT_UHR = {
    "betreiber/ablesung/service.py": "certificates live on real time",
    "betreiber/zeit.py": "Systemuhr and SimulierteUhr are the clocks",
    "betreiber/firmware/routes.py": "certificates live on real time",
    "betreiber/cli/firmware.py": "certificates live on real time",
    "betreiber/cli/pki.py": "certificates live on real time",
    "betreiber/cli/pki_zaehler.py": "certificates live on real time",
    "betreiber/leitstand.py": "certificates live on real time",
    "betreiber/schluessel/routes.py": "certificates live on real time",
    "gateway/auftraege.py": "certificates live on real time",
    "gateway/einschreibung.py": "certificates live on real time",
    "gateway/erneuerung.py": "certificates live on real time",
    "gateway/gateway.py": "the clock unless another is passed in",
    "gateway/versand.py": "the clock unless another is passed in",
    "stromzaehler_sim/uhr.py": "the meter's clock",
}
JETZT = re.compile(r"(datetime\.(now|utcnow|today)|date\.today|time\.(time|time_ns|gmtime|localtime))$")


def ids(dateien):
    return [pytest.param(datei, id=name_of(datei)) for datei in dateien]


@pytest.mark.parametrize("datei", ids(python_files(*PAKETE, "scripts", "tests")))
def test_a_file_has_one_subject(datei):
    """A file over about 400 lines is split by what it computes. Migrations stay as they were applied."""
    if "migrations/versions" not in name_of(datei):
        zeilen = len(datei.read_text(encoding="utf-8").splitlines())
        assert zeilen <= ZEILEN_HOECHSTENS, f"{name_of(datei)} has {zeilen} lines"


@pytest.mark.parametrize("datei", ids(python_files(*PAKETE, "scripts", "tests")))
def test_names_are_ascii(datei):
    assert name_of(datei).isascii()
    for knoten in ast.walk(tree(datei)):
        for feld in ("name", "id", "attr", "arg"):
            wert = getattr(knoten, feld, None)
            assert not isinstance(wert, str) or wert.isascii(), f"{name_of(datei)}:{knoten.lineno} {wert}"


def test_nobody_asks_the_machine_for_the_time():
    funde = {
        name_of(datei)
        for datei in python_files(*PAKETE)
        for knoten in ast.walk(tree(datei))
        if isinstance(knoten, ast.Attribute) and JETZT.search(ast.unparse(knoten))
    }
    assert funde == set(MIT_UHR)


@pytest.mark.parametrize("datei", ids(DOMAENEN))
def test_domain_counts_in_int_and_decimal(datei):
    """Energy is integer Wh, money is Decimal: neither a float literal nor the type."""
    for knoten in ast.walk(tree(datei)):
        fund = (
            (isinstance(knoten, ast.Constant) and isinstance(knoten.value, float))
            or (isinstance(knoten, ast.Name) and knoten.id == "float" and name_of(datei) != "betreiber/zeit.py")
            or (isinstance(knoten, ast.Attribute) and knoten.attr == "total_seconds" and "zeit" not in datei.name)
        )
        assert not fund, f"{name_of(datei)}:{knoten.lineno}"


@pytest.mark.parametrize("datei", ids(DOMAENEN))
def test_domain_says_what_it_computes(datei):
    """Every public function and class of a domain.py has a docstring, and so has the module."""
    assert ast.get_docstring(tree(datei))
    for knoten in tree(datei).body:
        if isinstance(knoten, ast.FunctionDef | ast.ClassDef) and not knoten.name.startswith("_"):
            assert ast.get_docstring(knoten) or _is_plain_record(knoten), f"{name_of(datei)}: {knoten.name}"


def _is_plain_record(knoten):
    """A class whose fields speak for themselves: names and values only."""
    return isinstance(knoten, ast.ClassDef) and all(
        isinstance(teil, ast.AnnAssign | ast.Assign) for teil in knoten.body
    )


@pytest.mark.parametrize("datei", ids(python_files(*PAKETE)))
def test_every_module_says_what_it_is_for(datei):
    if datei.name != "__init__.py" and "versions" not in datei.parts:
        assert ast.get_docstring(tree(datei))


@pytest.mark.parametrize("datei", ids((WURZEL / "betreiber").glob("*/routes.py")))
def test_routes_hold_no_sql_and_no_transaction(datei):
    assert not [name for name in imports(datei) if name.split(".")[0] in ("sqlalchemy", "db")]
    assert not [zeile for name, zeile in called(datei) if name.endswith((".commit", ".execute", ".add"))]
    rechnung = [knoten.lineno for knoten in ast.walk(tree(datei)) if isinstance(knoten, ast.BinOp)]
    assert not rechnung, f"{name_of(datei)}: arithmetic in lines {rechnung}"


@pytest.mark.parametrize("datei", ids((WURZEL / "betreiber").glob("*/queries.py")))
def test_queries_never_commit(datei):
    assert not [zeile for name, zeile in called(datei) if name.endswith((".commit", ".rollback"))]


def test_sql_is_written_in_queries():
    """SQL stands in queries.py and what is split off it, in the storage interface, and where mails are queued."""
    erlaubt = {
        "betreiber/auftrag/stoerungsliste.py",
        "betreiber/auftrag/wartungsliste.py",
        "betreiber/ereignis/nachricht.py",
        "betreiber/seite.py",
        "betreiber/stoerung/eingriffe.py",
    }
    funde = {
        name_of(datei)
        for datei in python_files("betreiber")
        if datei.name != "queries.py" and datei.parent.name != "speicher"
        for name, _ in called(datei)
        if name in ("select", "update", "delete", "insert", "text")
    }
    assert funde == erlaubt


@pytest.mark.parametrize("datei", ids(python_files("betreiber", "gateway")))
def test_http_out_ignores_the_environment_and_has_a_limit(datei):
    """`requests` takes proxies and .netrc from the environment and waits for ever, unless told not to."""
    for name, zeile in called(datei):
        direkt = re.fullmatch(r"requests\.(get|post|put|patch|delete|head|request)", name)
        assert not direkt, f"{name_of(datei)}:{zeile}: use a Session with trust_env = False and a timeout"


@pytest.mark.parametrize("datei", sorted((WURZEL / "requirements").glob("*.txt")), ids=lambda datei: datei.name)
def test_lock_files_carry_hashes_and_no_addresses(datei):
    text = datei.read_text(encoding="utf-8")
    assert not re.search(r"https?:|--(extra-)?index-url|--find-links|--trusted-host|file://|@ ", text)
    pakete = re.split(r"\n(?=[a-z0-9])", text.strip())
    assert len(pakete) > 20
    for paket in pakete:
        assert re.match(r"[a-z0-9\-]+(\[[a-z,]+\])?==\S+", paket), paket.splitlines()[0]
        assert "--hash=sha256:" in paket, paket.splitlines()[0]
