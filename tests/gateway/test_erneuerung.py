"""Renewal: new keys beside the old ones, one switch, and no moment at which a meter has no keys that work."""

from __future__ import annotations

import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from gateway.einschreibung import enroll, enroll_again
from gateway.erneuerung import Erneuerungsplan, renew
from gateway.fehler import EinschreibungFehler, GatewayFehler, NichtErreichbar, OrdnerFehler
from gateway.kette import load_schluesselbund
from gateway.ordner import ZWECKE, Konfiguration, Ordner
from gateway.verbindung import Antwort, tls_context
from telegramm.einschreibung import Einschreibungsantwort
from tests.gateway.abbruch import kill_everywhere
from tests.gateway.betreiber_fake import (
    URL,
    URL_EINSCHREIBUNG,
    ZAEHLER,
    FakeBetreiber,
    Leitung,
    der,
    make_key,
    pem,
)
from tests.gateway.ca_fake import JETZT, FakeAusgabestelle


@pytest.fixture
def stelle(tmp_path: Path) -> FakeAusgabestelle:
    return FakeAusgabestelle(FakeBetreiber(), tmp_path / "gedaechtnis.json")


@pytest.fixture
def ordner(tmp_path: Path, stelle: FakeAusgabestelle) -> Ordner:
    """An enrolled meter."""
    ordner = Ordner(tmp_path / "z1")
    enroll(
        ordner,
        zaehler=ZAEHLER,
        token="erstes",
        einschreibung_url=URL_EINSCHREIBUNG,
        telegramm_url=URL,
        ca_pem=pem(stelle.betreiber.wurzel),
        uebertragung=stelle.link(),
        jetzt=lambda: JETZT,
    )
    return ordner


def check_works(ordner: Ordner) -> set[int]:
    """The set in use is whole: keys belong to their certificates, TLS takes them. Returns the public keys."""
    tls_context(ordner.ca_datei, ordner.zertifikat_datei("tls"), ordner.schluessel_datei("tls"))
    load_schluesselbund(ordner)
    for zweck in ZWECKE:
        oeffentlich = ordner.load_schluessel(zweck).public_key()
        assert ordner.load_zertifikat(zweck).public_key() == oeffentlich
    return {ordner.load_schluessel(zweck).public_key().public_numbers().x for zweck in ZWECKE}


def renewed(ordner: Ordner, leitung: Leitung) -> Konfiguration:
    return renew(ordner, uebertragung=leitung, jetzt=lambda: JETZT)


def test_three_new_keys_replace_the_old_ones(ordner: Ordner, stelle: FakeAusgabestelle) -> None:
    vorher = check_works(ordner)
    konfiguration = renewed(ordner, stelle.link())
    assert konfiguration == Konfiguration(ZAEHLER, URL, URL_EINSCHREIBUNG, 2, "satz-1")
    assert ordner.load_konfiguration() == konfiguration
    nachher = check_works(ordner)
    assert len(nachher) == 3
    assert not vorher & nachher
    assert stat.S_IMODE(ordner.schluessel_datei("tls").stat().st_mode) == 0o600
    assert stat.S_IMODE(ordner.schluessel_datei("tls").parent.stat().st_mode) == 0o700


def test_the_old_set_stays_until_it_is_removed(ordner: Ordner, stelle: FakeAusgabestelle) -> None:
    ordner.remove_old_saetze()
    erster = check_works(ordner)
    renewed(ordner, stelle.link())
    assert check_works(Ordner(ordner.pfad, satz="")) == erster
    ordner.remove_old_saetze()
    assert sorted(e.name for e in ordner.pfad.iterdir()) == ["gateway.json", "satz-1"]
    renewed(ordner, stelle.link())
    ordner.remove_old_saetze()
    assert sorted(e.name for e in ordner.pfad.iterdir()) == ["gateway.json", "satz-2"]
    check_works(ordner)


def test_a_set_in_preparation_is_not_removed(ordner: Ordner, stelle: FakeAusgabestelle) -> None:
    renewed(ordner, stelle.link())
    with pytest.raises(NichtErreichbar):
        renewed(ordner, Leitung(lose))
    ordner.remove_old_saetze()
    assert sorted(e.name for e in ordner.pfad.iterdir()) == ["gateway.json", "satz-1", "satz-2"]


def lose(body: bytes) -> Antwort:
    raise NichtErreichbar("torn")


