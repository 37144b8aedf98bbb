# SPDX-License-Identifier: Apache-2.0
"""The aggregator as a process on a real bus, with a real state directory and configuration file."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from maglev.bus.client import ask
from maglev.messages import (
    Answer,
    ConfigAnswer,
    Done,
    OperateBackend,
    Refused,
    ReloadConfig,
    SetWeight,
)
from tests.support import eventually

CONFIG = """
maglev:
  vpp:
    lb: {ipv4-src-address: 192.0.2.1, ipv6-src-address: "2001:db8::1", startup-min-delay: 0s}
  healthchecks:
    web: {type: http, port: 80}
  backends:
    web1: {address: 10.0.0.1, healthcheck: web}
    web2: {address: 10.0.0.2}
  frontends:
    www:
      address: 192.0.2.80
      protocol: tcp
      port: 80
      pools:
        - name: primary
          backends: {web1: {}, web2: {weight: 50}}
"""


class Process:
    """One aggregator, its log lines, and its end."""

    def __init__(self, directory: Path, daemon: str = "first") -> None:
        self.directory = directory
        self.log = directory / "log"
        with self.log.open("ab") as log:
            self.process = self._start(daemon, log.fileno())

    def _start(self, daemon: str, log: int) -> "subprocess.Popen[bytes]":
        directory = self.directory
        return subprocess.Popen(
            [sys.executable, "-m", "maglev.aggregator"],
            stdout=log,
            stderr=subprocess.STDOUT,
            env=os.environ
            | {
                "MAGLEV_CONFIG": str(directory / "maglev.yaml"),
                "MAGLEV_RUN_DIR": str(directory),
                "MAGLEV_STATE_DIR": str(directory),
                "MAGLEV_VPP_API_ADDR": "",
                "MAGLEV_TIME_SCALE": "0.1",
                "MAGLEV_DAEMON": daemon,
            },
        )

    def asks(self, request: OperateBackend | SetWeight | ReloadConfig) -> Answer:
        return ask(self.directory, "aggregator", request, 60.0)

    def lines(self, msg: str) -> list[dict[str, object]]:
        lines = self.log.read_bytes().splitlines()
        return [line for line in map(json.loads, lines) if line["msg"] == msg]

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)


@contextmanager
def running(directory: Path, daemon: str = "first") -> Iterator[Process]:
    process = Process(directory, daemon)
    try:
        yield process
    finally:
        process.process.kill()
        process.process.wait()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "maglev.yaml").write_text(CONFIG)
    return tmp_path


def pause(name: str) -> OperateBackend:
    return OperateBackend(backend=name, operation="pause", who="ana", origin="unix")


def reload() -> ReloadConfig:
    return ReloadConfig(who="ana", origin="unix")


def transitions(process: Process, name: str) -> list[tuple[object, object]]:
    lines = process.lines("backend-transition")
    return [(line["from"], line["to"]) for line in lines if line["backend"] == name]


def test_an_answered_wish_survives_kill_minus_nine(directory: Path) -> None:
    with running(directory) as process:
        assert isinstance(process.asks(pause("web1")), Done)
        process.end(signal.SIGKILL)
    with running(directory) as process:
        again = process.asks(pause("web1"))
        assert isinstance(again, Done)
        assert not again.changed
        audit = (directory / "audit.jsonl").read_text().splitlines()
        assert json.loads(audit[0])["who"] == "ana"


def test_a_reload_takes_the_file_and_a_bad_one_is_refused_with_its_place(directory: Path) -> None:
    with running(directory) as process:
        good = process.asks(reload())
        assert isinstance(good, ConfigAnswer)
        assert (good.parse_error, good.semantic_error, good.reload_error) == ("", "", "")
        (directory / "maglev.yaml").write_text(CONFIG.replace("weight: 50", "weight: 500"))
        answer = process.asks(reload())
        assert isinstance(answer, ConfigAnswer)
        assert "maglev.yaml" in answer.semantic_error + answer.parse_error
        assert isinstance(process.asks(pause("web1")), Done), "what ran goes on"


def test_a_restarted_aggregator_takes_the_accepted_text_and_a_new_daemon_the_file(
    directory: Path,
) -> None:
    with running(directory) as process:
        eventually(lambda: transitions(process, "web2"))
        process.end()
    (directory / "maglev.yaml").write_text(CONFIG.replace("web1", "web7"))
    with running(directory) as process:
        assert isinstance(process.asks(pause("web1")), Done)
        process.end()
    with running(directory, daemon="second") as process:
        answer = process.asks(pause("web1"))
        assert isinstance(answer, Refused)
        assert answer.code == "not_found"


def test_a_new_daemon_with_a_bad_file_goes_on_with_the_last_good_one(directory: Path) -> None:
    with running(directory) as process:
        eventually(lambda: transitions(process, "web2"))
        process.end()
    (directory / "maglev.yaml").write_text("maglev: [")
    with running(directory, daemon="second") as process:
        assert isinstance(process.asks(pause("web1")), Done)
        assert process.lines("alarm")


def test_without_any_good_configuration_it_says_why_and_ends_with_a_failure(
    directory: Path,
) -> None:
    (directory / "maglev.yaml").write_text("maglev: {backend: {}}")
    with running(directory) as process:
        assert process.process.wait(30) == 1
        (line,) = process.lines("config-refused")
        assert "did you mean 'backends'?" in str(line["error"])


def test_sigterm_ends_it_cleanly(directory: Path) -> None:
    with running(directory) as process:
        eventually(lambda: process.lines("verdicts-inherited"))
        assert process.end() == 0


def test_a_state_directory_that_cannot_be_written_refuses_wishes_in_words(
    directory: Path,
) -> None:
    with running(directory) as process:
        eventually(lambda: process.lines("verdicts-inherited"))
        (directory / "wishes.new").mkdir()
        answer = process.asks(pause("web1"))
        assert isinstance(answer, Refused)
        assert answer.code == "unavailable"
        assert "nothing was changed" in answer.text
