"""Which job runs when. Huey keeps the schedule in memory: what is to be done stands in the database."""

import logging
from collections.abc import Callable
from datetime import timedelta

import structlog
from huey import MemoryHuey, crontab
from huey.consumer import Consumer
from sqlalchemy import Engine

from betreiber.auth.domain import system_akteur
from betreiber.auth.service import delete_expired
from betreiber.ereignis.nachricht import DateiVersand, SmtpVersand, Versand, send_nachrichten
from betreiber.settings import Settings
from db.schema import ensure_partitionen
from db.session import create_engine, create_session

log = structlog.get_logger()
PARTITIONEN_VORAUS = timedelta(days=92)


def run_jobs(settings: Settings) -> None:
    """Run the job process until SIGTERM or SIGINT."""
    logging.getLogger("huey").setLevel(logging.WARNING)
    engine = create_engine(settings.datenbank, pool_groesse=4)
    huey = MemoryHuey("betreiber", utc=True)
    for name, minuten, job in (
        ("nachrichten_senden", crontab(), send_mails),
        ("abgelaufenes_loeschen", crontab(minute="7"), clean_up),
        ("partitionen_anlegen", crontab(minute="11", hour="1"), make_partitionen),
    ):
        huey.periodic_task(minuten, name=name)(_logged(name, job, settings, engine))
    # A database that is away now must not end the process: three early ends stop the whole operator.
    _logged("partitionen_anlegen", make_partitionen, settings, engine)()
    Consumer(huey, workers=1, worker_type="thread", periodic=True).run()


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
