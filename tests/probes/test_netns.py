# SPDX-License-Identifier: Apache-2.0
"""Entering network namespaces, leaving them, and noticing that one was made anew."""

import os
import socket
import threading
from collections.abc import Iterator

import pytest

from maglev.probes.icmp import L7OK
from maglev.probes.netns import Netns
from tests.probes import namespaces
from tests.probes.namespaces import fresh_name, namespace, needs_netns
from tests.probes.rounds import check, outcome
from tests.probes.servers import serving, silent


@pytest.fixture
def netns() -> Iterator[Netns]:
    """A Netns whose thread comes home in the end."""
    made = Netns()
    yield made
    assert not made.name or made.enter("") == ""
    made.close()


def here() -> int:
    """Return the inode of the namespace this thread is in."""
    return os.stat("/proc/thread-self/ns/net").st_ino


def test_home_needs_no_permission_and_is_always_intact(netns: Netns) -> None:
    assert netns.name == ""
    assert netns.intact()


def test_a_namespace_that_does_not_exist_is_an_error_with_its_name(netns: Netns) -> None:
    before = here()
    assert netns.enter("no-such") == 'enter netns "no-such": no such file or directory'
    assert not netns.intact()
    assert here() == before
    netns.name = ""


@needs_netns
def test_sockets_are_made_where_we_are_and_stay_there(netns: Netns) -> None:
    home = here()
    with namespace() as name, serving(silent) as server:
        probed = check("tcp", server.port, timeout_s=1)
        assert outcome(probed).code == "L4OK"
        assert netns.enter(name) == ""
        assert netns.intact()
        assert here() != home
        assert outcome(probed).code == "L4CON"
        assert outcome(check("icmp"), "192.0.2.1") is L7OK
        assert netns.enter("") == ""
        assert here() == home
        assert outcome(probed).code == "L4OK"


@needs_netns
def test_a_namespace_made_anew_under_its_name_is_noticed_and_entered(netns: Netns) -> None:
    with namespace() as name:
        assert netns.enter(name) == ""
        first = here()
        namespaces.remove(name)
        assert not netns.intact()
        assert netns.enter(name) == f'enter netns "{name}": no such file or directory'
        namespaces.make(name)
        assert not netns.intact()
        assert netns.enter(name) == ""
        assert netns.intact()
        assert here() != first


@needs_netns
def test_a_file_that_is_no_namespace_is_an_error(netns: Netns) -> None:
    name = fresh_name()
    path = f"/var/run/netns/{name}"
    with namespace():  # the directory exists then
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
        try:
            assert netns.enter(name) == f'enter netns "{name}": invalid argument'
        finally:
            os.unlink(path)


@needs_netns
def test_without_permission_the_error_says_so() -> None:
    with namespace() as name:
        child = os.fork()
        if child == 0:
            try:
                netns = Netns()
                os.setgid(65534)
                os.setuid(65534)
                expected = f'enter netns "{name}": operation not permitted'
                refused = netns.enter(name) == expected and not netns.intact()
                at_home = netns.enter("") == "" and netns.intact()
                os._exit(0 if refused and at_home else 1)
            finally:
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@needs_netns
def test_other_threads_stay_where_they_are(netns: Netns) -> None:
    home = here()
    found: list[int] = []
    go = threading.Event()
    thread = threading.Thread(target=lambda: (go.wait(10), found.append(here())))
    thread.start()
    with namespace() as name:
        assert netns.enter(name) == ""
        go.set()
        thread.join()
        assert netns.enter("") == ""
    assert found == [home]
    with socket.socket() as sock:
        assert sock.fileno() >= 0
