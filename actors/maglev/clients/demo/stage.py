# SPDX-License-Identifier: Apache-2.0
"""All processes of the demo and the directory they live in.

Each is started on a leash and in a session of its own, so that no signal of a terminal reaches it
before it is stopped in order.  The state is the processes and the moods of the web servers; look at
`Stage.open` for what is started and when.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from maglev.clients.demo.server import Mood
from maglev.config import load
from maglev.daemon.layout import shipped
from maglev.environment import Environment

PORT: Final = 18080  # of the web servers, in conf/demo.yaml
PORTS_MAX: Final = 100
READY_S: Final = 30.0
STOP_S: Final = 12.0  # more than maglevd takes at most
LOG_LINES: Final = 20

Address = str | tuple[str, int]
"""A path of a Unix socket, or an IPv4 address and a port."""


class Unstageable(Exception):
    """The demo cannot run here; the text says why."""


@dataclass(slots=True)
class WebServer:
    """One web server; `process` is None while it is killed."""

    name: str
    address: str
    process: subprocess.Popen[bytes] | None = None
    mood: Mood = "ok"


class Stage:
    """The directory, the web servers, the simulated VPP and maglevd."""

    def __init__(self, settings: Environment) -> None:
        """Make the directory; `settings` are those of the daemon but for its paths."""
        self.directory = Path(tempfile.mkdtemp(prefix="maglev-demo-"))
        self.control = self.directory / "vpp.ctl"
        self.log = self.directory / "maglevd.log"
        self.settings = Environment(
            config=self.directory / "maglev.yaml",
            run_dir=self.directory / "run",
            state_dir=self.directory / "state",
            vpp_api_addr=str(self.directory / "vpp.sock"),
            grpc_addr=f"127.0.0.1:{_unused_port()}",
            grpc_socket=self.directory / "run" / "grpc.sock",
            probers=settings.probers,
            log_level=settings.log_level,
            time_scale=settings.time_scale,
        )
        self.servers: dict[str, WebServer] = {}
        self.port = 0
        self._claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._vpp: subprocess.Popen[bytes] | None = None
        self._maglevd: subprocess.Popen[bytes] | None = None

    def open(self) -> None:
        """Start everything; raises Unstageable."""
        try:
            template = (shipped() / "conf" / "demo.yaml").read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise Unstageable(f"the demo's configuration is missing: {error}") from error
        self.settings.config.write_text(template, encoding="utf-8")
        conf = load(self.settings.config).settings
        self.servers = {
            one.name: WebServer(one.name, one.address) for one in conf.backends.values()
        }
        self.port = self._free_port([one.address for one in self.servers.values()])
        text = template.replace(f"port: {PORT}\n", f"port: {self.port}\n")
        self.settings.config.write_text(text, encoding="utf-8")
        for server in self.servers.values():
            self.start(server)
        arguments = ["--socket", self.settings.vpp_api_addr, "--control", str(self.control)]
        with self.log.open("ab") as log:
            self._vpp = _start("maglev.vpp.sim", arguments, output=log)
            addresses = [(one.address, self.port) for one in self.servers.values()]
            self._wait_for([str(self.control), *addresses])
            self._maglevd = _start("maglev.daemon", [], log, self.settings.variables())

    def close(self) -> None:
        """Stop everything and remove the directory."""
        _stop(self._maglevd)
        _stop(self._vpp)
        for server in self.servers.values():
            _stop(server.process)
        self._claim.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def processes(self) -> str:
        """Return who runs, in words with pids."""
        servers = ", ".join(
            f"{one.name} {one.process.pid}" for one in self.servers.values() if one.process
        )
        vpp, maglevd = self._vpp, self._maglevd
        assert vpp is not None, "not open"
        assert maglevd is not None, "not open"
        return f"simulated VPP {vpp.pid}, maglevd {maglevd.pid}, web servers {servers}"

    def check(self) -> None:
        """Raise Unstageable if maglevd or the simulated VPP has ended."""
        for name, process in (("maglevd", self._maglevd), ("the simulated VPP", self._vpp)):
            if process is not None and process.poll() is not None:
                lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
                told = "\n  ".join(lines[-LOG_LINES:])
                raise Unstageable(f"{name} ended with {process.returncode}:\n  {told}")

    def start(self, server: WebServer) -> None:
        """Start a web server, in a good mood."""
        arguments = [server.name, server.address, str(self.port)]
        server.process, server.mood = _start("maglev.clients.demo.server", arguments), "ok"

    def kill(self, server: WebServer) -> int:
        """Kill a web server as it is, with -9; return the pid it had."""
        process, server.process = server.process, None
        assert process is not None, f"{server.name} does not run"
        process.kill()
        process.communicate()
        return process.pid

    def tell(self, server: WebServer, mood: Mood) -> None:
        """Change a web server's mood."""
        assert server.process is not None, f"{server.name} does not run"
        assert server.process.stdin is not None
        server.mood = mood
        server.process.stdin.write(f"{mood}\n".encode())
        server.process.stdin.flush()

    def _free_port(self, addresses: list[str]) -> int:
        """Return the first port from PORT on that is free on all of the addresses.

        It is claimed by a name in the abstract socket namespace, so that two demos that start at
        once do not take the same one.
        """
        for port in range(PORT, PORT + PORTS_MAX):
            try:
                self._claim.bind(f"\0maglev-demo-{port}")
            except OSError:
                continue
            if all(_is_free(address, port) for address in addresses):
                return port
            self._claim.close()
            self._claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        last = PORT + PORTS_MAX - 1
        raise Unstageable(f"no port from {PORT} to {last} is free on {', '.join(addresses)}")

    def _wait_for(self, addresses: Iterable[Address]) -> None:
        """Wait until somebody listens on each of these."""
        until_s = time.monotonic() + READY_S
        for address in addresses:
            while not _accepts(address):
                self.check()
                for one in self.servers.values():
                    if one.process is not None and one.process.poll() is not None:
                        raise Unstageable(f"web server {one.name} ended with {one.process.poll()}")
                if time.monotonic() > until_s:
                    raise Unstageable(f"the processes of the demo are not ready after {READY_S} s")
                time.sleep(0.01)


def _unused_port() -> int:
    """Return a TCP port on the loopback interface that nobody used a moment ago."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port: int = trial.getsockname()[1]
    return port


def _start(
    module: str,
    arguments: list[str],
    output: IO[bytes] | None = None,
    variables: dict[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    leash = [sys.executable, "-m", "maglev.clients.demo.leash", str(os.getpid())]
    return subprocess.Popen(
        [*leash, module, *arguments],
        stdin=subprocess.PIPE,
        stdout=output or subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
        env={**os.environ, **(variables or {})},
        start_new_session=True,
    )


def _stop(process: subprocess.Popen[bytes] | None) -> None:
    if process is None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.communicate(timeout=STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def _is_free(address: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((address, port))
        except OSError:
            return False
    return True


def _accepts(address: Address) -> bool:
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        trial.settimeout(1.0)
        try:
            trial.connect(address)
        except OSError:
            return False
    return True
