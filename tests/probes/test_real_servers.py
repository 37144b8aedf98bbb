# SPDX-License-Identifier: Apache-2.0
"""Probes against servers that people run: nginx and HAProxy, as Debian ships them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from maglev.probes import tls
from maglev.probes.result import Result
from tests.probes.rounds import check, outcome, outcomes
from tests.support import eventually

SBIN = os.environ.get("PATH", "") + ":/usr/sbin"
NGINX = shutil.which("nginx", path=SBIN)
HAPROXY = shutil.which("haproxy", path=SBIN)

OK = Result(True, "L7OK", "HTTP 200")
ROOT_FILE = "the quick brown fox\n"


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on."""
    socks = [socket.socket() for _ in range(count)]
    for sock in socks:
        sock.bind(("127.0.0.1", 0))
    ports = [sock.getsockname()[1] for sock in socks]
    for sock in socks:
        sock.close()
    return ports


def answers(port: int) -> bool:
    """Whether somebody listens."""
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


class Real:
    """A server of the real world with one port for HTTP and one for HTTPS."""

    def __init__(self, http: int, https: int) -> None:
        self.http = http
        self.https = https


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A certificate for 127.0.0.1 of an authority that is trusted meanwhile."""
    where = tmp_path_factory.mktemp("pem")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(where / "ca.pem"))
    leaf = authority.issue_cert("127.0.0.1", "www.example.com")
    leaf.private_key_and_cert_chain_pem.write_to_path(str(where / "leaf.pem"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(where / "ca.pem"))
        tls.context.cache_clear()
        yield where / "leaf.pem"
    tls.context.cache_clear()


@pytest.fixture(scope="module")
def nginx(pem: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    """nginx in the foreground, all its files in a directory of its own."""
    if NGINX is None:
        pytest.skip("nginx: install the package nginx-light")
    where = tmp_path_factory.mktemp("nginx")
    http, https = free_ports(2)
    (where / "index.html").write_text(ROOT_FILE)
    temporary = " ".join(
        f"{kind}_temp_path {where}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (where / "nginx.conf").write_text(
        f"""
        daemon off; master_process off; pid {where}/pid; error_log {where}/log;
        events {{ worker_connections 2000; }}
        http {{
            access_log off; {temporary}
            server {{
                listen 127.0.0.1:{http} backlog=2048;
                listen 127.0.0.1:{https} ssl backlog=2048;
                ssl_certificate {pem}; ssl_certificate_key {pem};
                root {where};
                location = /host {{ return 200 "host=$http_host agent=$http_user_agent"; }}
                location = /moved {{ return 301 /; }}
                location = /empty {{ return 204; }}
                location = /denied {{ return 403; }}
                location = /closed {{ return 444; }}
            }}
        }}"""
    )
    command = [NGINX, "-c", str(where / "nginx.conf"), "-e", str(where / "log")]
    process = subprocess.Popen(command)
    try:
        eventually(lambda: answers(http) and answers(https), what="nginx listens")
        yield Real(http, https)
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module")
def haproxy(pem: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    """HAProxy in the foreground, answering by itself."""
    if HAPROXY is None:
        pytest.skip("haproxy: install the package haproxy")
    where = tmp_path_factory.mktemp("haproxy")
    http, https = free_ports(2)
    (where / "haproxy.cfg").write_text(
        f"""
global
  maxconn 500
defaults
  mode http
  timeout client 5s
  timeout server 5s
  timeout connect 5s
frontend own
  bind 127.0.0.1:{http}
  bind 127.0.0.1:{https} ssl crt {pem}
  http-request return status 503 if {{ path /busy }}
  http-request silent-drop if {{ path /dropped }}
  http-request return status 200 content-type text/plain string "up and well" if {{ path / }}
  default_backend none
backend none
"""
    )
    process = subprocess.Popen([HAPROXY, "-db", "-f", str(where / "haproxy.cfg")])
    try:
        eventually(lambda: answers(http) and answers(https), what="haproxy listens")
        yield Real(http, https)
    finally:
        process.terminate()
        process.wait(10)


def test_nginx_passes_over_http_https_tcp_and_tls(nginx: Real) -> None:
    assert outcome(check("http", nginx.http)) == OK
    assert outcome(check("https", nginx.https)) == OK
    assert outcome(check("https", nginx.https, server_name="www.example.com")) == OK
    assert outcome(check("tcp", nginx.http)).code == "L4OK"
    assert outcome(check("tcp", nginx.https, ssl=True)).code == "L6OK"


def test_nginx_bodies_are_found(nginx: Real) -> None:
    assert outcome(check("http", nginx.http, response_regexp="brown f.x$|x")) == OK
    assert outcome(check("https", nginx.https, response_regexp="^the quick")) == OK
    assert outcome(check("http", nginx.http, response_regexp="lazy dog")).code == "L7RSP"


@pytest.mark.parametrize(
    ("path", "code", "detail"),
    [
        ("/none", "L7STS", "HTTP 404"),
        ("/moved", "L7STS", "HTTP 301"),
        ("/empty", "L7STS", "HTTP 204"),
        ("/denied", "L7STS", "HTTP 403"),
        ("/closed", "L7RSP", "connection closed without an answer"),
    ],
)
def test_nginx_says_no_in_many_ways(nginx: Real, path: str, code: str, detail: str) -> None:
    for probed in (check("http", nginx.http, path=path), check("https", nginx.https, path=path)):
        assert outcome(probed) == Result(False, code, detail)


def test_nginx_sees_the_host_and_who_asks(nginx: Real) -> None:
    own = f"^host=127.0.0.1:{nginx.http} agent=vpp-maglev/[0-9.]+ \\(\\+https?://[^ ]+\\)$"
    assert outcome(check("http", nginx.http, path="/host", response_regexp=own)) == OK
    named = "^host=www.example.com agent="
    probed = check("http", nginx.http, path="/host", host="www.example.com", response_regexp=named)
    assert outcome(probed) == OK


def test_nginx_gets_plain_http_on_its_tls_port_and_the_reverse(nginx: Real) -> None:
    assert outcome(check("http", nginx.https)) == Result(False, "L7STS", "HTTP 400")
    failed = outcome(check("https", nginx.http))
    assert failed == Result(False, "L6RSP", "TLS handshake failed: wrong version number")


def test_nginx_answers_a_thousand_at_once(nginx: Real) -> None:
    results = outcomes(check("http", nginx.http, timeout_s=20.0), ["127.0.0.1"] * 1000)
    assert {result for result, _ in results} == {OK}


def test_haproxy_passes_over_http_https_tcp_and_tls(haproxy: Real) -> None:
    assert outcome(check("http", haproxy.http, response_regexp="^up and well$")) == OK
    assert outcome(check("https", haproxy.https, response_regexp="^up and well$")) == OK
    assert outcome(check("tcp", haproxy.http)).code == "L4OK"
    assert outcome(check("tcp", haproxy.https, ssl=True)).code == "L6OK"


def test_haproxy_says_no_in_many_ways(haproxy: Real) -> None:
    assert outcome(check("http", haproxy.http, path="/busy")).detail == "HTTP 503"
    assert outcome(check("https", haproxy.https, path="/none")).detail == "HTTP 503"
    dropped = outcome(check("http", haproxy.http, path="/dropped", timeout_s=0.5))
    assert dropped == Result(False, "L7TOUT", "no answer within 500 ms")
