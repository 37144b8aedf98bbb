# SPDX-License-Identifier: Apache-2.0
"""ICMP echo over real raw sockets, and what must not be taken for a reply."""

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from maglev.probes import filters, icmp
from maglev.probes.factory import Factory
from maglev.probes.netns import Netns
from maglev.probes.probe import Probe
from maglev.probes.reactor import Reactor
from maglev.probes.result import Result
from tests.probes.namespaces import namespace, needs_netns, needs_root
from tests.probes.rounds import check, outcome, outcomes
from tests.support import eventually


@pytest.fixture
def inside() -> Iterator[Netns]:
    """Run the test in a namespace of its own, where some addresses are known not to answer."""
    with namespace() as name:
        netns = Netns()
        assert netns.enter(name) == ""
        yield netns
        assert netns.enter("") == ""
        netns.close()


@needs_root
def test_loopback_replies_over_both_families() -> None:
    assert outcome(check("icmp")) is icmp.L7OK
    assert outcome(check("icmp"), "::1") is icmp.L7OK


@needs_root
def test_thousands_in_flight_each_get_their_own_reply() -> None:
    addresses = [f"127.0.{index // 250}.{index % 250 + 1}" for index in range(2000)]
    results = outcomes(check("icmp"), addresses)
    assert {result for result, _ in results} == {icmp.L7OK}


@needs_root
def test_the_source_address_is_the_one_of_the_check() -> None:
    assert outcome(check("icmp", probe_ipv4_src="127.0.0.77"), "127.0.0.1") is icmp.L7OK
    assert outcome(check("icmp", probe_ipv6_src="::1"), "::1") is icmp.L7OK
    for probed, address in (
        (check("icmp", probe_ipv4_src="192.0.2.1"), "127.0.0.1"),
        (check("icmp", probe_ipv6_src="2001:db8::77"), "::1"),
    ):
        source = probed.probe_ipv6_src or probed.probe_ipv4_src
        detail = f"send from {source}: cannot assign requested address"
        assert outcome(probed, address) == Result(None, "", detail)


@needs_netns
def test_no_reply_runs_out_of_time(inside: Netns) -> None:
    expected = Result(False, "L7TOUT", "no echo reply within 200 ms")
    assert outcome(check("icmp", timeout_s=0.2), "192.0.2.9") == expected
    assert outcome(check("icmp", timeout_s=0.2), "2001:db8::9") == expected


@needs_netns
def test_a_host_that_is_not_there_is_unreachable_as_soon_as_the_kernel_knows(inside: Netns) -> None:
    # Neighbour discovery gives up after three seconds and sends an ICMP error to ourselves.
    results = outcomes(check("icmp", timeout_s=20), ["192.0.2.9", "2001:db8::9"])
    expected = [("L4CON", "host unreachable"), ("L4CON", "address unreachable")]
    assert [(result.code, result.detail) for result, _ in results] == expected


@needs_netns
def test_no_route_and_a_prohibited_one(inside: Netns) -> None:
    expected = Result(False, "L4CON", "no route to host")
    assert outcome(check("icmp"), "198.51.100.1") == expected
    assert outcome(check("icmp"), "2001:db8:1::1") == expected
    assert outcome(check("icmp"), "100.64.0.1") == Result(False, "L4CON", "network is unreachable")
    assert outcome(check("icmp"), "203.0.113.1") == Result(
        None, "", "send an echo request: permission denied"
    )
    # The same for TCP, where connect tells at once.
    assert outcome(check("tcp", 80), "198.51.100.1") == expected
    assert outcome(check("tcp", 80), "2001:db8:1::1") == expected
    assert outcome(check("http", 80), "100.64.0.1").code == "L4CON"
    assert outcome(check("tcp", 80), "203.0.113.1") == Result(
        None, "", "connect: permission denied"
    )


@needs_netns
def test_no_port_left_is_a_fault_of_the_checker(inside: Netns) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        Path("/proc/sys/net/ipv4/ip_local_port_range").write_text("40000 40001")
        held = [socket.create_connection(("127.0.0.1", port)) for _ in range(2)]
        result = outcome(check("tcp", port))
        for sock in held:
            sock.close()
    assert result == Result(None, "", "connect: cannot assign requested address")


