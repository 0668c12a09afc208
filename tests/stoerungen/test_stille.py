"""What silence does to the other kinds at a meter, and when it is over. Expected values by hand."""

from dataclasses import replace
from datetime import timedelta

import pytest

from betreiber.stoerung.domain import Stoerungsart, Stufe, Ursache, day_begin, make_regeln
from betreiber.stoerung.urteil import Umfeld
from tests.stoerungen.hilfen import JETZT, MIN, STD, TAG, found, zuvor

S, U = Stoerungsart, Ursache
STILL = JETZT - 2 * STD


def test_silence_takes_over_when_a_fitter_has_to_go_there():
    """Until then the others stay as they were, and none is opened; what a person must look at stays anyway."""
    funk, eingriff = zuvor(Stufe.ALARM, U.FUNK, STILL), zuvor(Stufe.AUFTRAG, U.MANIPULATION, STILL)
    stumm = zuvor(Stufe.ALARM, U.FUNK, JETZT - 36 * STD)
    alte = {S.STUMM: stumm, S.FUNK: funk, S.MANIPULATION: eingriff}
    zeichen = {"rsrp_dbm": -125, "uhr_abweichung_s": 90}
    noch_nicht = {S.STUMM: replace(stumm, beginn=stumm.beginn + MIN)}
    assert set(found(alte | noch_nicht, zuletzt_empfangen=JETZT - 36 * STD + MIN, **zeichen)) == {S.MANIPULATION}
    lagen = found(alte, zuletzt_empfangen=JETZT - 36 * STD, **zeichen)
    assert set(lagen) == {S.STUMM, S.FUNK, S.MANIPULATION}
    assert lagen[S.STUMM].ursache is U.FUNK
    assert (lagen[S.FUNK].behoben, lagen[S.FUNK].abgeklungen) == (True, True)
    assert (lagen[S.MANIPULATION].behoben, lagen[S.MANIPULATION].erholt) == (False, JETZT)
    # The network is away, or a person knows why it is silent: no fitter goes there, and nothing is taken over.
    assert S.FUNK not in found(alte, umfeld=Umfeld(netz=True), zuletzt_empfangen=JETZT - 9 * TAG, **zeichen)
    bekannt = {S.STUMM: zuvor(Stufe.AUFTRAG, U.FUNK, JETZT - 9 * TAG, behoben=True)}
    assert found({S.FUNK: funk} | bekannt, zuletzt_empfangen=JETZT - 9 * TAG, **zeichen) == {}


def test_a_short_silence_each_day_does_not_begin_the_others_anew():
    """40 days of RSRP -125, each from 00:00 on silent for 65 minutes: FUNK opens once, and rises."""
    anfang, lagen, ereignisse = JETZT - 10 * STD, {}, []
    for viertel in range(40 * 96):
        jetzt = anfang + viertel * 15 * MIN
        stille = jetzt - day_begin(jetzt)
        gehoert = jetzt - stille if stille <= 65 * MIN else jetzt
        neue = found(
            lagen,
            jetzt=jetzt,
            rsrp_dbm=-125,
            zuletzt_empfangen=gehoert,
            neueste_uhrzeit=int(gehoert.timestamp()),
            schluessel_gueltig_bis=None,
        )
        for art, lage in neue.items():
            alt = lagen.get(art)
            if alt is None or lage.stufe != alt.stufe or lage.behoben:
                ereignisse.append((art, lage.stufe, (jetzt - anfang) // TAG, lage.behoben))
        lagen = {art: lage for art, lage in (lagen | neue).items() if not lage.abgeklungen}
    assert [was for was in ereignisse if was[0] is S.FUNK] == [
        (S.FUNK, Stufe.WARNUNG, 0, False),
        (S.FUNK, Stufe.ALARM, 7, False),
        (S.FUNK, Stufe.AUFTRAG, 14, False),
    ]
    # Each day's silence is found at 01:00 and ends the same day.
    assert [was for was in ereignisse if was[0] is not S.FUNK] == [
        (S.STUMM, Stufe.WARNUNG, tag, ende) for tag in range(40) for ende in (False, True)
    ]


def test_others_wait_until_silence_is_over():
    """Heard again: what it brings late is not yet held against it. A person's word frees the others at once."""
    stumm = zuvor(Stufe.ALARM, U.FUNK, JETZT - TAG)
    alt = {"neueste_uhrzeit": int((JETZT - TAG).timestamp()), "gemessen": 200}
    assert set(found({S.STUMM: stumm}, **alt)) == {S.STUMM}
    assert set(found({S.STUMM: replace(stumm, behoben=True)}, **alt)) == {S.STUMM, S.VERSPAETET, S.UNVOLLSTAENDIG}


# By hand: 15 and 10 minutes open it, five less are free; from two quarter hours on it is half an hour.
@pytest.mark.parametrize(
    ("intervalle", "ab_s", "frei_s"), [(1, 1500, 1200), (2, 2400, 1800), (3, 3300, 1800), (96, 87_000, 1800)]
)
def test_free_of_silence_is_better_than_silent(intervalle, ab_s, frei_s):
    regeln = make_regeln(
        intervalle=intervalle,
        alarm_stunden=24,
        auftrag_stunden=36,
        abdeckung_prozent=90,
        verspaetet_stunden=4,
        empfaenger="",
        ruhezeit="22-6",
    )
    assert (regeln[S.STUMM].ab, regeln[S.STUMM].frei) == (ab_s, frei_s)
    offen = {S.STUMM: zuvor(Stufe.WARNUNG, U.UNBEKANNT, STILL)}
    gehoert = JETZT - timedelta(seconds=frei_s)
    assert found(offen, regeln=regeln, zuletzt_empfangen=gehoert)[S.STUMM].erholt == JETZT
    assert found(offen, regeln=regeln, zuletzt_empfangen=gehoert - timedelta(seconds=1)) == {}
