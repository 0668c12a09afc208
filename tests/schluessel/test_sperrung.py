"""Revocation works on the next request; what staff see of a meter's keys; tokens for many."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from betreiber.auth.domain import system_akteur
from betreiber.errors import KonfliktFehler, NichtGefunden
from betreiber.schluessel import service
from db.models import Audit, Einschreibungstoken, Ereignis, Stromzaehler, Telegrammstand
from db.session import create_engine, create_session
from tests.hilfen import Welt
from tests.kanal import Zaehler, messwert
from tests.schluessel.hilfen import end_in, refusal, renew, revoked, with_new_keys

NUMMER = "1EMH0012345678"


@pytest.fixture
def stromzaehler_id(welt):
    return welt.stromzaehler(zaehlernummer=NUMMER)


@pytest.fixture
def zaehler(kanal, stromzaehler_id):
    return kanal.enrolled(NUMMER, stromzaehler_id)


@pytest.fixture
def akteur(uhr):
    return system_akteur("test", uhr.now())


def lock(client, person, stromzaehler_id, **daten):
    return client.post(f"/v1/stromzaehler/{stromzaehler_id}/schluesselsperrung", als=person, json=daten)


def reading(uhr):
    return [messwert(int(uhr.now().timestamp()), 1)]


@pytest.mark.parametrize("rolle", ["wartung", "admin"])
def test_the_next_request_is_refused(kanal, zaehler, client, als, uhr, session, rolle):
    assert kanal.deliver(zaehler, reading(uhr)).neu == 1
    antwort = lock(client, als(rolle), zaehler.stromzaehler_id, grund="gestohlen")
    assert (antwort.status_code, antwort.json) == (200, {"zaehlernummer": NUMMER, "gesperrt": 1})
    assert kanal.refusal(zaehler, zaehler.telegramm(uhr, reading(uhr))) == (403, "gesperrt")
    # Once more revokes nothing more, and is recorded once.
    assert lock(client, als(rolle), zaehler.stromzaehler_id).json["gesperrt"] == 0
    zeilen = session.scalars(select(Audit).where(Audit.aktion == "SCHLUESSEL_GESPERRT")).all()
    assert [zeile.neu for zeile in zeilen] == [{"saetze": 1, "grund": "gestohlen"}]
    assert len(session.scalars(select(Ereignis).where(Ereignis.art == "SCHLUESSEL_GESPERRT")).all()) == 1


def test_a_renewed_set_is_revoked_too(kanal, zaehler, client, als, session):
    end_in(session, 30)
    neu = with_new_keys(zaehler)
    renew(kanal, zaehler, neu)
    assert lock(client, als("wartung"), zaehler.stromzaehler_id).json["gesperrt"] == 2
    assert revoked(session) == {1: True, 2: True}
    assert refusal(renew(kanal, zaehler, neu)) == (403, "gesperrt")


def test_a_lost_key_ends_in_a_new_enrolment(kanal, zaehler, client, als, uhr, session):
    lock(client, als("wartung"), zaehler.stromzaehler_id)
    neu = Zaehler(NUMMER, zaehler.stromzaehler_id)
    assert kanal.enrol(neu, neu.einschreibung(kanal.token(zaehler.stromzaehler_id))).status_code == 200
    assert neu.enrolled.epoche == 2
    assert kanal.deliver(neu, reading(uhr)).neu == 1
    assert revoked(session) == {1: True, 2: False}


def test_a_used_token_brings_no_revoked_certificates(kanal, stromzaehler_id, client, als):
    zaehler = Zaehler(NUMMER, stromzaehler_id)
    antrag = zaehler.einschreibung(kanal.token(stromzaehler_id))
    assert kanal.enrol(zaehler, antrag).status_code == 200
    lock(client, als("wartung"), stromzaehler_id)
    assert refusal(kanal.enrol(zaehler, antrag)) == (403, "gesperrt")


def test_a_token_from_before_brings_no_new_keys(kanal, zaehler, client, als):
    """Whoever has the meter may have found a token that was still good."""
    vorher = kanal.token(zaehler.stromzaehler_id)
    lock(client, als("wartung"), zaehler.stromzaehler_id)
    neu = Zaehler(NUMMER, zaehler.stromzaehler_id)
    assert refusal(kanal.enrol(neu, neu.einschreibung(vorher))) == (403, "token")
    assert kanal.enrol(neu, neu.einschreibung(kanal.token(zaehler.stromzaehler_id))).status_code == 200


def test_nothing_to_revoke(client, als, stromzaehler_id):
    assert lock(client, als("wartung"), stromzaehler_id).json == {"zaehlernummer": NUMMER, "gesperrt": 0}
    assert lock(client, als("wartung"), 99).status_code == 404


def test_a_meter_that_comes_back_needs_a_token(kanal, zaehler, client, als, uhr, session, welt):
    """Removed, its state refuses it; installed again, its keys are revoked."""
    planung = als("wartung")
    pfad = f"/v1/stromzaehler/{zaehler.stromzaehler_id}"
    von, bis = uhr.now() - timedelta(days=2), uhr.now() - timedelta(days=1)
    einbau = client.post(
        f"{pfad}/einbauten", als=planung, json={"messstelle_id": welt.messstelle(), "von": von.isoformat()}
    )
    assert einbau.status_code == 201, einbau.text
    client.patch(
        f"{pfad}/einbauten/{einbau.json['einbau_id']}", als=planung, version=1, json={"bis": bis.isoformat()}
    )
    assert kanal.refusal(zaehler, zaehler.telegramm(uhr, reading(uhr))) == (403, "gesperrt")
    assert revoked(session) == {1: False}
    wieder = client.post(
        f"{pfad}/einbauten", als=planung, json={"messstelle_id": welt.messstelle(), "von": bis.isoformat()}
    )
    assert wieder.status_code == 201, wieder.text
    assert revoked(session) == {1: True}
    assert kanal.refusal(zaehler, zaehler.telegramm(uhr, reading(uhr))) == (403, "gesperrt")
    neu = Zaehler(NUMMER, zaehler.stromzaehler_id)
    kanal.enrol(neu, neu.einschreibung(kanal.token(zaehler.stromzaehler_id)))
    assert kanal.deliver(neu, reading(uhr)).neu == 1


def test_a_meter_that_goes_back_to_the_warehouse_needs_a_token(zaehler, client, als, session):
    session.execute(update(Stromzaehler).values(zustand="AUSGEBAUT"))
    session.commit()
    antwort = client.patch(
        f"/v1/stromzaehler/{zaehler.stromzaehler_id}", als=als("wartung"), version=1, json={"zustand": "LAGER"}
    )
    assert antwort.status_code == 200, antwort.text
    assert revoked(session) == {1: True}


def test_staff_see_the_keys_of_a_meter(kanal, zaehler, client, als, session):
    end_in(session, 30)
    renew(kanal, zaehler, with_new_keys(zaehler))
    antwort = client.get(f"/v1/stromzaehler/{zaehler.stromzaehler_id}/schluessel?pro_seite=4", als=als("admin"))
    assert (antwort.status_code, antwort.json["gesamt"]) == (200, 6)
    assert [(zeile["epoche"], zeile["zweck"]) for zeile in antwort.json["eintraege"]] == [
        (2, "SIGNATUR"), (2, "TLS"), (2, "VERSCHLUESSELUNG"), (1, "SIGNATUR"),
    ]  # fmt: skip
    erste = antwort.json["eintraege"][0]
    assert set(erste) == {"zweck", "epoche", "gueltig_von", "gueltig_bis", "gesperrt_zeitpunkt", "fingerabdruck"}
    assert erste["gesperrt_zeitpunkt"] is None
    assert len(bytes.fromhex(erste["fingerabdruck"])) == 32
    assert client.get("/v1/stromzaehler/99/schluessel", als=als("admin")).status_code == 404


def test_older_sets_are_retired_without_a_commit(kanal, zaehler, session, akteur):
    end_in(session, 30)
    renew(kanal, zaehler, with_new_keys(zaehler))
    assert service.retire_older_keys(session, akteur, zaehler.stromzaehler_id, 2) == 1
    assert service.retire_older_keys(session, akteur, zaehler.stromzaehler_id, 2) == 0
    assert revoked(session) == {1: False, 2: False}
    assert service.retire_older_keys(session, akteur, zaehler.stromzaehler_id, 2) == 1
    session.commit()
    assert revoked(session) == {1: True, 2: False}
    audit = session.scalars(select(Audit).where(Audit.aktion == "SCHLUESSEL_ABGELOEST")).one()
    assert audit.neu == {"saetze": 1, "unter_epoche": 2}


def test_tokens_for_many_come_in_batches(session, akteur, welt):
    nummern = [f"1EMH00{nummer:08}" for nummer in range(1, 503)]
    ids = [welt.stromzaehler(zaehlernummer=nummer) for nummer in nummern]
    stapel = list(service.create_tokens(session, akteur, service.find_enrollable(session, nummern)))
    assert [len(teil) for teil in stapel] == [500, 2]
    tokens = [token for teil in stapel for token in teil]
    assert [token.zaehlernummer for token in tokens] == nummern
    gespeichert = session.scalars(select(Einschreibungstoken).order_by(Einschreibungstoken.stromzaehler_id)).all()
    assert [zeile.stromzaehler_id for zeile in gespeichert] == ids
    assert len({token.token for token in tokens}) == 502


def test_looking_for_many_meters_waits_for_no_writer(sqlite_url, uhr):
    """On SQLite a list of thousands would keep readings from being stored meanwhile."""
    engine = create_engine(sqlite_url, wartezeit_s=0.1)
    stromzaehler_id = Welt(engine, uhr).stromzaehler(zaehlernummer=NUMMER)
    with create_session(engine) as schreibend, create_session(engine) as session:
        schreibend.connection()  # BEGIN IMMEDIATE
        (gefunden,) = service.find_enrollable(session, [NUMMER])
        assert gefunden.stromzaehler_id == stromzaehler_id
        assert not session.in_transaction()
    engine.dispose()


def test_one_wrong_number_makes_no_token(session, welt):
    welt.stromzaehler(zaehlernummer=NUMMER)
    gesperrt = welt.stromzaehler(zaehlernummer="1EMH0000000002", zustand="GESPERRT")
    assert gesperrt
    with pytest.raises(NichtGefunden) as fehler:
        service.find_enrollable(session, [NUMMER, "1EMH0000000009"])
    assert "1EMH0000000009" in fehler.value.detail
    session.rollback()
    with pytest.raises(KonfliktFehler) as fehler:
        service.find_enrollable(session, [NUMMER, "1EMH0000000002"])
    assert "1EMH0000000002" in fehler.value.detail


def test_which_keys_end(kanal, zaehler, session, welt, uhr):
    """Of each meter in use the end of its last keys; locked ones and revoked keys are nobody's worry."""
    for nummer in ("1EMH0000000002", "1EMH0000000003", "1EMH0000000004"):
        kanal.enrolled(nummer, welt.stromzaehler(zaehlernummer=nummer))
    kanal.deliver(zaehler, reading(uhr))
    end_in(session, 50)
    erneuert = kanal.enrolled("1EMH0000000005", welt.stromzaehler(zaehlernummer="1EMH0000000005"))
    akteur = system_akteur("test", uhr.now())
    service.lock_schluessel(session, akteur, erneuert.stromzaehler_id - 1, None)
    session.execute(
        update(Stromzaehler).where(Stromzaehler.zaehlernummer == "1EMH0000000003").values(zustand="GESPERRT")
    )
    session.commit()
    jetzt = datetime.now(UTC)
    enden = service.list_ends(session, jetzt + timedelta(days=51))
    assert [(ende.zaehlernummer, ende.zuletzt_empfangen) for ende in enden] == [
        ("1EMH0000000002", None), (NUMMER, uhr.now()),
    ]  # fmt: skip
    assert service.list_ends(session, jetzt + timedelta(days=49)) == []
    session.rollback()
    assert service.count_silent(session, uhr.now()) == 2
    assert service.count_silent(session, uhr.now() + timedelta(seconds=1)) == 3
    session.execute(update(Telegrammstand).values(zuletzt_empfangen=uhr.now()))
    assert service.count_silent(session, uhr.now()) == 0