def test_no_permission_is_a_fault_of_the_checker() -> None:
    """As a child without capabilities, whoever runs the tests."""
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setgid(65534)
                os.setuid(65534)
            result = outcome(check("icmp"))
            expected = "open an ICMP socket: operation not permitted"
            os._exit(0 if (result.passed, result.detail) == (None, expected) else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


# --- what must not count --------------------------------------------------------------------------


class Spied:
    """One echo request to an address that does not answer, with what was sent."""

    def __init__(self) -> None:
        self.results: list[Result] = []
        self.factory = Factory()
        self.reactor = Reactor(self.finished)
        self.probe = self.factory.make("b", "192.0.2.9", check("icmp", timeout_s=60))
        self.reactor.book(self.probe, time.monotonic())
        eventually(lambda: self.turn() or self.reactor.in_flight)
        found = self.factory.pings.socket(socket.AF_INET, self.reactor)
        assert isinstance(self.probe, icmp.IcmpProbe)
        self.identity = found._identity
        self.sequence = self.probe.sequence
        self.payload = self.probe.payload
        self.forger = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)

    def finished(self, probe: Probe, result: Result, now_s: float) -> None:
        """Note a result."""
        self.results.append(result)

    def turn(self) -> None:
        """Let the reactor work for a moment."""
        self.reactor.turn(0.01)

    def forge(self, kind: int, code: int, identity: int, sequence: int, payload: bytes) -> None:
        """Send ourselves an ICMP message from 192.0.2.1, our own address."""
        head = icmp._HEAD.pack(kind, code, 0, identity, sequence)
        total = sum(
            int.from_bytes((head + payload)[at : at + 2], "big")
            for at in range(0, len(head + payload), 2)
        )
        while total >> 16:
            total = (total & 0xFFFF) + (total >> 16)
        head = icmp._HEAD.pack(kind, code, ~total & 0xFFFF, identity, sequence)
        self.forger.sendto(head + payload, ("192.0.2.1", 0))

    def quote(self, address: str, identity: int) -> bytes:
        """Return the beginning of an echo request to an address, as an error quotes it."""
        header = bytes([0x45, 0, 0, 52, 0, 0, 0, 0, 64, 1, 0, 0])
        packed = header + socket.inet_aton("192.0.2.1") + socket.inet_aton(address)
        return packed + icmp._HEAD.pack(8, 0, 0, identity, self.sequence)

    def close(self) -> None:
        """Give everything back."""
        self.forger.close()
        self.factory.pings.renew()
        self.reactor.close()


@pytest.fixture
def spied(inside: Netns) -> Iterator[Spied]:
    """A probe in flight, and the means to forge replies to it."""
    made = Spied()
    yield made
    made.close()


@needs_netns
def test_forged_replies_do_not_count(spied: Spied) -> None:
    own, sequence, payload = spied.identity, spied.sequence, spied.payload
    spied.forge(filters.REPLY_V4, 0, own ^ 1, sequence, payload)  # another's id
    spied.forge(filters.REPLY_V4, 0, own, sequence ^ 1, payload)  # another sequence
    spied.forge(filters.REPLY_V4, 0, own, sequence, b"\0" * len(payload))  # another payload
    spied.forge(filters.REPLY_V4, 0, own, sequence, b"")
    spied.forge(filters.REPLY_V4, 0, own, sequence, payload)  # all right but for the sender
    spied.forge(filters.UNREACHABLE_V4, 1, 0, 0, b"")
    spied.forge(filters.UNREACHABLE_V4, 1, 0, 0, spied.quote("192.0.2.9", own ^ 1))
    spied.forge(filters.UNREACHABLE_V4, 1, 0, 0, spied.quote("192.0.2.10", own))
    spied.forge(filters.UNREACHABLE_V4, 1, 0, 0, spied.quote("192.0.2.9", own)[:-2])
    for _ in range(20):
        spied.turn()
    assert spied.results == []


@needs_netns
@pytest.mark.parametrize(
    ("kind", "code", "detail"),
    [
        (filters.UNREACHABLE_V4, 1, "host unreachable"),
        (filters.UNREACHABLE_V4, 13, "communication administratively prohibited"),
        (filters.UNREACHABLE_V4, 77, "destination unreachable (code 77)"),
        (filters.EXCEEDED_V4, 0, "time to live exceeded"),
    ],
)
def test_an_error_that_quotes_our_request_fails_the_probe(
    spied: Spied, kind: int, code: int, detail: str
) -> None:
    spied.forge(kind, code, 0, 0, spied.quote("192.0.2.9", spied.identity))
    eventually(lambda: spied.turn() or spied.results)
    assert spied.results == [Result(False, "L4CON", detail)]


@needs_netns
def test_what_belongs_to_others_does_not_even_wake_us(spied: Spied) -> None:
    for sequence in range(500):
        spied.forge(filters.REPLY_V4, 0, spied.identity ^ 1, sequence, spied.payload)
        spied.forge(8, 0, spied.identity ^ 1, sequence, spied.payload)
    found = spied.factory.pings.socket(socket.AF_INET, spied.reactor)
    with pytest.raises(BlockingIOError):
        found._sock.recv(1)


@pytest.mark.parametrize("size", range(80))
def test_a_message_cut_off_anywhere_is_nothing_or_a_reply(size: int) -> None:
    v4 = bytes([0x45]) + bytes(19) + icmp._HEAD.pack(0, 0, 0, 7, 9) + b"p" * 60
    v6 = icmp._HEAD.pack(129, 0, 0, 7, 9) + b"p" * 60
    quoted = icmp._HEAD.pack(3, 1, 0, 0, 0) + bytes([0x45]) + bytes(8) + b"\1" + bytes(10)
    error = bytes([0x45]) + bytes(19) + quoted + icmp._HEAD.pack(8, 0, 0, 7, 9)
    for message, parse in ((v4, icmp._parse_v4), (error, icmp._parse_v4), (v6, icmp._parse_v6)):
        if size and size <= len(message):
            parsed = parse(message[:size], 7)
            assert parsed is None or parsed.sequence == 9
