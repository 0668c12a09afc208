"""What a sweep costs: how many statements, however many meters are sick; and what is left when it is stopped."""

from datetime import timedelta

import pytest
from sqlalchemy import event, func, select

from betreiber.stoerung.domain import Regeln
from db.models import Ereignis
from db.session import create_session
from tests.hilfen import recorded_statements

TAG = timedelta(days=1)


def test_mails_are_written_from_what_was_read_once(buehne, engine, uhr):
    """They are counted once and read once, whether each gets a mail or a great many share one."""
    lesend = []
    for anzahl in (1, 19, 30):
        for _ in range(anzahl):
            buehne.zaehler(manipuliert_zeitpunkt=uhr.now())
        with recorded_statements(engine) as anweisungen:
            assert buehne.sweep().gemeldet == anzahl
        gelesen = [text for text in anweisungen if text.startswith("SELECT")]
        assert not [text for text in gelesen if "WHERE stoerung.stoerung_id = " in text]
        lesend.append(len([text for text in gelesen if "gemeldet_stufe" in text or "FROM messstelle" in text]))
    assert lesend == [3, 3, 3]


def test_a_sweep_that_is_stopped_while_it_marks_tells_of_all(buehne, engine, mails, uhr):
    """Two of five are marked, together with the mails, when it stops: the next one tells of the others again."""
    for _ in range(5):
        buehne.zaehler(manipuliert_zeitpunkt=uhr.now())

    def stop(_connection, _cursor, anweisung, *_):
        if anweisung.startswith("UPDATE stoerung SET gemeldet_stufe"):
            laeufe.append(True)
            if len(laeufe) == 2:
                raise InterruptedError

    laeufe = []
    event.listen(engine, "before_cursor_execute", stop)
    with pytest.raises(InterruptedError):
        buehne.sweep(hoechstens=2)
    event.remove(engine, "before_cursor_execute", stop)
    assert len(mails()) == 5
    assert buehne.sweep(hoechstens=2).gemeldet == 3
    assert buehne.sweep(hoechstens=2).gemeldet == 0


def test_events_are_written_by_one_statement(buehne, engine, uhr):
    for _ in range(5):
        buehne.zaehler(zuletzt_empfangen=uhr.now() - TAG)
    with recorded_statements(engine) as anweisungen:
        assert buehne.sweep(Regeln()).erkannt == 5
    assert len([text for text in anweisungen if text.startswith("INSERT INTO ereignis")]) == 1
    with create_session(engine, lesen=True) as session:
        assert session.scalar(select(func.count()).select_from(Ereignis)) == 5


def test_the_number_of_statements_does_not_grow_with_the_fleet(buehne, engine, uhr):
    anzahlen = []
    for _ in range(2):
        for _ in range(5):
            buehne.zaehler(zuletzt_empfangen=uhr.now() - TAG)
        with recorded_statements(engine) as anweisungen:
            assert buehne.sweep(Regeln()).erkannt == 5
        anzahlen.append(len([text for text in anweisungen if "ereignis" not in text]))
    assert anzahlen[0] == anzahlen[1]
