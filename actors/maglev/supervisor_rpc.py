# SPDX-License-Identifier: Apache-2.0
"""Talking to supervisord on its Unix socket, with a deadline for every call.

supervisord speaks XML-RPC (supervisor/rpcinterface.py).  There is no state: a connection lasts for
one call.  Calls block, so they belong into a thread.
"""

from __future__ import annotations

import http.client
import socket
import xmlrpc.client
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

_TROUBLES = (OSError, http.client.HTTPException, xmlrpc.client.Error, ExpatError)


class SupervisorError(Exception):
    """supervisord did not answer in time, or refused."""


@dataclass(frozen=True, slots=True)
class ProcessInfo:
    """One process as supervisord sees it."""

    name: str  # of the actor
    group: str  # of supervisord's
    state: str  # STOPPED, STARTING, RUNNING, BACKOFF, STOPPING, EXITED, FATAL, UNKNOWN
    pid: int  # 0: none
    started_ns: int  # unix time, in whole seconds


class Supervisor:
    """A supervisord, to be asked.  Every method raises SupervisorError."""

    def __init__(self, run_dir: Path, deadline_s: float) -> None:
        self._path = str(run_dir / "supervisor.sock")
        self._deadline_s = deadline_s

    def state(self) -> str:
        """Return the state of supervisord itself (RUNNING, SHUTDOWN, ...)."""
        return str(self._call("getState")["statename"])

    def processes(self) -> tuple[ProcessInfo, ...]:
        """Return all processes."""
        return tuple(
            ProcessInfo(
                name=str(info["name"]),
                group=str(info["group"]),
                state=str(info["statename"]),
                pid=int(info["pid"]),
                started_ns=int(info["start"]) * 10**9,
            )
            for info in self._call("getAllProcessInfo")
        )

    def kill(self, info: ProcessInfo) -> bool:
        """Kill a process with SIGKILL, but only if it is still the one that runs; say if it was.

        Other signals do nothing to a process that is stopped.
        """
        name = f"{info.group}:{info.name}"
        if int(self._call("getProcessInfo", name)["pid"]) != info.pid:
            return False
        return bool(self._call("signalProcess", name, "KILL"))

    def _call(self, method: str, *arguments: str) -> Any:
        transport = _Transport(self._path, self._deadline_s)
        try:
            with xmlrpc.client.ServerProxy("http://localhost", transport=transport) as proxy:
                return getattr(proxy.supervisor, method)(*arguments)
        except _TROUBLES as error:
            raise SupervisorError(f"{method}: {error or type(error).__name__}") from error


class _Transport(xmlrpc.client.Transport):
    """XML-RPC over a Unix socket; supervisor.xmlrpc.SupervisorTransport knows no deadline."""

    def __init__(self, path: str, deadline_s: float) -> None:
        super().__init__()
        self._path = path
        self._deadline_s = deadline_s

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        connection = _Connection(self._path, self._deadline_s)
        self._connection = host, connection  # what close() closes
        return connection


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str, deadline_s: float) -> None:
        super().__init__("localhost", timeout=deadline_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
