# SPDX-License-Identifier: Apache-2.0
"""Who may change things, from an address that is not this machine's loopback: real interfaces,
real certificates."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from maglev.messages import ConfigAnswer, ReloadConfig
from tests.gateway.actors import CONFIG
from tests.gateway.rig import ACTORS, PLAIN, Rig
from tests.probes.namespaces import fresh_name, ip, needs_netns, remove

pytestmark = needs_netns

ROOT = Path(__file__).parents[2]
HERE, THERE = "192.0.2.1", "192.0.2.2"
HERE6, THERE6 = "2001:db8::1", "2001:db8::2"

Start = Callable[..., Rig]


@pytest.fixture(scope="module")
def namespaces() -> Iterator[tuple[str, str]]:
    """Return two namespaces with a wire between them: the gateway's and its clients'."""
    here, there = fresh_name(), fresh_name()
    for name in (here, there):
        ip("netns", "add", name)
        ip("-n", name, "link", "set", "lo", "up")
    try:
        ip(
            "-n",
            here,
            "link",
            "add",
            "wire",
            "type",
            "veth",
            "peer",
            "name",
            "wire",
            "netns",
            there,
        )
        for name, one, six in ((here, HERE, HERE6), (there, THERE, THERE6)):
            ip("-n", name, "address", "add", f"{one}/24", "dev", "wire")
            ip("-n", name, "address", "add", f"{six}/64", "nodad", "dev", "wire")
            ip("-n", name, "link", "set", "wire", "up")
        yield here, there
    finally:
        remove(here)
        remove(there)


@pytest.fixture
def start(namespaces: tuple[str, str]) -> Iterator[Start]:
    """Return what starts a gateway with settings, in its namespace."""
    rigs: list[Rig] = []
    with tempfile.TemporaryDirectory(prefix="maglev-", ignore_cleanup_errors=True) as path:

        def begin(**variables: str) -> Rig:
            rig = Rig(Path(path), netns=namespaces[0], **variables)
            rigs.append(rig)
            rig.start()
            for name in ("aggregator", "programmer", "watchdog", "prober-0"):
                rig.actor(name)
            rig.actors["aggregator"].answering = lambda request: (ConfigAnswer(), None)
            rig.say("aggregator", CONFIG, *PLAIN)
            here = rig.channel(f"unix:{rig.run_dir / 'grpc.sock'}")
            rig.until(lambda: rig.call("ListFrontends", here).frontends)
            return rig

        try:
            yield begin
        finally:
            for rig in rigs:
                rig.close()


class Files:
    """Certificates of a CA that the gateway trusts, and of one it does not."""

    def __init__(self, where: Path) -> None:
        self._where = where
        good, bad = trustme.CA(), trustme.CA()
        self.ca = self._write("ca", good.cert_pem.bytes())
        server = good.issue_cert("maglev.example")
        self.cert = self._write("cert", server.cert_chain_pems[0].bytes())
        self.key = self._write("key", server.private_key_pem.bytes())
        self.ana = self._pair("ana", good.issue_cert("ana.example", common_name="ana"))
        self.eve = self._pair("eve", good.issue_cert("eve.example", common_name="eve"))
        self.forged = self._pair("forged", bad.issue_cert("ana.example", common_name="ana"))
        self.variables = {
            "MAGLEV_GRPC_TLS_CERT": self.cert,
            "MAGLEV_GRPC_TLS_KEY": self.key,
            "MAGLEV_GRPC_CLIENT_CA": self.ca,
            "MAGLEV_GRPC_OPERATORS": "bob,ana",
        }

    def _write(self, name: str, text: bytes) -> str:
        path = self._where / f"{name}.pem"
        path.write_bytes(text)
        return str(path)

    def _pair(self, name: str, made: trustme.LeafCert) -> tuple[str, str]:
        cert = self._write(f"{name}-cert", made.cert_chain_pems[0].bytes())
        return cert, self._write(f"{name}-key", made.private_key_pem.bytes())


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def call(namespace: str, rig: Rig, name: str, *files: str, host: str = HERE) -> str:
    """Make a call from a namespace; return what came of it."""
    program = ["ip", "netns", "exec", namespace, sys.executable, "-m", "tests.gateway.abroad"]
    done = subprocess.run(
        [*program, f"{host}:{rig.port}", name, *files],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ACTORS}"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def who(rig: Rig) -> tuple[str, str]:
    """Return who the last reload was for, and where from, without the port."""
    request = rig.actors["aggregator"].asked[-1]
    assert isinstance(request, ReloadConfig)
    return request.who, request.origin.rpartition(":")[0]


def test_plain_text_from_elsewhere_may_look_and_not_change(
    start: Start, namespaces: tuple[str, str]
) -> None:
    here, there = namespaces
    rig = start(MAGLEV_GRPC_ADDR=":0")
    for host in (HERE, f"[{HERE6}]"):
        assert call(there, rig, "GetVersion", host=host) == "OK"
        refused = call(there, rig, "ReloadConfig", host=host)
        assert refused.startswith("PERMISSION_DENIED")
        assert f"unix:{rig.run_dir / 'grpc.sock'}" in refused
        assert "--grpc-open" in refused
    assert rig.actors["aggregator"].asked == []
    logged = rig.logged("operator-refused")
    assert (logged["call"], logged["who"]) == ("ReloadConfig", "anybody")
    assert THERE in logged["origin"] or "2001:db8::" in logged["origin"]  # of two refusals, either
    # From its own machine, but not by loopback.
    assert call(here, rig, "ReloadConfig").startswith("PERMISSION_DENIED")


def test_loopback_may_change_things_on_a_listener_for_both_families(
    start: Start, namespaces: tuple[str, str]
) -> None:
    here, _ = namespaces
    rig = start(MAGLEV_GRPC_ADDR=":0")
    for host in ("127.0.0.1", "[::1]", "localhost", "[::ffff:127.0.0.1]"):
        assert call(here, rig, "ReloadConfig", host=host) == "OK", host
        assert who(rig)[0] == "loopback"


def test_an_open_daemon_lets_everybody_change_things(
    start: Start, namespaces: tuple[str, str]
) -> None:
    _, there = namespaces
    rig = start(MAGLEV_GRPC_ADDR=":0", MAGLEV_GRPC_OPEN="true")
    assert call(there, rig, "ReloadConfig") == "OK"
    assert who(rig) == ("anybody", THERE)


@pytest.mark.parametrize("address", [f"{HERE}:0", f"[{HERE6}]:0"])
def test_with_tls_a_certificate_on_the_list_may_change_things_and_no_other(
    start: Start, namespaces: tuple[str, str], files: Files, address: str
) -> None:
    _, there = namespaces
    rig = start(MAGLEV_GRPC_ADDR=address, **files.variables)
    host, elsewhere = (f"[{HERE6}]", f"[{THERE6}]") if "[" in address else (HERE, THERE)

    def reload(*shown: str) -> str:
        return call(there, rig, "ReloadConfig", files.ca, *shown, host=host)

    assert call(there, rig, "GetVersion", files.ca, host=host) == "OK", "anybody may look"
    without = reload()
    assert without.startswith("PERMISSION_DENIED")
    assert "client certificate whose name is on the list" in without
    assert reload(*files.ana) == "OK"
    assert who(rig) == ("ana", elsewhere)
    unlisted = reload(*files.eve)
    assert unlisted.startswith("PERMISSION_DENIED")
    assert "with a certificate for eve, eve.example may look" in unlisted
    assert reload(*files.forged).startswith("UNAVAILABLE"), "no handshake, no call"
    assert "certificate" in rig.logged("grpc-tls-refused")["error"].lower()
    assert call(there, rig, "GetVersion", host=host).startswith("UNAVAILABLE"), "no plain text"
    assert len(rig.actors["aggregator"].asked) == 1


def test_the_list_of_operators_may_be_a_file_that_changes(
    start: Start, namespaces: tuple[str, str], files: Files, tmp_path: Path
) -> None:
    _, there = namespaces
    listed = tmp_path / "operators"
    listed.write_text("bob\n")
    variables = {**files.variables, "MAGLEV_GRPC_OPERATORS": str(listed)}
    rig = start(MAGLEV_GRPC_ADDR=f"{HERE}:0", **variables)
    ana = (files.ca, *files.ana)
    assert call(there, rig, "ReloadConfig", *ana).startswith("PERMISSION_DENIED")
    listed.write_text("bob\nana.example # by a name in its SAN\n")
    assert call(there, rig, "ReloadConfig", *ana) == "OK"
    assert who(rig)[0] == "ana.example"
