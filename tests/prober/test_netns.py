# SPDX-License-Identifier: Apache-2.0
"""A prober that follows its network namespace, wherever that goes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from maglev.messages import Check, Verdict
from tests.prober.rig import Rig
from tests.prober.test_process import quick
from tests.probes import namespaces
from tests.probes.namespaces import fresh_name, namespace, needs_netns
from tests.probes.servers import serving, silent

pytestmark = needs_netns

PING = quick(0, "icmp", timeout_s=0.3)
INSIDE = "192.0.2.1"  # an address of every namespace of these tests, and of nowhere else


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A prober that runs."""
    made = Rig(tmp_path)
    made.start()
    yield made
    made.close()


def states(rig: Rig, backend: str) -> list[str]:
    """Return the states that were said of a backend, in order."""
    found = [one for one in rig.heard if isinstance(one, Verdict) and one.backend == backend]
    return [one.state for one in found]


def test_probes_are_made_inside_and_at_home_again(rig: Rig) -> None:
    with serving(silent) as server, namespace() as name:
        check = quick(server.port, "tcp", timeout_s=0.5)
        rig.assign("home", check)
        rig.verdict("home", state="up")
        rig.assign("inside", PING, INSIDE, netns=name)
        rig.verdict("inside", state="up", code="L7OK")
        rig.verdict("home", state="down", code="L4CON")
        rig.assign("home", check, state="down", counter=0, changes=2)
        rig.verdict("home", state="up")
        assert [line["netns"] for line in rig.logged("netns-entered")] == [name, ""]


def test_a_namespace_that_is_missing_is_a_fault_until_it_is_there(rig: Rig) -> None:
    name = fresh_name()
    rig.assign("inside", PING, INSIDE, netns=name)
    faulty = rig.verdict("inside", fault=f'enter netns "{name}": no such file or directory')
    assert (faulty.state, faulty.counter) == ("unknown", 1)
    namespaces.make(name)
    try:
        rig.verdict("inside", state="up", fault="")
    finally:
        namespaces.remove(name)
    assert len(rig.logged("netns-failed")) == 1


def test_a_namespace_made_anew_never_fails_a_backend(rig: Rig) -> None:
    """What is seen from a namespace that nobody can reach any more is a fault of ours."""
    slow = quick(0, "icmp", timeout_s=0.2, fall=1)
    with namespace() as name:
        rig.assign("inside", slow, INSIDE, netns=name)
        rig.assign("silent", slow, "192.0.2.99", netns=name, state="up", counter=2, changes=1)
        rig.verdict("inside", state="up")
        rig.verdict("silent", state="down")
        for _ in range(3):
            rig.heard.clear()
            namespaces.remove(name)
            rig.until(lambda: rig.verdicts["inside"].fault, "a fault")
            namespaces.make(name)
            rig.verdict("inside", state="up", fault="")
            assert set(states(rig, "inside")) == {"up"}


def test_a_namespace_made_anew_fails_nobody_until_something_was_reached_from_it(rig: Rig) -> None:
    quickly = quick(0, "icmp", timeout_s=0.2, fall=1)
    with namespace() as name:
        rig.assign("inside", quickly, INSIDE, netns=name)
        rig.assign("silent", quickly, "192.0.2.99", netns=name, state="up", counter=2, changes=1)
        rig.verdict("inside", state="up")
        rig.verdict("silent", state="down")
        rig.heard.clear()
        namespaces.remove(name)
        namespaces.ip("netns", "add", name)
        dark = f'netns "{name}" was made anew, nothing was reached from it yet'
        assert rig.verdict("inside", fault=dark).state == "up"
        namespaces.furnish(name)
        rig.verdict("inside", state="up", fault="")
        rig.verdict("silent", state="down", fault="")
        assert set(states(rig, "inside")) == {"up"}


def test_what_was_in_flight_when_the_namespace_changed_is_no_failure(rig: Rig) -> None:
    patient = quick(0, "icmp", timeout_s=1.0, fall=1)
    with namespace() as first, namespace() as second:
        known = {"state": "up", "counter": 2, "changes": 1}
        # Nobody answers there: the round is in flight for a second.
        rig.assign("silent", patient, "192.0.2.99", netns=first, **known)
        rig.until(lambda: rig.pace and rig.pace.in_flight, "a round in flight")
        rig.assign("silent", patient, "192.0.2.99", netns=second, **known)
        verdict = rig.until(
            lambda: next((one for one in rig.verdicts.values() if one.fault or one.code), None),
            "the end of a round",
        )
        assert verdict.state == "up"
        assert verdict.fault == f'netns "{second}" was entered while the probe was under way'
        rig.verdict("silent", state="down")


def test_without_permission_the_fault_says_so(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    try:
        with namespace() as name:
            rig.start(wrapper=("setpriv", "--bounding-set=-sys_admin,-net_raw", "--inh-caps=-all"))
            rig.assign("inside", Check(name="c", type="tcp", port=80), INSIDE, netns=name)
            rig.verdict("inside", fault=f'enter netns "{name}": operation not permitted')
            rig.assign("ping", PING, "127.0.0.1")
            rig.verdict("ping", fault="open an ICMP socket: operation not permitted")
    finally:
        rig.close()
