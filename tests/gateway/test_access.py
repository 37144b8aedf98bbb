# SPDX-License-Identifier: Apache-2.0
"""Who may change things, by where they come from and what they show."""

from pathlib import Path

import pytest

from maglev.gateway.access import Guest, Rules, Visitor, is_loopback, judge

RULES = Rules(Path("/run/g.sock"), tls=True, certificates=True)
OPERATORS = frozenset({"ana", "ops@example.net"})
GUESTS = {
    "maglev-1": Guest("unix", user="root"),
    "maglev-2": Guest("192.0.2.7:5", names=("ana",)),
    "maglev-3": Guest("192.0.2.7:5", names=("eve", "eve.example")),
    "maglev-4": Guest("192.0.2.7:5"),
    "maglev-5": Guest("192.0.2.7:5", names=("host", "ops@example.net")),
    "maglev-6": Guest("127.0.0.1:5", names=("eve",)),
}


def of(peer: str, rules: Rules = RULES) -> Visitor:
    return judge(peer, GUESTS, OPERATORS, rules)


@pytest.mark.parametrize(
    "peer",
    [
        "ipv4:127.0.0.1:4242",
        "ipv4:127.8.9.1:4242",
        "ipv6:[::1]:4242",
        "ipv6:%5B::1%5D:4242",
        "ipv6:[::ffff:127.0.0.1]:4242",
        "ipv6:%5B::ffff:127.0.0.1%5D:4242",
    ],
)
def test_loopback_may_change_things_however_it_is_written(peer: str) -> None:
    visitor = of(peer)
    assert (visitor.who, visitor.refusal) == ("loopback", "")
    assert "4242" in visitor.origin
    assert "%" not in visitor.origin


@pytest.mark.parametrize(
    "peer",
    [
        "ipv4:192.0.2.1:4242",
        "ipv4:10.127.0.1:1",
        "ipv6:[2001:db8::1]:4242",
        "ipv6:[::ffff:192.0.2.1]:4242",
        "ipv6:[fe80::1%25eth0]:4242",
        "ipv6:[::]:1",
        "ipv4:garbage",
        "unix:",
        "unix:/tmp/mine",
        "unix-abstract:maglev-9",
        "unix-abstract:",
        "unix:maglev-1",
        "ipv4:maglev-1",
        "",
    ],
)
def test_others_may_not_and_are_told_how(peer: str) -> None:
    refusal = of(peer).refusal
    for words in ("unix:/run/g.sock", "loopback", "list of operators", "--grpc-open"):
        assert words in refusal


def test_the_user_behind_the_unix_socket_is_who() -> None:
    assert of("unix-abstract:maglev-1") == Visitor("root", "unix")


def test_a_certificate_counts_by_any_of_its_names_that_is_on_the_list() -> None:
    assert of("unix-abstract:maglev-2") == Visitor("ana", "192.0.2.7:5")
    assert of("unix-abstract:maglev-5") == Visitor("ops@example.net", "192.0.2.7:5")


def test_a_good_certificate_that_is_not_on_the_list_is_refused_by_its_names() -> None:
    visitor = of("unix-abstract:maglev-3")
    assert visitor.who == "eve"
    assert "192.0.2.7:5 with a certificate for eve, eve.example may look" in visitor.refusal


def test_tls_without_a_certificate_is_refused() -> None:
    assert "192.0.2.7:5 may look and not change anything" in of("unix-abstract:maglev-4").refusal


def test_loopback_with_a_foreign_certificate_may_change_things_under_its_name() -> None:
    assert of("unix-abstract:maglev-6") == Visitor("eve", "127.0.0.1:5")


def test_an_open_daemon_lets_everybody_who_reaches_the_port() -> None:
    rules = Rules(Path("/run/g.sock"), open=True)
    assert of("ipv4:192.0.2.1:4242", rules) == Visitor("anybody", "192.0.2.1:4242")
    assert of("unix-abstract:maglev-9", rules).refusal, "but not past the door"


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        (Rules(Path("/s")), "once --grpc-tls-cert and its companions are set"),
        (Rules(Path("/s"), tls=True), "once --grpc-client-ca and --grpc-operators are set"),
    ],
)
def test_the_words_say_what_is_still_to_be_set(rules: Rules, words: str) -> None:
    assert words in of("ipv4:192.0.2.1:4242", rules).refusal


@pytest.mark.parametrize("origin", ["", "x", "127.0.0.1", "[::1]", "localhost:1", "[]:1"])
def test_what_is_no_address_is_not_loopback(origin: str) -> None:
    assert not is_loopback(origin)
