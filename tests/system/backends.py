# SPDX-License-Identifier: Apache-2.0
"""Web servers on many addresses in one process, each in a mood that a test chooses as it runs.

`ok` answers 200, `busy` 503, `silent` accepts and says nothing, `refuse` is not there.  The control
socket takes one JSON object a line and answers with CLOCK_MONOTONIC seconds of the moment before
the change, so that a failover can be measured from the death of a backend.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from maglev.privileges import die_with_parent
from tests.support import eventually

ROOT = Path(__file__).parents[2]
BACKLOG = 64
ANSWERS = {
    "ok": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n",
    "busy": b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
}
MOODS = (*ANSWERS, "silent", "refuse")


class Backends:
    """The process, for a test: `port` is the same at all addresses."""

    def __init__(self, where: Path, addresses: Sequence[str], *, netns: str = "") -> None:
        self.addresses = list(addresses)
        control = where / "backends.sock"
        entering = ["ip", "netns", "exec", netns] if netns else []
        program = [sys.executable, "-m", "tests.system.backends", str(control)]
        self.process = subprocess.Popen(
            [*entering, *program],
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'actors'}"},
            stdin=subprocess.PIPE,
            preexec_fn=die_with_parent,
        )
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(60)
        eventually(lambda: self.process.poll() is not None or self._connected(control))
        self._lines = self._socket.makefile("rb")
        self.port = int(self._ask({"op": "open", "addresses": self.addresses})["port"])

    def _connected(self, control: Path) -> bool:
        return self._socket.connect_ex(str(control)) == 0

    def be(self, mood: str, *addresses: str) -> float:
        """Put some addresses (all, if none are named) into a mood; return when that began, in s."""
        wanted = {"op": "be", "mood": mood, "addresses": list(addresses or self.addresses)}
        return float(self._ask(wanted)["at_s"])

    def served(self) -> dict[str, int]:
        """Return how many requests came to each address so far."""
        return {name: int(count) for name, count in self._ask({"op": "served"})["served"].items()}

    def _ask(self, request: dict[str, object]) -> dict[str, object]:
        self._socket.sendall(json.dumps(request).encode() + b"\n")
        return json.loads(self._lines.readline())

    def close(self) -> None:
        self._lines.close()
        self._socket.close()
        self.process.kill()
        self.process.communicate()


# --- the process ---


class Server:
    """All listeners and connections, in one epoll."""

    def __init__(self, control: Path) -> None:
        self._epoll = select.epoll()
        self._moods: dict[str, str] = {}
        self._served: dict[str, int] = {}
        self._listeners: dict[int, tuple[socket.socket, str]] = {}
        self._connections: dict[int, tuple[socket.socket, str]] = {}
        self._port = 0
        self._control = socket.socket(socket.AF_UNIX)
        self._control.bind(str(control))
        self._control.listen(1)

    def run(self) -> None:
        """Serve whoever opened the control socket, until they are gone."""
        talk, _ = self._control.accept()
        lines = talk.makefile("rb", buffering=0)
        self._epoll.register(talk.fileno(), select.EPOLLIN)
        while True:
            for number, events in self._epoll.poll():
                if number in self._connections:
                    self._answer(number, events)
                elif number in self._listeners:
                    self._accept(number)
                elif number == talk.fileno():
                    line = lines.readline()
                    if not line:
                        return
                    talk.sendall(json.dumps(self._do(json.loads(line))).encode() + b"\n")

    def _do(self, request: dict[str, object]) -> dict[str, object]:
        at_s = time.monotonic()
        match request:
            case {"op": "open", "addresses": list(addresses)}:
                self._be("ok", addresses)
                return {"port": self._port}
            case {"op": "be", "mood": str(mood), "addresses": list(addresses)} if mood in MOODS:
                self._be(mood, addresses)
                return {"at_s": at_s}
            case {"op": "served"}:
                return {"served": self._served}
        raise ValueError(request)

    def _be(self, mood: str, addresses: Iterable[str]) -> None:
        for address in addresses:
            before = self._moods.get(address, "refuse")
            self._moods[address] = mood
            if before == "refuse" and mood != "refuse":
                self._listen(address)
        if mood == "refuse":
            gone = set(addresses)
            for sockets in (self._listeners, self._connections):
                for number, (one, address) in list(sockets.items()):
                    if address in gone:
                        del sockets[number]
                        one.close()

    def _listen(self, address: str) -> None:
        listener = socket.create_server((address, self._port), backlog=BACKLOG)
        self._port = listener.getsockname()[1]
        listener.setblocking(False)
        self._listeners[listener.fileno()] = listener, address
        self._epoll.register(listener.fileno(), select.EPOLLIN)

    def _accept(self, number: int) -> None:
        listener, address = self._listeners[number]
        try:
            connection, _ = listener.accept()
        except OSError:
            return  # whoever called has hung up
        connection.setblocking(False)
        self._connections[connection.fileno()] = connection, address
        self._epoll.register(connection.fileno(), select.EPOLLIN)

    def _answer(self, number: int, events: int) -> None:
        connection, address = self._connections[number]
        try:
            asked = connection.recv(65536)
            if asked:
                self._served[address] = self._served.get(address, 0) + 1
                answer = ANSWERS.get(self._moods[address])
                if answer is None:
                    return
                connection.send(answer)
        except OSError:
            pass  # reset, or closed already
        del self._connections[number]
        connection.close()


def main() -> None:
    """Serve until the control connection ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("control", type=Path)
    Server(parser.parse_args().control).run()


if __name__ == "__main__":
    main()
