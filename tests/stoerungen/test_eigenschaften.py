"""What holds for any sequence of signs of life: no flapping, degrees only rise, no end without its reason."""

from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from betreiber.stoerung.domain import Einsatz, Regeln, Stoerungsart, Stufe, Ursache
from betreiber.stoerung.urteil import Umfeld
from tests.stoerungen.hilfen import GESUND, JETZT, MIN, STD, TAG, found

S, U = Stoerungsart, Ursache
RANG = list(Stufe)
REGELN = Regeln()


class Schritt(NamedTuple):
    """So much later a sweep comes by; `gehoert`: the meter was heard right before."""

    dauer: timedelta
    gehoert: bool
    rsrp_dbm: int
    uhr_abweichung_s: int | None
    eingriff: bool
    einsatz: Einsatz
    netz: bool
    betreiber: bool
    eingebaut: bool
    schliesst: Stoerungsart | None


SCHRITTE = st.builds(
    Schritt,
    st.sampled_from([5 * MIN, 15 * MIN, STD, 5 * STD, 7 * STD, TAG, 3 * TAG]),
    st.sampled_from([True, True, False]),
    st.sampled_from([-95, -115, -116, -119, -120, -130]),
    st.sampled_from([None, None, 40]),
    st.sampled_from([False, False, False, True]),
    st.sampled_from(Einsatz),
    st.booleans(),
    st.sampled_from([False, False, True]),
    st.sampled_from([True] * 9 + [False]),
    st.sampled_from([None, None, None, S.STUMM, S.FUNK, S.MANIPULATION]),
)


class Zaehler:
    """A meter, the rows that it has, and since when each number has been good without a break."""

    def __init__(self):
        self.jetzt, self.zeichen, self.lagen, self.gut = JETZT, GESUND, {}, {}
        self.umfeld = Umfeld()

    def step(self, schritt):
        self.jetzt += schritt.dauer
        # Coverage and age of the newest reading are kept good: they are judged as the others.
        anders = {
            "neueste_uhrzeit": int(self.jetzt.timestamp()),
            "zustand": "EINGEBAUT" if schritt.eingebaut else "GESPERRT",
            "einsatz": schritt.einsatz,
        }
        if schritt.gehoert:
            anders |= {
                "zuletzt_empfangen": self.jetzt - MIN,
                "rsrp_dbm": schritt.rsrp_dbm,
                "uhr_abweichung_s": schritt.uhr_abweichung_s,
            }
            if schritt.eingriff:
                anders["manipuliert_zeitpunkt"] = self.jetzt - 2 * MIN
        self.zeichen = self.zeichen._replace(**anders)
        self.umfeld = Umfeld(schritt.netz, {S.STUMM} if schritt.betreiber else ())
        self._watch()
        return self.sweep()

    def _watch(self):
        """Good as docs/stoerungen.md has it; of a silent meter only its silence is known."""
        z = self.zeichen
        still = self.jetzt - z.zuletzt_empfangen
        gut = {S.STUMM: still <= 30 * MIN}
        bekannt = still < 55 * MIN
        gut |= {S.FUNK: bekannt and z.rsrp_dbm >= -115, S.UHR: bekannt and z.uhr_abweichung_s is None}
        self.gut = {art: self.gut.get(art) or self.jetzt for art, ja in gut.items() if ja}

    def sweep(self):
        """What has changed, by kind: the row as it was, or None, and as it is."""
        neue = found(self.lagen, jetzt=self.jetzt, umfeld=self.umfeld, **self.zeichen._asdict())
        wechsel = {art: (self.lagen.get(art), lage) for art, lage in neue.items()}
        self.lagen = {art: lage for art, lage in (self.lagen | neue).items() if not lage.abgeklungen}
        if any(lage.behoben for _, lage in wechsel.values()) and S.MANIPULATION in neue:
            self._explain(neue[S.MANIPULATION])
        return wechsel

    def close(self, art):
        """A person closes it; an intervention is over with that."""
        lage = self.lagen.get(art)
        if lage is None or lage.behoben:
            return
        self.lagen[art] = replace(lage, behoben=True)
        if art is S.MANIPULATION:
            self._explain(self.lagen.pop(art))

    def _explain(self, eingriff):
        if eingriff.behoben:
            self.zeichen = self.zeichen._replace(eingriff_behoben=self.jetzt)


def check_end(zaehler, art, alt):
    """Why a row that no person closed may be over."""
    if zaehler.zeichen.zustand != "EINGEBAUT":
        return
    if art is S.MANIPULATION:
        assert alt.ursache is U.EINSATZ
        return
    stumm = zaehler.lagen.get(S.STUMM)
    if art is not S.STUMM and stumm is not None and stumm.stufe is Stufe.AUFTRAG and not stumm.behoben:
        return
    assert zaehler.jetzt - zaehler.gut[art] >= REGELN[art].ruhe


@given(st.lists(SCHRITTE, max_size=40))
def test_no_flapping_and_no_end_without_its_reason(schritte):
    zaehler = Zaehler()
    for schritt in schritte:
        for art, (alt, neu) in zaehler.step(schritt).items():
            if alt is None:
                assert not neu.behoben
                assert neu.erkannt == zaehler.jetzt
                continue
            # It is the same row: a second one of its kind cannot be.
            assert (neu.beginn, neu.erkannt) == (alt.beginn, alt.erkannt)
            assert RANG.index(neu.stufe) >= RANG.index(alt.stufe)
            assert neu.behoben or not alt.behoben
            if neu.stufe is Stufe.AUFTRAG and alt.stufe is not Stufe.AUFTRAG:
                assert neu.ursache not in (U.NETZ, U.BETREIBER, U.EINSATZ)
            if neu.behoben and not alt.behoben:
                check_end(zaehler, art, alt)
        # Run twice at once it changes nothing more.
        assert zaehler.sweep() == {}
        if schritt.schliesst is not None:
            zaehler.close(schritt.schliesst)
