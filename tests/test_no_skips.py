"""A run on CI fails when a test did not do its work, and says which."""

import pytest

pytest_plugins = ["pytester"]

WATCHED = ("-p", "tests.plugins.no_skips", "-p", "no:asyncio")
IDLE = [
    ("skipped", "@pytest.mark.skip\ndef test_it(): ..."),
    ("skipped", "def test_it(): pytest.skip('no browser')"),
    ("skipped", "pytest.importorskip('no_such_module')\ndef test_it(): ..."),
    ("xfailed", "@pytest.mark.xfail\ndef test_it(): assert False"),
    ("xfailed", "@pytest.mark.xfail\ndef test_it(): ..."),
    ("xfailed", "def test_it(): pytest.xfail('not yet')"),
]


@pytest.mark.parametrize(("how", "source"), IDLE)
def test_an_idle_test_fails_the_run_and_is_named(
    pytester: pytest.Pytester, how: str, source: str
) -> None:
    pytester.makepyfile(f"import pytest\n{source}\ndef test_other(): ...")
    result = pytester.runpytest(*WATCHED)
    assert result.ret != pytest.ExitCode.OK
    result.stdout.fnmatch_lines([f"{how} test_an_idle_test_fails_the_run_and_is_named.py*"])


def test_a_run_without_idle_tests_passes(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(): ...")
    assert pytester.runpytest(*WATCHED).ret == pytest.ExitCode.OK


def test_an_idle_test_passes_where_the_plugin_is_not_loaded(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import pytest\n@pytest.mark.skip\ndef test_it(): ...")
    assert pytester.runpytest("-p", "no:asyncio").ret == pytest.ExitCode.OK
