# SPDX-License-Identifier: Apache-2.0
"""Talking to supervisord: what it tells, and that nobody waits for it longer than said."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from xmlrpc.client import dumps

import pytest

from maglev.supervisor_rpc import ProcessInfo, Supervisor, SupervisorError

RUNNING = {"name": "prober-1", "group": "prober", "statename": "RUNNING", "pid": 7, "start": 3}
Serve = Callable[..., "Server"]
PROBER = ProcessInfo("prober-1", "prober", "RUNNING", 7, 3 * 10**9)


class Server:
    """Answers each connection with the next of its bodies, and keeps the questions."""

    def __init__(self, run_dir: Path, *bodies: bytes | None) -> None:
        self.asked: list[bytes] = []
        self._bodies = bodies
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(run_dir / "supervisor.sock"))
        self._socket.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        for body in self._bodies:
            connection, _ = self._socket.accept()
            with connection:
                question = b""
                while b"</methodCall>" not in question:
                    question += connection.recv(65536)
                self.asked.append(question)
                if body is None:
                    connection.recv(1)  # says nothing until the other side gives up
                    continue
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
                connection.sendall(head.encode() + body)

    def close(self) -> None:
        self._thread.join()
        self._socket.close()


def answer(value: object) -> bytes:
    return dumps((value,), methodresponse=True).encode()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    servers: list[Server] = []

    def one(*bodies: bytes | None) -> Server:
        servers.append(Server(tmp_path, *bodies))
        return servers[-1]

    yield one
    for server in servers:
        server.close()


def test_processes_are_told_by_the_names_of_actors(serve: Serve, tmp_path: Path) -> None:
    serve(answer([RUNNING]))
    assert Supervisor(tmp_path, 5.0).processes() == (PROBER,)


def test_the_process_that_was_meant_is_killed(serve: Serve, tmp_path: Path) -> None:
    server = serve(answer(RUNNING), answer(True))
    assert Supervisor(tmp_path, 5.0).kill(PROBER)
    assert b"signalProcess" in server.asked[1]
    assert b"prober:prober-1" in server.asked[1]
    assert b"KILL" in server.asked[1]


def test_a_process_that_took_its_place_is_not_killed(serve: Serve, tmp_path: Path) -> None:
    server = serve(answer({**RUNNING, "pid": 8}))
    assert not Supervisor(tmp_path, 5.0).kill(PROBER)
    assert len(server.asked) == 1


def test_one_that_does_not_answer_is_given_up_in_time(serve: Serve, tmp_path: Path) -> None:
    serve(None)
    began_s = time.monotonic()
    with pytest.raises(SupervisorError, match="getState: timed out"):
        Supervisor(tmp_path, 0.2).state()
    assert time.monotonic() - began_s < 5


@pytest.mark.parametrize("body", [b"", b"garbage", b"<methodResponse>", b"<a/>"])
def test_one_that_answers_nonsense_is_in_trouble(serve: Serve, tmp_path: Path, body: bytes) -> None:
    serve(body)
    with pytest.raises(SupervisorError, match="getState"):
        Supervisor(tmp_path, 5.0).state()


def test_one_that_is_not_there_is_in_trouble(tmp_path: Path) -> None:
    with pytest.raises(SupervisorError, match="No such file"):
        Supervisor(tmp_path, 5.0).state()
