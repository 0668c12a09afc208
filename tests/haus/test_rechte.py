"""Every route as nobody and as every role: the gate keeps what `rechte.csv` says, before anything else is read."""

import re

import pytest
from flask import Flask

from betreiber.app import create_app
from betreiber.auth.domain import Rolle
from betreiber.auth.rechte import load_rechte
from betreiber.auth.zugang import RechteUnvollstaendig, check_rechte
from betreiber.settings import Settings
from db.schema import upgrade
from db.session import create_engine
from tests.hilfen import FesteUhr, Klient, Welt

MUELL = {"data": b"\xff{", "headers": {"Content-Type": "application/json"}, "query_string": "gibtesnicht=1"}
ROUTEN = [pytest.param(*schluessel, id=" ".join(schluessel)) for schluessel in load_rechte()]


@pytest.fixture(scope="module")
def haus(tmp_path_factory):
    """An app and one login of each role; what is asked here changes nothing in its database."""
    ordner = tmp_path_factory.mktemp("rechte")
    settings = Settings(daten=ordner, jwt_secret="g" * 32, argon2_zeit=1, argon2_speicher_kib=64)
    engine = create_engine(settings.datenbank)
    upgrade(engine)
    welt = Welt(engine, FesteUhr())
    kunde_id = welt.kunde()
    namen = {rolle: welt.benutzer(rolle, kunde_id=kunde_id if rolle is Rolle.KUNDE else None) for rolle in Rolle}
    engine.dispose()
    app = create_app(settings, uhr=FesteUhr())
    yield Klient(app), namen
    app.extensions["msb_engine"].dispose()


def address(route):
    """A path of the route with ids that no row has."""
    return re.sub(r"<[^>]+>", "999999", route)


@pytest.mark.parametrize(("methode", "route"), ROUTEN)
def test_nobody(haus, methode, route):
    client, _ = haus
    antwort = client.request(methode, address(route), **MUELL)
    if load_rechte()[methode, route].offen:
        assert antwort.status_code not in (401, 403)
        assert antwort.status_code < 500
        return
    assert (antwort.status_code, antwort.mimetype) == (401, "application/problem+json")
    assert antwort.json["code"] == "nicht_angemeldet"
    assert antwort.headers["WWW-Authenticate"] == "Bearer"
    if methode == "GET":
        assert client.request("HEAD", address(route)).status_code == 401


@pytest.mark.parametrize("rolle", Rolle)
@pytest.mark.parametrize(("methode", "route"), ROUTEN)
def test_role(haus, methode, route, rolle):
    client, namen = haus
    recht = load_rechte()[methode, route]
    antwort = client.request(methode, address(route), als=client.login(namen[rolle]), **MUELL)
    if recht.offen or recht.umfang(frozenset({rolle})):
        assert antwort.status_code not in (401, 403)
        assert antwort.status_code < 500
    else:
        # Before the garbage is looked at: who may not ask learns nothing about how to ask.
        assert (antwort.status_code, antwort.mimetype) == (403, "application/problem+json")
        assert antwort.json["code"] == "zugriff_verweigert"


def test_a_route_without_a_row_stops_the_start(app):
    app.add_url_rule("/v1/neu", view_func=lambda: "offen?")
    with pytest.raises(RechteUnvollstaendig, match=r"routes without a row: \[\('GET', '/v1/neu'\)\]"):
        check_rechte(app)


def test_a_row_without_a_route_stops_the_start():
    with pytest.raises(RechteUnvollstaendig, match=r"rows without a route: .*'/v1/kunden'"):
        check_rechte(Flask("leer", static_folder=None))


def test_every_role_may_do_something():
    """A column that is empty by mistake would lock a department out."""
    for rolle in Rolle:
        assert any(recht.umfang(frozenset({rolle})) for recht in load_rechte().values()), rolle
