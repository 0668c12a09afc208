"""The warning to apply for verification: who is told of which meters, when, and how often.

Electronic meters marked 2026: the Eichfrist ends on 31 December 2034, ten weeks before that is Sunday 22 October,
and the working day before it Friday the 20th (MessEG § 38).
"""

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import event, select, update

from betreiber.auth.domain import system_akteur
from betreiber.jobs.plan import warn_of_applications
from betreiber.wartung.eichantrag import warn_eichantraege
from betreiber.wartung.queries import list_zu_warnende, mark_gewarnt
from betreiber.wartung.service import sweep_wartungen
from db.models import Audit, Ereignis, Nachricht, Stromzaehler, Wartung
from db.session import create_session
from tests.hilfen import recorded_statements

WARNTAG = datetime(2034, 10, 20, 4, 41, tzinfo=UTC)
PLANUNG = "planung@example.org"


@pytest.fixture
def warne(engine, uhr):
    """Derives all dates at an instant, and runs the job."""

    def warne(zeitpunkt, empfaenger=PLANUNG, stapel=5_000):
        uhr.jetzt = zeitpunkt
        akteur = system_akteur("jobs", zeitpunkt)
        with create_session(engine) as session:
            sweep_wartungen(session, akteur, kontrollablesung_monate=36)
            return warn_eichantraege(session, akteur, empfaenger=empfaenger, stapel=stapel)

    return warne


@pytest.fixture
def lies(engine):
    """Rows as they are stored, in a transaction of their own."""

    def lies(anweisung):
        with create_session(engine, lesen=True) as session:
            return list(session.scalars(anweisung))

    return lies


@pytest.fixture
def mails(lies):
    return lambda: lies(select(Nachricht).order_by(Nachricht.nachricht_id))


@pytest.fixture
def gewarnt(lies):
    """Of which meters events tell, in their order."""
    auswahl = select(Ereignis.objekt_id).where(Ereignis.art == "EICHANTRAG_FAELLIG").order_by(Ereignis.ereignis_id)
    return lambda: lies(auswahl)


@pytest.fixture
def zaehler(welt):
    """Three that hang, of two models."""
    return [
        welt.stromzaehler(
            kennzeichnung_jahr=2026, zustand="EINGEBAUT", zaehlernummer=f"1EMH000000000{n}", modell=modell
        )
        for n, modell in ((1, "mME4.0"), (2, "mME4.0"), (3, "mME5.0"))
    ]


def test_on_the_working_day_before_the_last_one_and_once(warne, mails, gewarnt, lies, zaehler):
    assert warne(datetime(2034, 10, 19, 12, tzinfo=UTC)) == 0
    assert (gewarnt(), mails()) == ([], [])
    assert [warne(WARNTAG), warne(WARNTAG), warne(datetime(2034, 12, 1, tzinfo=UTC))] == [3, 0, 0]
    assert gewarnt() == zaehler
    (ereignis,) = lies(select(Ereignis).where(Ereignis.objekt_id == zaehler[0]))
    assert ereignis.daten == {"eichfrist_ende_datum": "2034-12-31", "antragsfrist_datum": "2034-10-22"}
    (mail,) = mails()
    assert (mail.empfaenger, mail.betreff) == (PLANUNG, "Eichung beantragen: 3 Zähler, der erste bis 22.10.2034")
    assert mail.text == (
        "Für diese Zähler ist die Eichung zu beantragen, sonst sind sie nach dem Ende der Eichfrist nicht\n"
        "mehr abrechenbar (MessEG § 38):\n\n"
        "2 x EMH mME4.0: zu beantragen bis 22.10.2034\n"
        "1 x EMH mME5.0: zu beantragen bis 22.10.2034\n\n"
        "Zählernummern:\n1EMH0000000001\n1EMH0000000002\n1EMH0000000003\n\n"
        "Alle: GET /v1/wartungen?eingebaut=true&antrag_bis=2034-10-22\n"
        "Ist beantragt, tragen Sie bei den Eichungen des Zählers einen ANTRAG ein.\n"
    )
    (gemeldet,) = lies(select(Audit).where(Audit.objekt_art == "eichantrag"))
    assert (gemeldet.aktion, gemeldet.neu) == ("GEMELDET", {"zaehler": 3})


def test_a_day_that_was_missed_is_told_later(warne, mails, zaehler):
    assert warne(datetime(2034, 11, 15, 4, tzinfo=UTC)) == 3
    (mail,) = mails()
    assert "2 x EMH mME4.0: zu beantragen bis 22.10.2034 (der Tag ist vorbei)\n" in mail.text


