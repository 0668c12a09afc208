"""Radio and link: the same for the same seed, within the ranges of 3GPP, and as bad as the settings say."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from itertools import groupby, pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.fehler import NichtErreichbar
from gateway.verbindung import Antwort
from stromzaehler_sim.fehler import MobilfunkFehler
from stromzaehler_sim.mobilfunk.einstellung import Funkeinstellung
from stromzaehler_sim.mobilfunk.funkzelle import Empfang, Funkzelle
from stromzaehler_sim.mobilfunk.strecke import Funkstrecke, quality
from tests.gateway.betreiber_fake import MONTAG, Leitung
from tests.stromzaehler_sim.mobilfunk.fake import Zeit, leitung

TAG_S = 86400


# --- radio -------------------------------------------------------------------------------------------------------
def test_the_same_place_is_the_same_after_a_restart() -> None:
    einstellung = Funkeinstellung(ausfaelle_je_tag=3)
    einer, anderer, fremd = (Funkzelle(seed, einstellung) for seed in (7, 7, 8))
    zeiten = range(MONTAG, MONTAG + TAG_S, 300)
    assert [einer.empfang(z) for z in zeiten] == [anderer.empfang(z) for z in reversed(zeiten)][::-1]
    assert [einer.empfang(z) for z in zeiten] != [fremd.empfang(z) for z in zeiten]


@given(
    seed=st.integers(0, 2**64),
    instant=st.floats(0, 5e9),
    mittel=st.floats(-160, -20),
    streuung=st.floats(0, 60),
)
def test_what_is_reported_is_within_the_ranges_of_36_133(
    seed: int, instant: float, mittel: float, streuung: float
) -> None:
    ort = Funkeinstellung(rsrp_mittel_dbm=mittel, rsrp_streuung_db=streuung, rsrp_mindestens_dbm=-1000)
    empfang = Funkzelle(seed, ort).empfang(instant)
    assert empfang is not None
    assert -140 <= empfang.rsrp_dbm <= -44
    assert -19.5 <= empfang.rsrq_db <= -3
    assert 0 <= empfang.zelle < 2**28


def test_reception_moves_but_does_not_jump() -> None:
    zelle = Funkzelle(3, Funkeinstellung(zellwechsel_je_tag=0))
    werte = [zelle.empfang(z) for z in range(MONTAG, MONTAG + TAG_S, 10)]
    rsrp = [wert.rsrp_dbm for wert in werte if wert is not None]
    assert len(rsrp) == len(werte)
    assert max(rsrp) - min(rsrp) >= 3
    assert all(-96 <= wert <= -84 for wert in rsrp)
    assert max(abs(a - b) for a, b in pairwise(rsrp)) <= 1


def test_now_and_then_the_cell_changes() -> None:
    oft, nie = (Funkzelle(3, Funkeinstellung(zellwechsel_je_tag=n)) for n in (4, 0))
    tage = range(MONTAG, MONTAG + 30 * TAG_S, 3600)
    assert len({e.zelle for z in tage if (e := oft.empfang(z))}) == 3
    assert len({e.zelle for z in tage if (e := nie.empfang(z))}) == 1


def test_drop_outs_are_as_many_and_as_long_as_set() -> None:
    ort = Funkeinstellung(ausfaelle_je_tag=4, ausfall_s=1800)
    zelle = Funkzelle(11, ort)
    proben = range(MONTAG, MONTAG + 60 * TAG_S, 400)
    anteil = sum(zelle.empfang(z) is None for z in proben) / len(proben)
    # 4 x 1800 s of 86,400 s are 8.3 %, a little less where two overlap.
    assert 0.06 < anteil < 0.10


def test_a_drop_out_does_not_end_at_midnight() -> None:
    """With one a day of eight hours on average none is shorter than four."""
    zelle = Funkzelle(11, Funkeinstellung(ausfaelle_je_tag=1, ausfall_s=8 * 3600))
    proben = [zelle.empfang(z) is None for z in range(MONTAG, MONTAG + 60 * TAG_S, 900)]
    laengen = [len(list(gruppe)) for aus, gruppe in groupby(proben) if aus]
    assert len(laengen) > 20
    # The first and the last may be cut by the ends of the observation.
    assert min(laengen[1:-1]) >= 15


def test_drop_outs_at_given_times_are_half_open() -> None:
    zelle = Funkzelle(1, Funkeinstellung(ausfaelle=((MONTAG, MONTAG + 60),)))
    assert [zelle.empfang(MONTAG + s) is None for s in (-1, 0, 59, 60)] == [False, True, True, False]


def test_a_cellar_without_signal_has_no_network() -> None:
    assert Funkzelle(1, Funkeinstellung(rsrp_mittel_dbm=-139)).empfang(MONTAG) is None


@pytest.mark.parametrize(
    ("rsrp", "guete"), [(-44, 1.0), (-95, 1.0), (-100, 0.8), (-110, 0.4), (-120, 0.0), (-140, 0.0)]
)
def test_quality(rsrp: int, guete: float) -> None:
    assert quality(rsrp) == pytest.approx(guete)


# --- link --------------------------------------------------------------------------------------------------------
class Fest:
    """A radio whose reception the test sets."""

    def __init__(self, rsrp: int | None) -> None:
        self.rsrp = rsrp
        self.tot: Callable[[float], bool] = lambda _: False

    def empfang(self, instant: float) -> Empfang | None:
        return None if self.rsrp is None or self.tot(instant) else Empfang(1, self.rsrp, -10)


def link(innen: Leitung, zeit: Zeit, funk: Fest, seed: int = 1, **einstellung: object) -> Funkstrecke:
    return Funkstrecke(
        innen,
        funk,  # type: ignore[arg-type]
        Funkeinstellung(**einstellung),  # type: ignore[arg-type]
        jetzt=zeit.jetzt,
        schlafe=zeit.schlafe,
        zufall=random.Random(seed),
    )


@pytest.mark.parametrize("rsrp", [-60, -100, -124])
def test_an_ideal_link_takes_no_time_and_loses_nothing_anywhere(rsrp: int) -> None:
    zeit, innen = Zeit(), leitung()
    strecke = link(innen, zeit, Fest(rsrp))
    for _ in range(500):
        assert strecke.post(b"x").body == b"receipt"
    assert zeit.geschlafen == []
    assert strecke.get("/geraete/v1/firmware/ab").body == b"image"
    assert (strecke.bytes_gesamt, innen.geholt) == (500 * 8 + 5, ["/geraete/v1/firmware/ab"])


@pytest.mark.parametrize(
    ("rsrp", "sekunden"),
    [
        # 0.4 s there and back; 1000 bytes at 500/s and 200 at 1000/s.
        (-80, 0.4 + 2.0 + 0.2),
        # Quality 0: latency fivefold, a tenth of the bandwidth.
        (-120, 2.0 + 20.0 + 2.0),
    ],
)
def test_latency_and_bandwidth(rsrp: int, sekunden: float) -> None:
    zeit = Zeit()
    strecke = link(leitung(bytes(200)), zeit, Fest(rsrp), latenz_s=0.4, bytes_s_hin=500, bytes_s_zurueck=1000)
    strecke.post(bytes(1000))
    assert zeit.instant - MONTAG == pytest.approx(sekunden)


def test_jitter_lies_within_its_bounds() -> None:
    zeit = Zeit()
    strecke = link(leitung(), zeit, Fest(-80), latenz_s=1.0, jitter_s=0.5)
    dauern = []
    for _ in range(200):
        vorher = zeit.instant
        strecke.post(b"x")
        dauern.append(zeit.instant - vorher)
    assert 1.0 <= min(dauern) < 1.1
    assert 1.4 < max(dauern) <= 1.5


def outcomes(strecke: Funkstrecke, anzahl: int) -> list[str]:
    ergebnisse = []
    for _ in range(anzahl):
        try:
            strecke.post(b"x")
            ergebnisse.append("")
        except NichtErreichbar as fehler:
            ergebnisse.append(str(fehler))
    return ergebnisse


def test_a_lost_request_never_reaches_the_operator_and_a_lost_answer_does() -> None:
    zeit, innen = Zeit(), leitung()
    nachricht = outcomes(link(innen, zeit, Fest(-80), verlust_hin=1.0), 3)
    assert (len(innen.gesendet), zeit.geschlafen) == (0, [30.0] * 3)
    assert all(text.startswith("Die Nachricht ging") for text in nachricht)
    antwort = outcomes(link(innen, zeit, Fest(-80), verlust_zurueck=1.0), 3)
    assert len(innen.gesendet) == 3
    assert all(text.startswith("Die Antwort ging") for text in antwort)


def test_loss_is_as_often_as_set_and_five_times_as_often_in_the_cellar() -> None:
    gut, schlecht = (
        outcomes(link(leitung(), Zeit(), Fest(rsrp), verlust_hin=0.05, verlust_zurueck=0.05), 4000)
        for rsrp in (-80, -120)
    )
    # 1 - 0.95^2 = 9.75 %; 1 - 0.75^2 = 43.75 %. Three standard deviations are 1.4 and 2.4 points.
    assert 0.083 < sum(map(bool, gut)) / 4000 < 0.112
    assert 0.41 < sum(map(bool, schlecht)) / 4000 < 0.465


def test_the_same_seed_loses_the_same() -> None:
    def run(seed: int) -> list[str]:
        return outcomes(link(leitung(), Zeit(), Fest(-80), seed, verlust_hin=0.3, verlust_zurueck=0.3), 100)

    assert run(5) == run(5) != run(6)


def test_without_a_network_nothing_is_tried_and_the_text_says_what_to_do() -> None:
    zeit, innen = Zeit(), leitung()
    strecke = link(innen, zeit, Fest(None))
    with pytest.raises(NichtErreichbar, match=r"Kein Netz.*Antenne"):
        strecke.post(b"x")
    assert (innen.gesendet, strecke.eingebucht) == ([], False)


def test_attaching_takes_its_time_once() -> None:
    zeit = Zeit()
    strecke = link(leitung(), zeit, Fest(-80), einbuchen_s=20)
    assert not strecke.eingebucht
    zeit.instant += 5
    strecke.post(b"x")
    assert zeit.geschlafen == [15.0]
    assert strecke.eingebucht
    strecke.post(b"x")
    assert zeit.geschlafen == [15.0]
    strecke.detach()
    strecke.post(b"x")
    assert zeit.geschlafen == [15.0, 20.0]


def test_after_a_drop_out_it_attaches_anew() -> None:
    zeit, funk = Zeit(), Fest(-80)
    strecke = link(leitung(), zeit, funk, einbuchen_s=20)
    strecke.post(b"x")
    funk.rsrp = None
    assert not strecke.eingebucht
    funk.rsrp = -80
    assert not strecke.eingebucht
    strecke.post(b"x")
    assert zeit.geschlafen == [20.0, 20.0]


def test_a_clock_that_is_set_back_does_not_lock_the_modem_out() -> None:
    zeit = Zeit()
    strecke = link(leitung(), zeit, Fest(-80), einbuchen_s=20)
    strecke.post(b"x")
    zeit.instant = 5.0
    strecke.post(b"x")
    assert zeit.geschlafen == [20.0, 20.0]


@pytest.mark.parametrize(("beginn", "angekommen", "wann"), [(0.5, 0, "ankam"), (1.5, 1, "Antwort")])
def test_a_network_that_fails_on_the_way(beginn: float, angekommen: int, wann: str) -> None:
    """Latency 2 s: after the first second the request has arrived, after the second the answer."""
    zeit, innen, funk = Zeit(), leitung(), Fest(-80)
    funk.tot = lambda instant: instant >= MONTAG + beginn
    with pytest.raises(NichtErreichbar, match=wann):
        link(innen, zeit, funk, latenz_s=2.0).post(b"x")
    assert len(innen.gesendet) == angekommen


def test_a_link_wraps_a_link() -> None:
    """It is an `Uebertragung` itself, with everything that belongs to one."""
    innen = leitung()
    aussen = link(link(innen, Zeit(), Fest(-80)), Zeit(), Fest(-80))  # type: ignore[arg-type]
    aussen.post(b"x")
    aussen.reconnect()
    assert (aussen.bytes_gesamt, innen.verbunden) == (8, [None])


def test_errors_of_the_connection_pass_through() -> None:
    def torn(_: bytes) -> Antwort:
        raise NichtErreichbar("torn")

    with pytest.raises(NichtErreichbar, match="torn"):
        link(Leitung(torn), Zeit(), Fest(-80)).post(b"x")


# --- settings ----------------------------------------------------------------------------------------------------
def test_settings_of_the_file(tmp_path: Path) -> None:
    assert Funkeinstellung.load(tmp_path) == Funkeinstellung()
    daten = {"rat": "NB-IoT", "latenz_s": 1.6, "ausfaelle": [[1, 2], [3, 4]], "budget_bytes": None}
    (tmp_path / "funk.json").write_text(json.dumps(daten))
    assert Funkeinstellung.load(tmp_path) == Funkeinstellung(
        rat="NB-IoT", latenz_s=1.6, ausfaelle=((1, 2), (3, 4)), budget_bytes=None
    )


@pytest.mark.parametrize(
    "daten",
    [
        {"rat": "5G"},
        {"latenz_s": -1},
        {"latenz_s": "1"},
        {"latenz_s": True},
        {"rsrp_mittel_dbm": float("nan")},
        {"verlust_hin": 1.1},
        {"bytes_s_hin": 0},
        {"budget_bytes": 0},
        {"buendel_s": -5},
        {"ausfall_s": 50_000},
        {"ausfaelle": [[2, 1]]},
        {"ausfaelle": [[1]]},
        {"ausfaelle": [["a", "b"]]},
        {"farbe": "rot"},
        [],
    ],
)
def test_nonsense_in_the_settings_is_refused(tmp_path: Path, daten: object) -> None:
    (tmp_path / "funk.json").write_text(json.dumps(daten))
    with pytest.raises(MobilfunkFehler, match=r"funk\.json"):
        Funkeinstellung.load(tmp_path)
