"""Turn a test that did not do its work into a failure of the run, and name it.

A skip on CI is a promise that nobody checks while the light is green. Loaded by the Makefile when
CI=1; a developer without a browser may still skip.
"""

import pytest

_idle = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_idle] = []
    config.pluginmanager.register(_Watch(config.stash[_idle]))


class _Watch:
    """Collects what was skipped while collecting or running, or is marked as expected to fail."""

    def __init__(self, idle: list[str]) -> None:
        self.idle = idle

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._note(report)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._note(report)

    def _note(self, report: pytest.CollectReport | pytest.TestReport) -> None:
        if hasattr(report, "wasxfail"):
            self.idle.append(f"xfailed {report.nodeid}")
        elif report.skipped:
            self.idle.append(f"skipped {report.nodeid}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.config.stash[_idle] and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if idle := config.stash[_idle]:
        terminalreporter.section("tests that did not do their work, which fails this run")
        for line in idle:
            terminalreporter.line(line)