@pytest.mark.parametrize(
    ("zustand", "antrag", "anzahl"),
    [
        ("EINGEBAUT", None, 1),
        ("GESPERRT", None, 1),
        ("LAGER", None, 0),
        ("AUSGEBAUT", None, 0),
        ("VERSCHROTTET", None, 0),
        ("EINGEBAUT", date(2034, 9, 1), 0),
        # Applied for too late, which is as if nobody had: the authority may still permit it.
        ("EINGEBAUT", date(2034, 10, 23), 1),
    ],
)
def test_of_which_meters_is_told(warne, welt, session, zustand, antrag, anzahl):
    stromzaehler_id = welt.stromzaehler(kennzeichnung_jahr=2026)
    if antrag:
        welt.eichung(stromzaehler_id, art="ANTRAG", datum=antrag)
    warne(datetime(2026, 6, 15, tzinfo=UTC))
    session.get(Stromzaehler, stromzaehler_id).zustand = zustand
    session.commit()
    assert warne(datetime(2034, 10, 24, tzinfo=UTC)) == anzahl


def test_the_holidays_of_the_place_count(warne, welt, gewarnt):
    """Until 9 January 2040 by its lot: ten weeks before is Monday 31 October, a holiday in Sachsen only."""
    los = {"art": "LOSVERLAENGERUNG", "datum": date(2033, 1, 15), "bis_datum": date(2040, 1, 9), "los": "L"}
    orte = {}
    for land in ("SN", "NW"):
        orte[land] = welt.stromzaehler(kennzeichnung_jahr=2026, zustand="EINGEBAUT")
        welt.einbau(orte[land], welt.messstelle(bundesland=land), datetime(2026, 7, 1, tzinfo=UTC))
        welt.eichung(orte[land], **los)
    assert [warne(datetime(2039, 10, tag, 8, tzinfo=UTC)) for tag in (27, 28, 30, 31)] == [0, 1, 0, 1]
    assert gewarnt() == [orte["SN"], orte["NW"]]


def test_another_end_is_told_of_anew(warne, mails, welt):
    stromzaehler_id = welt.stromzaehler(kennzeichnung_jahr=2026, zustand="EINGEBAUT")
    assert warne(WARNTAG) == 1
    los = {"art": "LOSVERLAENGERUNG", "datum": date(2034, 11, 2), "bis_datum": date(2035, 12, 31), "los": "L"}
    welt.eichung(stromzaehler_id, **los)
    # Ten weeks before the end of 2035 is Monday 22 October.
    assert [warne(datetime(2035, 10, tag, 8, tzinfo=UTC)) for tag in (19, 22, 23)] == [0, 1, 0]
    assert len(mails()) == 2


def test_many_are_told_of_in_batches_and_one_mail_of_bounded_length(engine, warne, mails, gewarnt, welt):
    for n in range(35):
        welt.stromzaehler(
            kennzeichnung_jahr=2026, zustand="EINGEBAUT", modell=f"M{n:02}", zaehlernummer=f"1EMH00000000{n:02}"
        )
    warne(datetime(2034, 10, 19, tzinfo=UTC))
    with recorded_statements(engine) as anweisungen:
        assert warne(WARNTAG, stapel=10) == 35
    batches = [a for a in anweisungen if a.startswith("UPDATE wartung SET antrag_gewarnt_datum")]
    ereignisse = [a for a in anweisungen if a.startswith("INSERT INTO ereignis ")]
    assert (len(batches), len(ereignisse)) == (4, 4)
    assert len(gewarnt()) == 35
    (mail,) = mails()
    assert mail.betreff == "Eichung beantragen: 35 Zähler, der erste bis 22.10.2034"
    zeilen = [zeile for zeile in mail.text.splitlines() if zeile.startswith(("1", "und"))]
    assert (len(zeilen), zeilen[29:31], zeilen[-2:]) == (
        62,
        ["1 x EMH M29: zu beantragen bis 22.10.2034", "und 5 weitere Modelle und Tage"],
        ["1EMH0000000029", "und 5 weitere"],
    )


@pytest.mark.parametrize("datenbank", ["sqlite"], indirect=True)
def test_who_finds_nothing_waits_for_no_writer(engine, warne, zaehler):
    """SQLite has one write lock for all."""
    warne(WARNTAG)
    with engine.connect() as anderer:
        anderer.execute(update(Stromzaehler).values(modell="X"))
        assert warne(WARNTAG) == 0


@pytest.mark.parametrize("abbruch", [2, 3])
def test_a_crash_between_two_commits_leaves_nobody_untold(engine, uhr, warne, mails, gewarnt, zaehler, abbruch):
    """Three meters by two: the second commit is that of the second batch, the third that of the mail."""
    warne(datetime(2034, 10, 19, tzinfo=UTC))
    uhr.jetzt = WARNTAG
    with create_session(engine) as abgebrochen:
        commits = []

        @event.listens_for(abgebrochen, "before_commit")
        def fall(_session):
            commits.append(1)
            if len(commits) == abbruch:
                raise RuntimeError("the power is gone")

        with pytest.raises(RuntimeError):
            warn_eichantraege(abgebrochen, system_akteur("jobs", WARNTAG), empfaenger=PLANUNG, stapel=2)
    assert mails() == []
    assert warne(WARNTAG) == (1 if abbruch == 2 else 0)
    assert gewarnt() == zaehler
    (mail,) = mails()
    assert mail.betreff == "Eichung beantragen: 3 Zähler, der erste bis 22.10.2034"


