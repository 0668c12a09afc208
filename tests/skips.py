"""A skip needs a name on a short list: a test that silently stopped to run guards nothing.

`tests/conftest.py` imports the two hooks, which makes them part of every run.
"""

from collections.abc import Generator
from pathlib import Path

import pytest

ERLAUBT = tuple(
    zeile
    for zeile in (Path(__file__).parent / "erlaubte_skips.txt").read_text(encoding="utf-8").splitlines()
    if zeile and not zeile.startswith("#")
)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Called for each phase of a test."""
    report = yield
    if not hasattr(report, "wasxfail"):
        _refuse_unknown_skip(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Called for each file: a module may skip itself as a whole."""
    report = yield
    _refuse_unknown_skip(report)
    return report


def _refuse_unknown_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped:
        grund = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
        grund = grund.removeprefix("Skipped: ")
        if not grund.startswith(ERLAUBT):
            report.outcome = "failed"
            report.longrepr = f"skipped for a reason that is not in tests/erlaubte_skips.txt: {grund}"
