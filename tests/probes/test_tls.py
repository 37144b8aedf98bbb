# SPDX-License-Identifier: Apache-2.0
"""TLS: who is verified and how, and what goes wrong in a handshake."""

import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from maglev.messages import Check
from maglev.probes import tls
from maglev.probes.result import Result
from tests.probes.rounds import check, outcome
from tests.probes.servers import Talk, answer, over_tls, reset, serving, silent
from tests.probes.test_tcp import full_backlog

HI = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
PASSED = Result(True, "L7OK", "HTTP 200")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[trustme.CA]:
    """A certificate authority that is, for these tests, the whole system store."""
    authority = trustme.CA()
    path = tmp_path_factory.mktemp("store") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(path))
        patch.setenv("SSL_CERT_DIR", str(path.parent / "none"))
        tls.context.cache_clear()
        yield authority
    tls.context.cache_clear()


def context_of(certificate: trustme.LeafCert) -> ssl.SSLContext:
    """Return a server's side of TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def result_of(context: ssl.SSLContext, talk: Talk | None = None, **others: object) -> Result:
    """Return how an https probe of a server ends."""
    with serving(over_tls(context, talk or answer(HI))) as server:
        return outcome(check("https", server.port, **others))


def of_tcp(context: ssl.SSLContext, **others: object) -> Result:
    """Return how a tcp probe with ssl of a server ends."""
    with serving(over_tls(context, silent)) as server:
        return outcome(check("tcp", server.port, ssl=True, **others))


# --- verification ---------------------------------------------------------------------------------


def test_a_name_that_the_certificate_bears_passes(authority: trustme.CA) -> None:
    context = context_of(authority.issue_cert("www.example.com"))
    assert result_of(context, server_name="www.example.com") == PASSED
    assert of_tcp(context, server_name="www.example.com") is tls.L6OK


def test_the_host_is_the_name_if_no_other_is_given(authority: trustme.CA) -> None:
    context = context_of(authority.issue_cert("www.example.com"))
    assert result_of(context, host="www.example.com:8443") == PASSED


def test_the_address_is_the_name_if_there_is_no_host(authority: trustme.CA) -> None:
    assert result_of(context_of(authority.issue_cert("127.0.0.1"))) == PASSED
    context = context_of(authority.issue_cert("::1"))
    with serving(over_tls(context, answer(HI)), socket.AF_INET6) as server:
        assert outcome(check("https", server.port), "::1") == PASSED
        assert outcome(check("https", server.port, host=f"[::1]:{server.port}"), "::1") == PASSED


def test_another_name_or_address_is_refused_and_named(authority: trustme.CA) -> None:
    context = context_of(authority.issue_cert("www.example.com"))
    expected = "certificate: Hostname mismatch, certificate is not valid for 'www.example.org'"
    wrong_name = Result(False, "L6RSP", expected)
    assert result_of(context, server_name="www.example.org") == wrong_name
    assert of_tcp(context, server_name="www.example.org") == wrong_name
    wrong_address = result_of(context)
    assert wrong_address.code == "L6RSP"
    assert "127.0.0.1" in wrong_address.detail


def test_an_expired_certificate_is_refused(authority: trustme.CA) -> None:
    past = datetime.now(tz=UTC) - timedelta(days=1)
    context = context_of(authority.issue_cert("127.0.0.1", not_after=past))
    assert result_of(context) == Result(False, "L6RSP", "certificate: certificate has expired")


def test_a_certificate_of_a_stranger_is_refused(authority: trustme.CA) -> None:
    stranger = trustme.CA()
    result = result_of(context_of(stranger.issue_cert("127.0.0.1")))
    assert result.code == "L6RSP"
    assert result.detail.startswith("certificate: ")


def test_a_self_signed_certificate_is_refused(authority: trustme.CA, tmp_path: Path) -> None:
    signed = trustme.CA()
    pem = tmp_path / "self.pem"
    pem.write_bytes(signed.private_key_pem.bytes() + signed.cert_pem.bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    expected = Result(False, "L6RSP", "certificate: self-signed certificate")
    assert result_of(context, server_name="x") == expected


def test_nothing_is_verified_if_that_is_asked_for(authority: trustme.CA) -> None:
    past = datetime.now(tz=UTC) - timedelta(days=1)
    context = context_of(trustme.CA().issue_cert("elsewhere.example.com", not_after=past))
    assert result_of(context, insecure_skip_verify=True) == PASSED
    assert of_tcp(context, insecure_skip_verify=True) is tls.L6OK


@pytest.mark.parametrize("skip", [False, True])
def test_the_name_is_sent_and_an_address_is_not(authority: trustme.CA, skip: bool) -> None:
    names: list[str | None] = []
    context = context_of(authority.issue_cert("www.example.com", "127.0.0.1"))
    context.sni_callback = lambda sock, name, context: names.append(name)
    result_of(context, server_name="www.example.com", insecure_skip_verify=skip)
    result_of(context, insecure_skip_verify=skip)
    assert names == ["www.example.com", None]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_versions_of_tls_pass_with_a_body(
    authority: trustme.CA, version: ssl.TLSVersion
) -> None:
    context = context_of(authority.issue_cert("127.0.0.1"))
    context.minimum_version = context.maximum_version = version
    big = b"HTTP/1.1 200 OK\r\nContent-Length: 60002\r\n\r\n" + b"x" * 60_000 + b"hi"
    assert result_of(context, answer(big), response_regexp="hi$") == PASSED


# --- handshakes that fail -------------------------------------------------------------------------


def test_plain_http_on_the_port_is_no_tls(authority: trustme.CA) -> None:
    def http_first(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        silent(connection)

    with serving(http_first) as server:
        expected = Result(False, "L6RSP", "TLS handshake failed: wrong version number")
        assert outcome(check("tcp", server.port, ssl=True)) == expected
        assert outcome(check("https", server.port)) == expected


def test_a_handshake_that_stalls_runs_out_of_time(authority: trustme.CA) -> None:
    with serving(silent) as server:
        expected = Result(False, "L6TOUT", "TLS handshake not done within 200 ms")
        assert outcome(check("https", server.port, timeout_s=0.2)) == expected
        assert outcome(check("tcp", server.port, ssl=True, timeout_s=0.2)) == expected


def test_a_connect_that_stalls_is_no_matter_of_tls(authority: trustme.CA) -> None:
    with full_backlog() as port:
        assert outcome(check("https", port, timeout_s=0.2)).code == "L4TOUT"
        assert outcome(check("tcp", port, ssl=True, timeout_s=0.2)).code == "L4TOUT"


def test_a_close_or_reset_inside_the_handshake_is_a_wrong_answer(authority: trustme.CA) -> None:
    def close(connection: socket.socket) -> None:
        connection.recv(4096)

    def cut(connection: socket.socket) -> None:
        connection.recv(1)
        reset(connection)

    for talk in (close, cut):
        with serving(talk) as server:
            result = outcome(check("https", server.port))
            assert (result.passed, result.code) == (False, "L6RSP"), result
            assert result.detail.endswith("during the TLS handshake")


def test_a_server_that_refuses_our_versions_is_a_wrong_answer(authority: trustme.CA) -> None:
    context = context_of(authority.issue_cert("127.0.0.1"))
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["h2"])
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    # The server wants a certificate of ours; with TLS 1.3 it says so after the handshake.
    result = result_of(context)
    assert (result.passed, result.code) == (False, "L7RSP")


# --- after the handshake --------------------------------------------------------------------------


def test_an_answer_that_does_not_come_runs_out_of_time(authority: trustme.CA) -> None:
    context = context_of(authority.issue_cert("127.0.0.1"))
    result = result_of(context, silent, timeout_s=0.5)
    assert result == Result(False, "L7TOUT", "no answer within 500 ms")


def test_a_close_without_an_answer_is_a_wrong_answer(authority: trustme.CA) -> None:
    context = context_of(authority.issue_cert("127.0.0.1"))
    for talk in (answer(), reset):
        assert result_of(context, talk).code == "L7RSP"


def test_the_store_is_read_once_for_all_probes(authority: trustme.CA) -> None:
    assert tls.context(True) is tls.context(True)
    assert tls.context(False) is not tls.context(True)


def test_many_handshakes_at_once_do_not_disturb_each_other(authority: trustme.CA) -> None:
    from tests.probes.rounds import outcomes

    context = context_of(authority.issue_cert("127.0.0.1"))
    barrier = threading.Barrier(8, timeout=10)

    def together(connection: socket.socket) -> None:
        barrier.wait()
        over_tls(context, answer(HI))(connection)

    with serving(together) as server:
        probed: Check = check("https", server.port)
        results = outcomes(probed, ["127.0.0.1"] * 8)
    assert [result for result, _ in results] == [PASSED] * 8