def test_a_lost_answer_is_asked_for_again_with_the_same_keys(ordner: Ordner, stelle: FakeAusgabestelle) -> None:
    def certify_and_lose(body: bytes) -> Antwort:
        stelle.renew(body)
        raise NichtErreichbar("torn")

    vorher = check_works(ordner)
    with pytest.raises(NichtErreichbar):
        renewed(ordner, Leitung(certify_and_lose))
    assert check_works(ordner) == vorher
    assert renewed(ordner, stelle.link()).epoche == 2
    assert len(stelle.epochen) == 2


Faelschung = Callable[[FakeBetreiber, Einschreibungsantwort], Einschreibungsantwort]


@pytest.mark.parametrize(
    ("faelschung", "text"),
    [
        (lambda b, a: replace(a, zaehler="1EMH0099999999"), "anderen Zähler"),
        (lambda b, a: replace(a, ca=(der(FakeBetreiber().ca), a.ca[1])), "nicht von der festgelegten CA"),
        (lambda b, a: replace(a, ca=(a.ca[0], der(FakeBetreiber().wurzel))), "Wurzel"),
        (
            lambda b, a: replace(a, zertifikat_tls=der(b.issue(ZAEHLER, make_key().public_key()))),
            "gehört nicht zu unserem Schlüssel",
        ),
        (
            lambda b, a: replace(a, betreiber_signatur=a.betreiber_verschluesselung),
            "nicht zum Unterzeichnen",
        ),
    ],
)
def test_a_false_answer_changes_nothing(
    ordner: Ordner, stelle: FakeAusgabestelle, faelschung: Faelschung, text: str
) -> None:
    vorher = check_works(ordner)

    def answer(body: bytes) -> Antwort:
        return Antwort(200, {}, faelschung(stelle.betreiber, stelle.renew(body)).to_bytes())

    with pytest.raises(EinschreibungFehler, match=text):
        renewed(ordner, Leitung(answer))
    assert ordner.load_konfiguration().epoche == 1
    assert check_works(ordner) == vorher


@pytest.mark.parametrize(
    ("status", "code", "text"),
    [
        (403, "gesperrt", "ihn fragen"),
        (409, "nicht_faellig", "Geht die Uhr"),
        (409, "schluessel_bekannt", "nächsten Versuch"),
        (409, "anderes", "den Betreiber fragen"),
        (503, "ueberlastet", "später wieder"),
    ],
)
def test_a_refusal_says_what_to_do(ordner: Ordner, status: int, code: str, text: str) -> None:
    leitung = Leitung(lambda _: Antwort(status, {}, f'{{"code": "{code}"}}'.encode()))
    with pytest.raises(EinschreibungFehler, match=f"{status}.*{code}.*{text}"):
        renewed(ordner, leitung)


def test_keys_that_the_operator_takes_no_more_are_replaced(ordner: Ordner, stelle: FakeAusgabestelle) -> None:
    """Their answer was lost, then the operator revoked them."""
    leitung = Leitung(lambda _: Antwort(409, {}, b'{"code": "schluessel_bekannt"}'))
    vorher = check_works(ordner)
    erste = []
    for _ in range(2):
        with pytest.raises(NichtErreichbar):
            renewed(ordner, Leitung(lose))
        erste.append(ordner.next_satz().load_schluessel("tls").public_key().public_numbers().x)
        with pytest.raises(EinschreibungFehler):
            renewed(ordner, leitung)
        assert check_works(ordner) == vorher
    assert len(set(erste)) == 2
    assert renewed(ordner, stelle.link()).satz == "satz-1"


def test_the_set_in_use_cannot_be_discarded(ordner: Ordner) -> None:
    vorher = check_works(ordner)
    ordner.discard()
    assert check_works(ordner) == vorher


def test_an_epoche_that_the_meter_has_begun_itself_is_not_taken_back(
    ordner: Ordner, stelle: FakeAusgabestelle
) -> None:
    ordner.save_konfiguration(replace(ordner.load_konfiguration(), epoche=7))
    assert renewed(ordner, stelle.link()).epoche == 7
    assert ordner.load_konfiguration().satz == "satz-1"


