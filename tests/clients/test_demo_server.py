# SPDX-License-Identifier: Apache-2.0
"""The small web servers of the demo."""

import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from maglev.clients.demo.server import Mood, answer
from tests.support import eventually

ADDRESS = "127.0.0.31"


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind((ADDRESS, 0))
        return int(trial.getsockname()[1])


class Server:
    def __init__(self, port: int) -> None:
        self.port = port
        command = [sys.executable, "-m", "maglev.clients.demo.server", "web1", ADDRESS, str(port)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE)
        eventually(self.accepts)

    def accepts(self) -> bool:
        with socket.socket() as trial:
            return trial.connect_ex((ADDRESS, self.port)) == 0

    def tell(self, mood: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{mood}\n".encode())
        self.process.stdin.flush()

    def ask(self, request: bytes = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") -> bytes:
        with socket.create_connection((ADDRESS, self.port), timeout=0.3) as client:
            client.sendall(request)
            got = b""
            while chunk := client.recv(4096):
                got += chunk
            return got


@pytest.fixture
def server() -> Iterator[Server]:
    one = Server(free_port())
    yield one
    one.process.kill()
    one.process.wait()
    assert one.process.stdin is not None
    one.process.stdin.close()


@pytest.mark.parametrize(
    ("mood", "status", "body"),
    [("ok", "200 OK", "ok from web1\n"), ("error", "503 Service Unavailable", "error from web1\n")],
)
def test_an_answer_is_as_long_as_it_says(mood: Mood, status: str, body: str) -> None:
    head, _, rest = answer("web1", mood).decode().partition("\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status}\r\n")
    assert f"Content-Length: {len(body)}\r\n" in head
    assert rest == body


def test_a_server_that_hangs_answers_nothing() -> None:
    assert answer("web1", "hang") == b""


def test_a_server_changes_its_mood_when_it_is_told(server: Server) -> None:
    assert server.ask().startswith(b"HTTP/1.1 200 ")
    server.tell("error")
    eventually(lambda: server.ask().startswith(b"HTTP/1.1 503 "))
    server.tell("nonsense")
    server.tell("ok")
    eventually(lambda: server.ask().startswith(b"HTTP/1.1 200 "))


def test_a_server_that_hangs_takes_the_connection(server: Server) -> None:
    def hangs() -> bool:
        try:
            server.ask()
        except TimeoutError:
            return True
        return False

    server.tell("hang")
    eventually(hangs)
    assert server.accepts()


def test_nonsense_ends_the_connection_and_not_the_server(server: Server) -> None:
    assert server.ask(b"x" * 20_000) == b""
    assert server.ask().startswith(b"HTTP/1.1 200 ")


def test_a_server_ends_with_whoever_started_it(server: Server) -> None:
    assert server.process.stdin is not None
    server.process.stdin.close()
    assert server.process.wait(20) == 0


def test_an_address_that_cannot_be_had_is_named(server: Server) -> None:
    command = [sys.executable, "-m", "maglev.clients.demo.server", "web2", ADDRESS]
    done = subprocess.run(
        [*command, str(server.port)], capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("web2: ")
    assert "address already in use" in done.stderr
