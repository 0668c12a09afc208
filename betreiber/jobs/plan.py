"""Which job runs when. Huey keeps the schedule in memory: what is to be done stands in the database."""

import logging
from collections.abc import Callable
from datetime import timedelta

import structlog
from huey import Huey, MemoryHuey, crontab
from huey.consumer import Consumer
from sqlalchemy import Engine

from betreiber.ablesung.faltung import fold_days, watch_partitionen
from betreiber.auftrag.stoerungsauftraege import open_auftraege
from betreiber.auftrag.ueberholte import cancel_ueberholte
from betreiber.auth.domain import system_akteur
from betreiber.auth.service import delete_expired
from betreiber.ereignis.nachricht import DateiVersand, SmtpVersand, Versand, send_nachrichten
from betreiber.ersatzwert.domain import Regeln
from betreiber.ersatzwert.service import form_ersatzwerte
from betreiber.ersatzwert.standardprofil import h25_weight
from betreiber.loeschlauf.service import delete_expired_readings
from betreiber.settings import Settings
from betreiber.stoerung.domain import Regeln as Stoerungsregeln
from betreiber.stoerung.domain import make_regeln
from betreiber.stoerung.durchlauf import sweep_stoerungen
from betreiber.wartung.eichantrag import warn_eichantraege
from betreiber.wartung.kennzahlen import write_gauges
from betreiber.wartung.service import sweep_wartungen
from betreiber.zeit import Systemuhr
from db.schema import drop_partitionen, ensure_partitionen
from db.session import create_engine, create_session

log = structlog.get_logger()
PARTITIONEN_VORAUS = timedelta(days=92)
# Older readings come in single ones, if at all: the DEFAULT partition has room for them.
PARTITIONEN_ZURUECK = timedelta(days=4 * 366)


def run_jobs(settings: Settings) -> None:
    """Run the job process until SIGTERM or SIGINT."""
    logging.getLogger("huey").setLevel(logging.WARNING)
    engine = create_engine(settings.datenbank, pool_groesse=4)
    huey = MemoryHuey("betreiber", utc=True)
    schedule(huey, settings, engine)
    # A database that is away now must not end the process: three early ends stop the whole operator.
    _logged("partitionen_anlegen", make_partitionen, settings, engine)()
    # A day to apply does not come again, and gauges begin empty.
    _logged("eichantraege_melden", warn_of_applications, settings, engine)()
    _logged("wartungen_zaehlen", count_wartungen, settings, engine)()
    Consumer(huey, workers=1, worker_type="thread", periodic=True).run()


def schedule(huey: Huey, settings: Settings, engine: Engine) -> None:
    """Tell Huey at which times (UTC) each job runs."""
    for name, minuten, job in (
        ("nachrichten_senden", crontab(), send_mails),
        ("abgelaufenes_loeschen", crontab(minute="7"), clean_up),
        ("partitionen_anlegen", crontab(minute="11", hour="1"), make_partitionen),
        ("tage_falten", crontab(minute="17", hour="1"), fold),
        ("partitionen_pruefen", crontab(minute="7", hour="2"), check_partitionen),
        ("messwerte_loeschen", crontab(minute="37", hour="2"), delete_readings),
        ("wartungen_ableiten", crontab(minute="47", hour="2"), derive_wartungen),
        # Hourly, so that a run that failed does not cost the day.
        ("eichantraege_melden", crontab(minute="41"), warn_of_applications),
        ("wartungen_zaehlen", crontab(minute="53"), count_wartungen),
        ("ersatzwerte_bilden", crontab(minute="23"), form_missing),
        ("stoerungen_suchen", crontab(minute="*/5"), find_stoerungen),
        ("auftraege_oeffnen", crontab(minute="1-59/5"), open_orders),
    ):
        huey.periodic_task(minuten, name=name)(_logged(name, job, settings, engine))


def send_mails(settings: Settings, engine: Engine) -> int:
    """Send what waits in the outbox."""
    with create_session(engine) as session:
        akteur = system_akteur("jobs", settings.uhr.now())
        return send_nachrichten(session, akteur, mail_versand(settings), settings.mail_absender)


def clean_up(settings: Settings, engine: Engine) -> int:
    """Remove sessions and codes that have expired."""
    with create_session(engine) as session:
        return delete_expired(session, system_akteur("jobs", settings.uhr.now()))


def make_partitionen(settings: Settings, engine: Engine) -> int:
    """Make the partitions of the months to come; nothing to do on SQLite."""
    jetzt = settings.uhr.now()
    return len(ensure_partitionen(engine, jetzt, jetzt + PARTITIONEN_VORAUS))


def form_missing(settings: Settings, engine: Engine) -> int:
    """Form the Ersatzwerte of what is missing and overdue."""
    with create_session(engine) as session:
        akteur = system_akteur("jobs", settings.uhr.now())
        return form_ersatzwerte(session, akteur, ersatzwert_regeln(settings)).anzahl