# --- kill -9 ---------------------------------------------------------------------------------------------------
def test_a_kill_at_any_change_of_a_file_of_a_renewal_leaves_a_meter_that_works(
    ordner: Ordner, stelle: FakeAusgabestelle
) -> None:
    vorher = check_works(ordner)
    gesehen = []

    def work(pfad: Path) -> None:
        # What a meter does after its start: renew when it has not, clear up when it has.
        meter = Ordner(pfad)
        if meter.load_konfiguration().epoche == 1:
            # The operator's memory lies beside the folder: a kill of the meter does not touch it.
            amt = FakeAusgabestelle(stelle.betreiber, pfad.with_suffix(".json"), erste=stelle.epochen)
            renewed(meter, amt.link())
        meter.remove_old_saetze()

    def check(pfad: Path) -> None:
        nachher = check_works(Ordner(pfad))
        epoche = Ordner(pfad).load_konfiguration().epoche
        assert (epoche == 1 and nachher == vorher) or (epoche == 2 and not nachher & vorher)
        gesehen.append(epoche)
        # However often it asks, it asks for certificates of one and the same new set of keys.
        assert len(FakeAusgabestelle(stelle.betreiber, pfad.with_suffix(".json")).epochen) <= 2

    kills = kill_everywhere(ordner.pfad, work, check)
    # Three keys, the CA, four certificates and the configuration, each at least opened and renamed.
    assert kills >= 18
    assert len(gesehen) == 2 * kills
    # After a kill either may be in use, after the repetition only the new set.
    assert set(gesehen[::2]) == {1, 2}
    assert set(gesehen[1::2]) == {2}


def test_a_kill_at_any_change_of_a_file_of_a_new_enrolment_does_no_harm(
    ordner: Ordner, stelle: FakeAusgabestelle
) -> None:
    ordner.schluessel_datei("signatur").unlink()

    def work(pfad: Path) -> None:
        amt = FakeAusgabestelle(stelle.betreiber, pfad.with_suffix(".json"), erste=stelle.epochen)
        enroll_again(Ordner(pfad), token="zweites", uebertragung=amt.link(), jetzt=lambda: JETZT)

    epochen = []

    def check(pfad: Path) -> None:
        epochen.append(Ordner(pfad).load_konfiguration().epoche)
        if epochen[-1] == 2:
            check_works(Ordner(pfad))
        assert len(FakeAusgabestelle(stelle.betreiber, pfad.with_suffix(".json")).epochen) <= 2

    assert kill_everywhere(ordner.pfad, work, check) >= 18
    assert set(epochen[1::2]) == {2}


# --- lost keys -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("schaden", ["missing", "damaged"])
def test_a_lost_key_names_the_command_that_helps(ordner: Ordner, schaden: str) -> None:
    datei = ordner.schluessel_datei("signatur")
    if schaden == "missing":
        datei.unlink()
    else:
        datei.write_bytes(b"-----BEGIN PRIVATE KEY-----\n")
    with pytest.raises(OrdnerFehler, match=rf"stromzaehler einschreiben {ordner.pfad} --neu --token"):
        load_schluesselbund(ordner)


def test_a_meter_that_lost_its_keys_gets_new_ones_by_a_token(ordner: Ordner, stelle: FakeAusgabestelle) -> None:
    for zweck in ZWECKE:
        ordner.schluessel_datei(zweck).unlink()
    konfiguration = enroll_again(ordner, token="zweites", uebertragung=stelle.link(), jetzt=lambda: JETZT)
    # The name ends with the beginning of SHA-256("zweites"), by sha256sum.
    assert konfiguration == Konfiguration(ZAEHLER, URL, URL_EINSCHREIBUNG, 2, "satz-1-d7760875")
    check_works(ordner)
    ordner.remove_old_saetze()
    assert sorted(e.name for e in ordner.pfad.iterdir()) == ["gateway.json", "satz-1-d7760875"]


def test_the_same_token_again_asks_nobody(ordner: Ordner, stelle: FakeAusgabestelle) -> None:
    erste = enroll_again(ordner, token="zweites", uebertragung=stelle.link(), jetzt=lambda: JETZT)
    leitung = stelle.link()
    assert enroll_again(ordner, token="zweites", uebertragung=leitung, jetzt=lambda: JETZT) == erste
    assert leitung.gesendet == []


def test_keys_that_are_lost_again_need_another_token(ordner: Ordner, stelle: FakeAusgabestelle) -> None:
    enroll_again(ordner, token="zweites", uebertragung=stelle.link(), jetzt=lambda: JETZT)
    Ordner(ordner.pfad).schluessel_datei("tls").unlink()
    abweisend = Leitung(lambda body: Antwort(403, {}, b'{"code": "token"}'))
    with pytest.raises(EinschreibungFehler, match="neues Token"):
        enroll_again(Ordner(ordner.pfad), token="zweites", uebertragung=abweisend, jetzt=lambda: JETZT)
    enroll_again(Ordner(ordner.pfad), token="drittes", uebertragung=stelle.link(), jetzt=lambda: JETZT)
    check_works(Ordner(ordner.pfad))


