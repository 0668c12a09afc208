"""House rule 14: a skip needs a name on a short list; any other skip fails the run."""

import pytest

pytest_plugins = ["pytester"]
HOOKS = "from tests.skips import pytest_make_collect_report, pytest_runtest_makereport"


@pytest.mark.parametrize(
    ("skip", "ausgang"),
    [
        (
            '@pytest.mark.skip(reason="no PostgreSQL server is installed (Debian: ...)")',
            {"passed": 1, "skipped": 1},
        ),
        ('@pytest.mark.skip(reason="does not work yet")', {"passed": 1, "errors": 1}),
        ("@pytest.mark.skip", {"passed": 1, "errors": 1}),
        ('@pytest.mark.skipif(True, reason="another day")', {"passed": 1, "errors": 1}),
        ('@pytest.mark.xfail(reason="known", strict=True)', {"passed": 1, "xfailed": 1}),
    ],
)
def test_skip_of_a_test(pytester, skip, ausgang):
    pytester.makeconftest(HOOKS)
    pytester.makepyfile(f"import pytest\n{skip}\ndef test_a():\n    assert False\n\ndef test_b():\n    pass\n")
    pytester.runpytest("-p", "no:xdist").assert_outcomes(**ausgang)


def test_skip_of_a_module(pytester):
    pytester.makeconftest(HOOKS)
    pytester.makepyfile('import pytest\npytest.skip("not today", allow_module_level=True)\n')
    pytester.runpytest("-p", "no:xdist").assert_outcomes(errors=1)


def test_skip_in_a_fixture(pytester):
    pytester.makeconftest(HOOKS)
    pytester.makepyfile(
        """
        import pytest

        @pytest.fixture
        def ding():
            pytest.skip("not today")

        def test_a(ding):
            pass
        """
    )
    pytester.runpytest("-p", "no:xdist").assert_outcomes(errors=1)
