"""Commands about the operator's keys, killed at any of their steps: the folder works, and so does a repeat."""

import os
import sys
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from betreiber.schluessel import ablage, pki

JETZT = datetime(2026, 6, 15, 10, tzinfo=UTC)
SCHRITTE = {"open", "os.mkdir", "os.remove", "os.rename", "os.rmdir"}
GETOETET, FERTIG, GESCHEITERT = 9, 0, 1


def run_until(schritt, arbeit):
    """Work in a process that dies before its n-th step in the file system; how it ended."""
    pid = os.fork()
    if pid == 0:
        zaehler = count()

        def die(ereignis, _argumente):
            if ereignis in SCHRITTE and next(zaehler) == schritt:
                os._exit(GETOETET)

        sys.addaudithook(die)
        try:
            arbeit()
        except BaseException:
            os._exit(GESCHEITERT)
        os._exit(FERTIG)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def check_works(ordner):
    """Every process finds its keys; the enrolment gives out one straight chain."""
    stelle = ablage.load_ausgabestelle(ordner)
    stelle.signatur.verify_directly_issued_by(stelle.kette[0])
    stelle.kette[0].verify_directly_issued_by(stelle.kette[1])
    schluessel = ablage.load_betreiberschluessel(ordner)
    assert len(schluessel.entschluesselung) == len(schluessel.saetze)
    ablage.load_pair(ablage.server_files(ordner)[0].with_suffix(""))
    assert pki.list_certificates(ordner)


def drop_replaced(ordner):
    pki.drop_operator(ordner, pki.list_replaced(ordner, JETZT, vorzeitig=True))


@pytest.mark.parametrize(
    "arbeit",
    [
        lambda ordner: pki.renew_operator(ordner, JETZT, vorzeitig=True),
        lambda ordner: pki.renew_ca(ordner, ordner / "wurzel.key", JETZT),
        lambda ordner: pki.renew_server(ordner, ["localhost"], JETZT),
        lambda ordner: pki.create_firmware_key(ordner, JETZT, ersetzen=True),
        drop_replaced,
    ],
    ids=["betreiber-erneuern", "ca-erneuern", "server-erneuern", "firmware-schluessel", "betreiber-ablegen"],
)
def test_killed_at_any_step(tmp_path, arbeit):
    for schritt in count():
        ordner = tmp_path / str(schritt)
        pki.create_pki(ordner, ["localhost"], JETZT - timedelta(days=1))
        pki.renew_operator(ordner, JETZT)
        ausgang = run_until(schritt, lambda ordner=ordner: arbeit(ordner))
        check_works(ordner)
        arbeit(ordner)
        check_works(ordner)
        if ausgang != GETOETET:
            break
    assert ausgang == FERTIG
    assert schritt > 5


def test_a_repeat_deletes_what_a_killed_call_has_left(tmp_path):
    """Without it the private keys of a stolen or replaced set would stay for good."""
    for schritt in count():
        ordner = tmp_path / str(schritt)
        pki.create_pki(ordner, ["localhost"], JETZT - timedelta(days=2))
        for tage in (1, 0):
            pki.renew_operator(ordner, JETZT - timedelta(days=tage), vorzeitig=True)
        ausgang = run_until(schritt, lambda ordner=ordner: drop_replaced(ordner))
        drop_replaced(ordner)
        schluessel = {pfad.relative_to(ordner).as_posix() for pfad in ordner.rglob("*.key")}
        assert {pfad for pfad in schluessel if "signatur" in pfad or "verschluesselung" in pfad} == {
            "betreiber/3/signatur.key",
            "betreiber/3/verschluesselung.key",
        }
        assert not (ordner / "betreiber/2").exists()
        pki.drop_operator(ordner, [1, 2])  # as a second call at once would
        assert pki.list_replaced(ordner, JETZT, vorzeitig=True) == []
        check_works(ordner)
        if ausgang != GETOETET:
            break
    assert ausgang == FERTIG
    assert schritt > 5


def test_a_creation_killed_at_any_step_is_all_or_nothing(tmp_path):
    for schritt in count():
        ordner = tmp_path / str(schritt) / "pki"
        ausgang = run_until(schritt, lambda ordner=ordner: pki.create_pki(ordner, ["localhost"], JETZT))
        fertig = (ordner / "wurzel.crt").exists()
        assert pki.create_pki(ordner, ["localhost"], JETZT) is not fertig
        check_works(ordner)
        if ausgang != GETOETET:
            break
    assert (ausgang, fertig) == (FERTIG, True)
    assert schritt > 10
