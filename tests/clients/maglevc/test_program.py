# SPDX-License-Identifier: Apache-2.0
"""maglevc as a program: its flags, what it prints where, and its exit status."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
import trustme

from tests.clients.maglevc.fake import FakeDaemon, Refusal
from tests.clients.maglevc.terminal import PROGRAM, Terminal


def maglevc(*arguments: str, typed: str = "", **variables: str) -> tuple[int, str, str]:
    """Return exit status, standard output and standard error."""
    inherited = {name: value for name, value in os.environ.items() if "MAGLEV" not in name}
    done = subprocess.run(
        [*PROGRAM, *arguments],
        input=typed,
        capture_output=True,
        text=True,
        timeout=30,
        env={**inherited, **variables},
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def server(daemon: FakeDaemon) -> str:
    return f"127.0.0.1:{daemon.port}"


def test_one_command_is_done_and_that_is_all(server: str) -> None:
    status, told, wrong = maglevc("-server", server, "sh", "he", "ping")
    assert (status, wrong) == (0, "")
    assert told.startswith("name            ping\ntype            icmp\n")


def test_a_refusal_is_the_daemons_message_alone(server: str, daemon: FakeDaemon) -> None:
    text = "backend 'web1' is disabled: enable it first"
    daemon.answers["PauseBackend"] = Refusal(grpc.StatusCode.FAILED_PRECONDITION, text)
    command = ("--server", server, "set", "backend", "web1", "pause")
    assert maglevc(*command) == (1, "", f"{text}\n")
    assert maglevc("-color", *command) == (1, "", f"\x1b[31m{text}\x1b[0m\n")
    assert maglevc("-o", "json", *command) == (1, "", f"{text}\n")


def test_a_daemon_that_is_not_there_is_told_in_words(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        status, told, wrong = maglevc("--server", where, "show", "version")
    assert (status, told) == (1, "")
    assert wrong == f"{where}: connection refused; is maglevd there (--server, MAGLEV_SERVER)?\n"
    path = tmp_path / "grpc.sock"
    status, _, wrong = maglevc("show", "version", MAGLEV_SERVER=f"unix:{path}")
    assert status == 1
    assert wrong.startswith(f"unix:{path}: no such file or directory; is maglevd there")


def test_one_who_listens_and_says_nothing_is_given_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        where = f"127.0.0.1:{mute.getsockname()[1]}"
        status, told, wrong = maglevc("--server", where, "show", "version")
    assert (status, told) == (1, "")
    assert where in wrong
    assert wrong.count("\n") == 1


def test_a_unix_socket_will_do(daemon: FakeDaemon, tmp_path: Path) -> None:
    other = FakeDaemon()
    other.start(f"unix:{tmp_path}/g.sock")
    status, told, _ = maglevc("--server", f"unix:{tmp_path}/g.sock", "show", "vpp", "info")
    other.stop()
    assert status == 0
    assert told.startswith("version          26.10")


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        (["show"], "after 'show': wanted version, "),
        (["frobnicate"], "wanted show, sync, set, watch"),
        (["set", "backend", "web1", "x"], "after 'set backend web1': wanted pause, resume, "),
        (["--nope"], "maglevc: unknown flag --nope"),
        (["-o", "xml", "show", "version"], "maglevc: -o: wanted text or json, got 'xml'"),
        (["--server", "a:b", "show", "version"], "maglevc: --server: wanted a port"),
        (["--tls-cert", "x", "show", "version"], "maglevc: --tls-cert and --tls-key: wanted both"),
        (["--tls-ca", "/nope", "show", "version"], "maglevc: /nope: No such file"),
        (["show", "backends", "a\udcffb"], "not UTF-8: 'a"),
    ],
)
def test_what_cannot_be_understood_ends_with_2_and_says_why(
    arguments: list[str], wrong: str
) -> None:
    status, told, said = maglevc(*arguments)
    assert (status, told) == (2, "")
    assert said.startswith(wrong)
    assert said.count("\n") == 1


def test_version_and_help_need_no_daemon() -> None:
    status, told, _ = maglevc("-version")
    assert status == 0
    assert re.fullmatch(r"maglevc \S+ \(commit \S+, built \S+\)\n", told)
    status, told, _ = maglevc("--help")
    assert status == 0
    assert "--tls-ca" in told
    assert "set backend <backend> pause" in told


def test_the_environment_is_the_default_of_the_flags(server: str) -> None:
    status, told, _ = maglevc("show", "version", MAGLEV_SERVER=server, MAGLEV_OUTPUT="json")
    assert status == 0
    assert json.loads(told)["commit"] == "abc1234"


def test_there_are_no_colours_and_no_folds_unless_asked_for(server: str) -> None:
    _, told, _ = maglevc("--server", server, "show", "audit", COLUMNS="40")
    assert "\x1b" not in told
    assert len(told.splitlines()) == 3
    _, told, _ = maglevc("--server", server, "--color=true", "show", "audit")
    assert told.startswith("\x1b[34mtime\x1b[0m")


def test_commands_are_read_from_a_pipe_until_one_fails(server: str) -> None:
    lines = "# a comment\n\nshow healthchecks ping\nshow backends nope\nshow version\n"
    status, told, wrong = maglevc("--server", server, typed=lines)
    assert (status, wrong) == (1, "no backend is called 'nope'\n")
    assert told.startswith("name            ping\n")
    assert "maglevd" not in told
    status, told, wrong = maglevc("--server", server, typed="quit\nshow version\n")
    assert (status, told, wrong) == (0, "", "")


def test_a_reader_that_goes_away_is_no_error(server: str) -> None:
    command = " ".join([sys.executable, "-c", "'from maglev.clients.maglevc import main; main()'"])
    line = f"({command} --server {server} show backends; echo $? >&2) | true"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=30)
    assert done.stderr == "0\n"


def test_what_takes_time_to_load_is_loaded_only_when_needed() -> None:
    script = """
