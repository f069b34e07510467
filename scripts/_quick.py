"""The quick choice of tests, as a plugin of pytest: whatever is not marked ``slow``.

What keeps it quick: a test that takes more than a share of all its tests' time is none of them,
and the run fails and says so. A share holds on a slow machine as well as on a fast one.
"""

import pytest

SHARE = 1 / 12
FLOOR_S = 1.0  # what takes less is quick in any case
MANY = 1000  # a part of them says nothing about the choice


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.addoption("--quick", action="store_true", help="leave out the tests marked slow")


def pytest_configure(config: pytest.Config) -> None:
    """Watch the durations where the reports come together."""
    config.addinivalue_line("markers", "slow: left out of the quick tests")
    config.addinivalue_line("markers", "locked: looks at the locks, not at what packages do")
    if config.getoption("quick") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Watch())


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked slow."""
    if config.getoption("quick"):
        slow = [item for item in items if item.get_closest_marker("slow")]
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]


class Watch:
    """The tests' durations, and which of them took too large a share; notebooks may."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add a phase of a test to its duration; what a fixture takes is shared by others."""
        if report.when == "call" and ".ipynb" not in report.nodeid:
            self.seconds[report.nodeid] = report.duration

    def too_slow(self) -> list[str]:
        """Return what is to be marked slow."""
        if len(self.seconds) < MANY:
            return []
        most = max(FLOOR_S, SHARE * sum(self.seconds.values()))
        return [test for test, seconds in self.seconds.items() if seconds > most]

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Fail if a test is too slow to be among the quick ones."""
        if exitstatus == pytest.ExitCode.OK and self.too_slow():
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Name them."""
        for test in self.too_slow():
            terminalreporter.write_line(
                f"{test} took {self.seconds[test]:.1f} s, too large a share of the quick tests:"
                " mark it with @pytest.mark.slow"
            )
