"""The Session of a request: opened when first asked for, closed at its end. Nothing here commits.

GET and HEAD get a session that only reads, everything else one that may write; a service commits once, at the
end of its use case, and what it did not commit is rolled back here.
"""

from flask import Flask, current_app, g, request
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from db.session import create_session


def init_session(app: Flask, engine: Engine) -> None:
    """Tie an engine to an app."""
    app.extensions["msb_engine"] = engine
    app.teardown_appcontext(_close)


def current_engine() -> Engine:
    engine: Engine = current_app.extensions["msb_engine"]
    return engine


def only_reads() -> bool:
    """Whether this request changes nothing."""
    return request.method in ("GET", "HEAD")


def current_session() -> Session:
    """The session of this request."""
    if "msb_session" not in g:
        g.msb_session = create_session(current_engine(), lesen=only_reads())
    session: Session = g.msb_session
    return session


def _close(_error: BaseException | None) -> None:
    session = g.pop("msb_session", None)
    if session is not None:
        session.close()