import sys
from maglev.clients.maglevc import run
run({arguments}, {{}})
print(*(name for name in ("grpc", "cmd2", "prompt_toolkit") if name in sys.modules))
"""

    def loaded(*arguments: str) -> str:
        command = [sys.executable, "-c", script.format(arguments=list(arguments))]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
        return done.stdout.splitlines()[-1]

    assert loaded("--help") == ""
    assert loaded("--version") == ""
    assert loaded("show", "nonsense") == ""
    assert loaded("--server", "unix:/nope", "show", "version") == "grpc"


def test_one_command_takes_little_more_than_loading_grpc(server: str) -> None:
    def cpu_s(*command: str) -> float:
        """Return the least of five, as a busy machine only adds to it."""
        times = []
        for _ in range(5):
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = status
            assert status == 0
            times.append(used.ru_utime + used.ru_stime)
        return min(times)

    grpc_s = cpu_s(sys.executable, "-c", "import grpc")
    # 250 ms where loading gRPC takes 80 ms.
    assert cpu_s(*PROGRAM, "--server", server, "show", "version") < 250 / 80 * grpc_s


def test_on_a_terminal_one_command_is_done_without_colours_and_pager(
    server: str, tmp_path: Path
) -> None:
    one = Terminal(tmp_path, "--server", server, "show", "healthchecks", "web", rows=5)
    assert one.ends() == 0
    assert one.text().endswith("insecure-skip-verify  no")
    assert "\x1b[3" not in one.raw
    one.close()


@pytest.fixture
def ca() -> trustme.CA:
    return trustme.CA()


def secured(ca: trustme.CA, daemon: FakeDaemon) -> str:
    """Start a daemon that wants client certificates, and return where it is."""
    mine = ca.issue_cert("localhost")
    pem = (mine.private_key_pem.bytes(), b"".join(one.bytes() for one in mine.cert_chain_pems))
    root = ca.cert_pem.bytes()
    port = daemon.start("localhost:0", grpc.ssl_server_credentials([pem], root, True))
    return f"localhost:{port}"


def test_tls_shows_a_certificate_to_a_daemon_it_believes(ca: trustme.CA, tmp_path: Path) -> None:
    daemon = FakeDaemon()
    where = secured(ca, daemon)
    operator = ca.issue_cert("operator@example.com")
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    operator.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    operator.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    files = {
        f"MAGLEV_TLS_{one.upper()}": str(tmp_path / f"{one}.pem") for one in ("ca", "cert", "key")
    }
    status, told, wrong = maglevc("--server", where, "show", "vpp", "info", **files)
    assert (status, wrong) == (0, "")
    assert told.startswith("version")
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    status, told, wrong = maglevc("--server", where, "show", "vpp", "info", **files)
    daemon.stop()
    assert (status, told) == (1, "")
    assert where in wrong
    assert "certificate" in wrong.lower()


def test_plain_text_to_a_daemon_with_tls_is_told(ca: trustme.CA) -> None:
    daemon = FakeDaemon()
    where = secured(ca, daemon)
    status, told, wrong = maglevc("--server", where, "show", "version")
    daemon.stop()
    assert (status, told) == (1, "")
    assert where in wrong
    assert "--tls-ca" in wrong
