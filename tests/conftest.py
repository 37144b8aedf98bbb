# SPDX-License-Identifier: Apache-2.0
"""Settings of the whole test run: Hypothesis without deadlines, and CI without silent skips.

In CI (environment CI=true) a skipped test is a failure unless tests/skips.txt lists it with a
reason, and Hypothesis draws the same examples every time.
"""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Tests start processes while calls are under way, which grpc's fork handlers do not survive; the
# children execute another program at once and need none.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

IN_CI = bool(os.environ.get("CI"))
SKIPS = Path(__file__).with_name("skips.txt")
WHOLE = {"daemon", "system", "prober", "test_demo.py"}

settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if IN_CI else "local")


def skips_allowed() -> dict[str, str]:
    """Return {test id: reason} of tests/skips.txt: one `id  # reason` a line."""
    lines = (line.strip() for line in SKIPS.read_text(encoding="utf-8").splitlines())
    pairs = (line.partition("  # ")[::2] for line in lines if line and not line.startswith("#"))
    return {test.strip(): reason.strip() for test, reason in pairs}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let tests of whole daemons run one after the other, beside all the others."""
    for item in items:
        if any(part in WHOLE for part in item.path.relative_to(SKIPS.parent).parts):
            item.add_marker(pytest.mark.xdist_group("whole"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]
    """Turn a skip that nobody allowed into a failure, in CI."""
    report = yield
    xfail = hasattr(report, "wasxfail")
    if IN_CI and report.skipped and not xfail and not skips_allowed().get(item.nodeid):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped in CI and is not in tests/skips.txt: {reason}"
    return report