def test_another_token_brings_keys_of_its_own(ordner: Ordner, stelle: FakeAusgabestelle) -> None:
    """The keys of a token whose answer was lost are certified; the operator would refuse them under another."""

    def certify_and_lose(body: bytes) -> Antwort:
        stelle.enroll(body)
        raise NichtErreichbar("torn")

    with pytest.raises(NichtErreichbar):
        enroll_again(ordner, token="zweites", uebertragung=Leitung(certify_and_lose), jetzt=lambda: JETZT)
    assert enroll_again(ordner, token="drittes", uebertragung=stelle.link(), jetzt=lambda: JETZT).epoche == 3


def test_a_new_enrolment_may_move_the_meter_to_another_address_and_root(ordner: Ordner, tmp_path: Path) -> None:
    anderer = FakeAusgabestelle(FakeBetreiber("Neu"), tmp_path / "anderer.json")
    enroll_again(
        ordner,
        token="zweites",
        zaehler="1 EMH 00 1234 5678",
        telegramm_url="https://localhost:9443/t",
        einschreibung_url="https://localhost:9444/e",
        ca_pem=pem(anderer.betreiber.wurzel),
        uebertragung=anderer.link(),
        jetzt=lambda: JETZT,
    )
    konfiguration = ordner.load_konfiguration()
    assert konfiguration.telegramm_url == "https://localhost:9443/t"
    assert konfiguration.einschreibung_url == "https://localhost:9444/e"
    assert ordner.ca_datei.read_bytes() == pem(anderer.betreiber.wurzel)
    check_works(ordner)


@pytest.mark.parametrize(
    ("vorbereiten", "argumente", "text"),
    [
        (lambda o: None, {"zaehler": "1EMH0099999999"}, "anderen Ordner"),
        (lambda o: o.ca_datei.unlink(), {}, "--ca"),
        (lambda o: (o.pfad / "gateway.json").unlink(), {}, "kein Zähler eingeschrieben"),
    ],
)
def test_a_new_enrolment_that_cannot_be_asked_for(
    ordner: Ordner,
    stelle: FakeAusgabestelle,
    vorbereiten: Callable[[Ordner], object],
    argumente: dict[str, str],
    text: str,
) -> None:
    vorbereiten(ordner)
    leitung = stelle.link()
    with pytest.raises(GatewayFehler, match=text):
        enroll_again(ordner, token="zweites", uebertragung=leitung, jetzt=lambda: JETZT, **argumente)  # type: ignore[arg-type]
    assert leitung.gesendet == []


# --- when ------------------------------------------------------------------------------------------------------
ENDE = datetime(2026, 6, 30, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("tage", "beauftragt", "faellig"),
    [(61, False, False), (60, False, True), (-1, False, True), (500, True, True)],
)
def test_renewal_is_due_from_day_60_before_the_end_or_by_order(tage: int, beauftragt: bool, faellig: bool) -> None:
    plan = Erneuerungsplan(ENDE.timestamp(), beauftragt)
    assert plan.is_due((ENDE - timedelta(days=tage)).timestamp()) is faellig


def test_after_a_try_there_is_a_pause_of_one_to_two_hours() -> None:
    jetzt = ENDE.timestamp()
    plan = Erneuerungsplan(jetzt)
    plan.after_try(jetzt, lambda: 0.0)
    assert not plan.is_due(jetzt + 3599)
    assert plan.is_due(jetzt + 3600)
    plan.after_try(jetzt, lambda: 0.5)
    assert not plan.is_due(jetzt + 5399)
    assert plan.is_due(jetzt + 5400)


def test_the_plan_goes_by_the_first_certificate_that_ends(ordner: Ordner, stelle: FakeAusgabestelle) -> None:
    stelle.bis = ENDE
    renewed(ordner, stelle.link())
    schluessel = ordner.load_schluessel("verschluesselung").public_key()
    frueher = stelle.betreiber.issue(ZAEHLER, schluessel, bis=ENDE - timedelta(days=3))
    ordner.save_zertifikat("verschluesselung", [frueher])
    assert Erneuerungsplan.of(ordner).gueltig_bis == datetime(2026, 6, 27, 12, tzinfo=UTC).timestamp()
    assert isinstance(ordner.load_zertifikat("verschluesselung"), x509.Certificate)