def ersatzwert_regeln(settings: Settings) -> Regeln:
    """By which rules this operator forms Ersatzwerte."""
    return Regeln(
        wartezeit_s=settings.ersatzwert_wartezeit_stunden * 3600,
        linear_hoechstens=settings.ersatzwert_linear_viertelstunden,
        rueckschau_tage=settings.ersatzwert_rueckschau_tage,
        standardprofil=h25_weight if settings.ersatzwert_lastprofil == "h25" else None,
    )


def find_stoerungen(settings: Settings, engine: Engine) -> int:
    """Look for silent and sick meters."""
    with create_session(engine) as session:
        akteur = system_akteur("jobs", settings.uhr.now())
        # Certificates live on real time, also where the operator's clock is a simulated one.
        return sweep_stoerungen(session, akteur, stoerung_regeln(settings), echtzeit=Systemuhr().now()).anzahl


def open_orders(settings: Settings, engine: Engine) -> int:
    """Make the work orders that Störungen ask for, and cancel those that nobody needs any more."""
    with create_session(engine) as session:
        anzahl = open_auftraege(session, system_akteur("jobs", settings.uhr.now()))
        # Its own now: a meter that was installed in the meantime hangs there.
        return anzahl + cancel_ueberholte(session, system_akteur("jobs", settings.uhr.now()))


def stoerung_regeln(settings: Settings) -> Stoerungsregeln:
    """By which rules this operator looks for sick meters."""
    return make_regeln(
        intervalle=settings.stoerung_stumm_intervalle,
        alarm_stunden=settings.stoerung_stumm_alarm_stunden,
        auftrag_stunden=settings.stoerung_stumm_auftrag_stunden,
        abdeckung_prozent=settings.stoerung_abdeckung_prozent,
        verspaetet_stunden=settings.stoerung_verspaetet_stunden,
        empfaenger=settings.stoerung_mail,
        ruhezeit=settings.stoerung_ruhezeit,
    )


def delete_readings(settings: Settings, engine: Engine) -> int:
    """Delete the readings whose time is over, and partitions that are empty now; returns the deleted rows."""
    if not settings.loeschlauf_aktiv:
        return 0
    jetzt = settings.uhr.now()
    with create_session(engine) as session:
        lauf = delete_expired_readings(session, system_akteur("jobs", jetzt), jahre=settings.aufbewahrung_jahre)
    drop_partitionen(engine, jetzt - PARTITIONEN_ZURUECK)
    return sum(lauf.ergebnis.values()) if lauf else 0


def derive_wartungen(settings: Settings, engine: Engine) -> int:
    """Let the dates of maintenance follow the register, the calendar and the settings."""
    with create_session(engine) as session:
        akteur = system_akteur("jobs", settings.uhr.now())
        return sweep_wartungen(session, akteur, kontrollablesung_monate=settings.kontrollablesung_monate)


def warn_of_applications(settings: Settings, engine: Engine) -> int:
    """Tell planners for which meters verification is to be applied for."""
    with create_session(engine) as session:
        akteur = system_akteur("jobs", settings.uhr.now())
        return warn_eichantraege(session, akteur, empfaenger=settings.wartung_mail)


def count_wartungen(settings: Settings, engine: Engine) -> int:
    """Show Prometheus what maintenance is due; changes nothing, and so there is nothing to log."""
    with create_session(engine) as session:
        write_gauges(session, system_akteur("jobs", settings.uhr.now()))
    return 0


def fold(settings: Settings, engine: Engine) -> int:
    """Fold the days that are over into blocks."""
    with create_session(engine) as session:
        akteur = system_akteur("jobs", settings.uhr.now())
        return fold_days(session, akteur, nach_tagen=settings.falten_nach_tagen)


def check_partitionen(settings: Settings, engine: Engine) -> int:
    """Raise the alarm when readings lie where no partition was made for them."""
    with create_session(engine) as session:
        akteur = system_akteur("jobs", settings.uhr.now())
        return watch_partitionen(session, akteur, nach_tagen=settings.falten_nach_tagen)


def mail_versand(settings: Settings) -> Versand:
    """How this operator sends mails."""
    if settings.smtp_url:
        return SmtpVersand(settings.smtp_url)
    return DateiVersand(settings.mail_pfad)


def _logged(
    name: str, job: Callable[[Settings, Engine], int], settings: Settings, engine: Engine
) -> Callable[[], None]:
    def run() -> None:
        try:
            anzahl = job(settings, engine)
        except Exception:
            # The next round tries again: what is to be done stands in the database.
            log.exception("job_failed", name=name)
            return
        if anzahl:
            log.info("job", name=name, anzahl=anzahl)

    run.__name__ = name
    return run
