"""Whatever is sent, replaced, withdrawn and folded, in whatever order: the storage answers like the model."""

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings

from tests.ablesung.speicher.modell import wert, zeit

VIERTEL_INSGESAMT = 4 * 96
eine_datenbank = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])

stellen = st.integers(0, VIERTEL_INSGESAMT - 1)
laengen = st.one_of(st.integers(1, 6), st.integers(7, 200))
strecken = st.builds(
    lambda anfang, laenge, schritt: list(range(anfang, min(anfang + laenge, VIERTEL_INSGESAMT), schritt)),
    stellen,
    laengen,
    st.sampled_from([1, 1, 1, 3]),
)
schritte = st.one_of(
    st.tuples(st.just("senden"), strecken),
    st.tuples(st.just("senden"), strecken),
    st.tuples(st.just("ablesen"), strecken),
    st.tuples(st.just("ersetzen"), strecken),
    st.tuples(st.just("berichtigen"), strecken),
    st.tuples(st.just("entfernen"), strecken),
    st.tuples(st.just("falten"), st.integers(0, 5)),
)


@eine_datenbank
@given(
    ablauf=st.lists(schritte, min_size=1, max_size=10),
    kanten=st.tuples(stellen, stellen).map(sorted),
    zurueck=st.integers(0, 10),
)
def test_every_answer_is_that_of_the_model(make_lager, ablauf, kanten, zurueck):
    lager = make_lager()
    for was, womit in ablauf:
        lager.step(was, womit)
    lager.check_tables()
    von, bis = map(zeit, kanten)
    for stand in (None, lager.jetzt - zurueck * 3000):
        lager.check(von, bis, stand)
    # Folding changes nothing.
    lager.step("falten", 4)
    lager.check_tables()
    for stand in (None, lager.jetzt - zurueck * 3000):
        lager.check(von, bis, stand)


@eine_datenbank
@given(
    teile=st.lists(strecken, min_size=1, max_size=5),
    ordnung=st.randoms(use_true_random=False),
    falten=st.sets(st.integers(0, 8)),
)
def test_the_order_of_what_comes_does_not_matter(make_lager, teile, ordnung, falten):
    """The same parts, once as they are and once shuffled, sent twice, and folded in between."""
    einer, anderer = make_lager(), make_lager()
    for teil in teile:
        einer.step("senden", teil)
    for nummer, teil in enumerate(ordnung.sample(teile * 2, len(teile) * 2)):
        anderer.step("senden", teil)
        if nummer in falten:
            anderer.step("falten", 5)
    werte = [lager.readings() for lager in (einer, anderer)]
    assert [wert._replace(empfangen=0) for wert in werte[0]] == [wert._replace(empfangen=0) for wert in werte[1]]
    assert [wert.uhrzeit for wert in werte[0]] == sorted({zeit(stelle) for teil in teile for stelle in teil})


@eine_datenbank
@given(
    nachrichten=st.lists(
        st.dictionaries(st.integers(0, 250), st.integers(1, 9), min_size=1, max_size=30), min_size=1, max_size=6
    ),
    falten=st.sets(st.integers(0, 6)),
)
def test_of_inconsistent_readings_none_is_lost(make_lager, nachrichten, falten):
    """Any values at any times: each is stored as it came, or lies in quarantine."""
    lager = make_lager()
    gesendet = set()
    for nummer, nachricht in enumerate(nachrichten):
        werte = [wert(stelle, 1000 * stand) for stelle, stand in sorted(nachricht.items())]
        gesendet |= {eins[:4] for eins in werte}
        lager.send(werte)
        if nummer in falten:
            lager.step("falten", 5)
    gespeichert = {ablesung[:4] for ablesung in lager.readings()}
    in_quarantaene = lager.quarantined()
    assert gespeichert | in_quarantaene == gesendet
    assert len(gespeichert) == len({zeile[0] for zeile in gespeichert})
    staende = [zeile[1] for zeile in sorted(gespeichert)]
    assert staende == sorted(staende)


@eine_datenbank
@given(
    verbrauch=st.lists(st.sampled_from([0, 7, 90, 400, 999, 1300]), min_size=12, max_size=12),
    gelesen=st.sets(st.integers(0, 11), max_size=6),
    ordnung=st.randoms(use_true_random=False),
    falten=st.sets(st.integers(0, 17)),
)
def test_a_display_of_whole_kwh_costs_the_meter_no_reading(make_lager, verbrauch, gelesen, ordnung, falten):
    """A meter's readings, and what people read of its display, in any order: none is refused, nothing falls."""
    lager = make_lager()
    wahr = [wert(n, 4_500 + sum(verbrauch[: n + 1])) for n in range(12)]
    schritte = [(n, False) for n in range(12)] + [(n, True) for n in gelesen]
    for nummer, (n, von_hand) in enumerate(ordnung.sample(schritte, len(schritte))):
        if not von_hand:
            lager.send([wahr[n]])
        elif zeit(n) not in {ablesung.uhrzeit for ablesung in lager.readings()}:
            lager.read_display(wahr[n])
        if nummer in falten:
            lager.step("falten", 5)
        werte = lager.readings()
        assert sorted(werte) == werte
        assert [wert.bezug_wh for wert in werte] == sorted(wert.bezug_wh for wert in werte)
        assert [wert.einspeisung_wh for wert in werte] == sorted(wert.einspeisung_wh for wert in werte)
    assert [ablesung[:4] for ablesung in lager.readings()] == [wert[:4] for wert in wahr]
    assert lager.quarantined() == set()