def test_without_an_address_the_mail_waits_for_one(warne, mails, gewarnt, zaehler, welt):
    assert (warne(WARNTAG, empfaenger=""), mails(), gewarnt()) == (3, [], zaehler)
    # Of the first one somebody has applied meanwhile, though too late for another mail than this.
    welt.eichung(zaehler[0], art="ANTRAG", datum=date(2034, 10, 22))
    assert warne(datetime(2034, 10, 24, tzinfo=UTC)) == 0
    (mail,) = mails()
    assert mail.betreff == "Eichung beantragen: 2 Zähler, der erste bis 22.10.2034"


def test_nothing_is_sent_when_all_is_applied_for_meanwhile(warne, mails, zaehler, welt):
    warne(WARNTAG, empfaenger="")
    for stromzaehler_id in zaehler:
        welt.eichung(stromzaehler_id, art="ANTRAG", datum=date(2034, 10, 22))
    warne(datetime(2034, 10, 24, tzinfo=UTC))
    assert mails() == []


@pytest.mark.parametrize(("stunde", "anzahl"), [(22, 1), (23, 0)])
def test_whose_eichfrist_has_ended_is_not_warned_of(warne, mails, zaehler, session, stunde, anzahl):
    """At 23 h of UTC it is 2035 in Berlin. Of the first meter was told before, and its mail still waits."""
    for stromzaehler_id in zaehler[1:]:
        session.get(Stromzaehler, stromzaehler_id).zustand = "LAGER"
    session.commit()
    assert warne(WARNTAG, empfaenger="") == 1
    session.get(Stromzaehler, zaehler[1]).zustand = "EINGEBAUT"
    session.commit()
    assert warne(datetime(2034, 12, 31, stunde, tzinfo=UTC)) == anzahl
    betreff = "Eichung beantragen: 2 Zähler, der erste bis 22.10.2034"
    assert [mail.betreff for mail in mails()] == [betreff] * anzahl


def test_what_was_verified_before_the_mail_is_not_in_it(warne, mails, zaehler, welt):
    """Verified without a word of an application: the next day to apply lies in 2042."""
    warne(WARNTAG, empfaenger="")
    welt.eichung(zaehler[0], art="EICHUNG", datum=date(2034, 10, 22))
    warne(datetime(2034, 10, 24, tzinfo=UTC))
    assert [mail.betreff for mail in mails()] == ["Eichung beantragen: 2 Zähler, der erste bis 22.10.2034"]


@pytest.mark.parametrize(("zustand", "anzahl"), [("AUSGEBAUT", 3), ("VERSCHROTTET", 2)])
def test_what_is_taken_down_before_the_mail_may_hang_again(warne, mails, zaehler, session, zustand, anzahl):
    warne(WARNTAG, empfaenger="")
    session.get(Stromzaehler, zaehler[0]).zustand = zustand
    session.commit()
    warne(datetime(2034, 10, 24, tzinfo=UTC))
    assert [mail.betreff for mail in mails()] == [f"Eichung beantragen: {anzahl} Zähler, der erste bis 22.10.2034"]


def test_who_was_told_of_or_taken_down_meanwhile_is_not_marked(warne, zaehler, session):
    """Between the look and the batch another run told of the first, and the second was taken down."""
    warne(datetime(2034, 10, 19, tzinfo=UTC))
    heute = WARNTAG.date()
    gesehen = list_zu_warnende(session, heute)
    mark_gewarnt(session, heute, zaehler[:1])
    session.get(Stromzaehler, zaehler[1]).zustand = "AUSGEBAUT"
    session.flush()
    frist = (date(2034, 12, 31), date(2034, 10, 22))
    assert (gesehen, mark_gewarnt(session, heute, gesehen)) == (zaehler, [(zaehler[2], *frist)])


def test_the_job_asks_the_settings_whom_to_tell(settings, engine, welt, mails, lies):
    """On the clock of the house the day to warn was long ago, and the Eichfrist has not ended: nobody was told."""
    stromzaehler_id = welt.stromzaehler(zustand="EINGEBAUT")
    alt = {"antragsfrist_datum": date(1998, 10, 22), "antragswarnung_datum": date(1998, 10, 22)}
    welt.wartung(stromzaehler_id, eichfrist_ende_datum=date(9999, 12, 31), **alt)
    assert warn_of_applications(settings, engine) == 1
    assert mails() == []
    assert lies(select(Wartung.antrag_gewarnt_datum)) == [date(9999, 12, 31)]
