# SPDX-License-Identifier: Apache-2.0
"""What is computed from an address and a check: requests, names, kinds of probes."""

import re

import pytest

from maglev.messages import Check
from maglev.probes import tls
from maglev.probes.factory import PROJECT_URL, BadCheck, Factory, request, search
from maglev.probes.http import HttpBodyProbe, HttpProbe
from maglev.probes.icmp import IcmpProbe
from maglev.probes.tcp import TcpProbe
from maglev.version import current
from tests.probes.rounds import check


def host_of(address: str, probed: Check) -> str:
    """Return the Host header of a request."""
    lines = request(address, probed).decode().split("\r\n")
    [host] = [line for line in lines if line.startswith("Host: ")]
    return host.removeprefix("Host: ")


def test_a_request_is_one_get_that_says_who_asks() -> None:
    probed = check("http", 8080, path="/health?full=1&x=%2F", host="www.example.com")
    assert request("192.0.2.1", probed).decode() == (
        "GET /health?full=1&x=%2F HTTP/1.1\r\n"
        "Host: www.example.com\r\n"
        f"User-Agent: vpp-maglev/{current().version} (+{PROJECT_URL})\r\n"
        "Accept: */*\r\n"
        "Connection: close\r\n"
        "\r\n"
    )


@pytest.mark.parametrize(
    ("kind", "address", "port", "host"),
    [
        ("http", "192.0.2.1", 80, "192.0.2.1"),
        ("http", "192.0.2.1", 443, "192.0.2.1:443"),
        ("https", "192.0.2.1", 443, "192.0.2.1"),
        ("https", "192.0.2.1", 80, "192.0.2.1:80"),
        ("http", "2001:db8::1", 80, "[2001:db8::1]"),
        ("https", "2001:db8::1", 8443, "[2001:db8::1]:8443"),
    ],
)
def test_the_host_is_the_address_with_a_port_that_is_not_the_usual_one(
    kind: str, address: str, port: int, host: str
) -> None:
    assert host_of(address, check(kind, port)) == host


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ({}, "192.0.2.1"),
        ({"host": "www.example.com"}, "www.example.com"),
        ({"host": "www.example.com:8443"}, "www.example.com"),
        ({"host": "[2001:db8::5]:8443"}, "2001:db8::5"),
        ({"host": "2001:db8::5"}, "2001:db8::5"),
        ({"host": "www.example.com", "server_name": "other.example.com"}, "other.example.com"),
    ],
)
def test_the_server_name_is_given_or_the_host_or_the_address(
    params: dict[str, str], name: str
) -> None:
    probe = Factory().make("b", "192.0.2.1", check("https", 443, **params))
    assert isinstance(probe, HttpProbe)
    assert probe._tls is not None
    assert probe._tls.server_name == name


@pytest.mark.parametrize(
    ("probed", "kind"),
    [
        (check("icmp"), IcmpProbe),
        (check("tcp", 80), TcpProbe),
        (check("tcp", 443, ssl=True), tls.TlsProbe),
        (check("http", 80), HttpProbe),
        (check("https", 443), HttpProbe),
        (check("http", 80, response_regexp="ok"), HttpBodyProbe),
        (check("https", 443, response_regexp="ok"), HttpBodyProbe),
    ],
)
def test_each_check_has_its_kind_of_probe(probed: Check, kind: type[object]) -> None:
    assert type(Factory().make("b", "192.0.2.1", probed)) is kind


@pytest.mark.parametrize(
    ("address", "probed", "text"),
    [
        ("web1.example.com", check("tcp", 80), "web1.example.com"),
        ("192.0.2.1", check("http", 80, response_regexp="("), "response-regexp '('"),
        ("192.0.2.1", check("http", 80, response_regexp=r"(?=x)"), "response-regexp"),
        ("192.0.2.1", check("http", 80, response_regexp="(x{1000}){1000}"), "response-regexp"),
        ("192.0.2.1", check("http", 80, host="bücher.example"), "wanted ASCII"),
        ("192.0.2.1", check("https", 443, server_name=".x"), "server-name '.x'"),
    ],
)
def test_a_check_that_cannot_be_carried_out_says_why(
    address: str, probed: Check, text: str
) -> None:
    with pytest.raises(BadCheck, match=re.escape(text)):
        Factory().make("b", address, probed)


def test_the_reason_of_re2_reads_as_text() -> None:
    with pytest.raises(BadCheck, match=r"^response-regexp '\(': missing \): \($"):
        search("(")


def test_a_regexp_is_searched_in_bytes_and_anchored_only_if_it_says_so() -> None:
    assert search("b+")(b"abbc")
    assert not search("^b+")(b"abbc")
    assert search("(?i)OK")(b"all ok")
    assert search("ü")("über ü".encode())
