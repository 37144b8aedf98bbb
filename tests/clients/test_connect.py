# SPDX-License-Identifier: Apache-2.0
"""Where a daemon is, and why it cannot be reached."""

import socket
from pathlib import Path

import grpc
import pytest

from maglev.clients.connect import Server, Tls, channel, server, why_unreachable
from maglev.flags import BadUsage

LOCAL = Server(host="localhost", port=9090)


@pytest.mark.parametrize(
    ("text", "where", "target"),
    [
        ("localhost:9090", LOCAL, "localhost:9090"),
        ("localhost", LOCAL, "localhost:9090"),
        (":9090", LOCAL, "localhost:9090"),
        ("lb1.example.com:9191", Server(host="lb1.example.com", port=9191), "lb1.example.com:9191"),
        ("192.0.2.1", Server(host="192.0.2.1", port=9090), "192.0.2.1:9090"),
        ("[2001:db8::1]:91", Server(host="2001:db8::1", port=91), "[2001:db8::1]:91"),
        ("[2001:db8::1]", Server(host="2001:db8::1", port=9090), "[2001:db8::1]:9090"),
        ("2001:db8::1", Server(host="2001:db8::1", port=9090), "[2001:db8::1]:9090"),
        ("unix:/run/x.sock", Server(path="/run/x.sock"), "unix:/run/x.sock"),
        ("unix:///run/x.sock", Server(path="/run/x.sock"), "unix:/run/x.sock"),
        ("/run/x.sock", Server(path="/run/x.sock"), "unix:/run/x.sock"),
    ],
)
def test_an_address_is_a_host_or_a_path(text: str, where: Server, target: str) -> None:
    assert server(text) == where
    assert where.target == target


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "wanted host:port or unix:/path"),
        ("host:", None),
        ("host:http", "wanted a port from 1 to 65535, got 'http'"),
        ("host:0", "wanted a port"),
        ("host:65536", "wanted a port"),
        ("host:" + "9" * 5000, "wanted a port"),
        ("[::1", r"wanted \[address\]:port"),
        ("[::1]9090", r"wanted \[address\]:port"),
        ("unix:relative", "wanted unix:/path"),
        ("unix:", "wanted unix:/path"),
    ],
)
def test_an_address_that_cannot_be_is_refused_with_words(text: str, error: str | None) -> None:
    if error is None:
        assert server(text).port == 9090
    else:
        with pytest.raises(BadUsage, match=f"--server: .*{error}"):
            server(text)


def test_a_missing_socket_is_told(tmp_path: Path) -> None:
    assert why_unreachable(Server(path=f"{tmp_path}/none")) == "no such file or directory"


def test_a_port_that_nobody_listens_on_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        where = Server(host="127.0.0.1", port=taken.getsockname()[1])
        assert why_unreachable(where) == "connection refused"


def test_a_name_that_nobody_has_is_told() -> None:
    assert "name" in why_unreachable(Server(host="nobody.invalid", port=9090))


def test_nothing_is_told_of_one_who_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as there:
        assert why_unreachable(Server(host="127.0.0.1", port=there.getsockname()[1])) == ""


def test_a_certificate_needs_its_key(tmp_path: Path) -> None:
    with pytest.raises(BadUsage, match="--tls-cert and --tls-key: wanted both or none"):
        channel(LOCAL, Tls(cert=f"{tmp_path}/cert.pem"))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadUsage, match=r"ca.pem: No such file or directory"):
        channel(LOCAL, Tls(ca=f"{tmp_path}/ca.pem"))


def test_a_unix_socket_has_no_tls(tmp_path: Path) -> None:
    made = channel(Server(path=f"{tmp_path}/x"), Tls(ca=f"{tmp_path}/none"))
    assert isinstance(made, grpc.Channel)
    made.close()
