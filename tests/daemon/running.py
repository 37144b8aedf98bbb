# SPDX-License-Identifier: Apache-2.0
"""A maglevd of a test's own: real processes, stand-ins for the actors, a look at all of them."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from maglev.privileges import die_with_parent
from maglev.process import Life, life_path, read_life
from maglev.supervisor_rpc import ProcessInfo, Supervisor, SupervisorError
from tests.support import eventually

ROOT = Path(__file__).parents[2]

GOOD = """
maglev:
  vpp:
    lb: {ipv4-src-address: 10.0.0.1, ipv6-src-address: "2001:db8::1"}
  backends:
    web1: {address: 10.0.0.2}
  frontends:
    www: {address: 10.1.0.1, pools: [{name: primary, backends: {web1: {}}}]}
"""

PROGRAM = """
[program:{name}]
command="%(ENV_MAGLEV_PYTHON)s" -m maglev.launch {command}
{more}
autorestart=true
startsecs=0
startretries=1000000000
stopwaitsecs=2
killasgroup=true
redirect_stderr=true
stdout_logfile=/dev/fd/1
stdout_logfile_maxbytes=0
"""


class Running:
    """Everything that runs on one run directory.

    `habits` gives each stand-in's; the watchdog is the real one, unless it has habits.
    """

    def __init__(self, scale: float, habits: Mapping[str, str] | None = None) -> None:
        self.dir = Path(tempfile.mkdtemp(prefix="maglevd-"))  # short, for the sockets
        self.run_dir = self.dir / "run"
        self.config = self.dir / "maglev.yaml"
        self.config.write_text(GOOD, encoding="utf-8")
        self.programs = self.dir / "supervisor.d"
        self.programs.mkdir()
        self.started: list[subprocess.Popen[bytes]] = []
        self.lines: list[dict[str, Any]] = []
        self.garbage: list[bytes] = []
        self.variables = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "MAGLEV_CONFIG": str(self.config),
            "MAGLEV_RUN_DIR": str(self.run_dir),
            "MAGLEV_STATE_DIR": str(self.dir / "state"),
            "MAGLEV_PROBERS": "2",
            "MAGLEV_VPP_API_ADDR": str(self.dir / "vpp-api.sock"),
            "MAGLEV_GRPC_ADDR": "127.0.0.1:0",
            "MAGLEV_METRICS_ADDR": "",
            "MAGLEV_TIME_SCALE": str(scale),
            "MAGLEV_SUPERVISOR_D": str(self.programs),
        }
        self._write_programs(habits or {})

    def _write_programs(self, habits: Mapping[str, str]) -> None:
        for name in ("aggregator", "programmer", "prober", "gateway", "watchdog"):
            module, more = "tests.daemon.standin", ""
            if name == "watchdog" and name not in habits:
                module = "maglev.watchdog"
            command = f"%(program_name)s {module} {habits.get(name, '')}"
            if name == "prober":
                command = command.replace("_name)s", "_name)s-%(process_num)d", 1)
                more = "process_name=%(program_name)s-%(process_num)d\n"
                more += "numprocs=%(ENV_MAGLEV_PROBERS)s"
            text = PROGRAM.format(name=name, command=command, more=more)
            (self.programs / f"{name}.conf").write_text(text, encoding="utf-8")

    # --- starting and ending ---

    def start(self, *arguments: str, reads: bool = True) -> subprocess.Popen[bytes]:
        """Start a maglevd; its log is read into `lines` if somebody `reads` it."""
        return self.start_command([sys.executable, "-m", "maglev.daemon", *arguments], reads)

    def start_command(self, command: list[str], reads: bool = True) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            command,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=die_with_parent,  # whatever becomes of the tests
        )
        self.started.append(process)
        if reads:
            self.start_reading(process)
        return process

    def start_reading(self, process: subprocess.Popen[bytes]) -> None:
        """Have the log of a process read from now on."""
        threading.Thread(target=self.read, args=(process,), daemon=True).start()

    def read(self, process: subprocess.Popen[bytes]) -> None:
        """Read the log of a process to its end."""
        assert process.stdout is not None
        for line in process.stdout:
            try:
                self.lines.append(json.loads(line))
            except ValueError:
                self.garbage.append(line)

    def close(self) -> None:
        """End whatever is left, and assert that it was nothing when maglevd had ended."""
        ended = all(process.poll() is not None for process in self.started)
        left = self.pids() if ended else []
        for process in self.started:
            process.kill()
        for pid in self.pids():
            os.kill(pid, signal.SIGKILL)
        for process in self.started:
            process.wait()
            for stream in (process.stdout, process.stderr):
                assert stream is not None
                stream.close()
        shutil.rmtree(self.dir)
        assert left == []

    # --- looking ---

    def pids(self) -> list[int]:
        """Return all processes that were given this run directory, whoever is their parent."""
        mark = f"MAGLEV_RUN_DIR={self.run_dir}".encode()
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            try:
                if mark in path.read_bytes().split(b"\0"):
                    found.append(int(path.parent.name))
            except OSError:
                continue
        return sorted(found)

    def supervisord_pid(self) -> int:
        return int((self.run_dir / "supervisord.pid").read_text())

    def processes(self) -> dict[str, ProcessInfo]:
        """Return what supervisord tells, by actor; nothing if it does not answer."""
        try:
            infos = Supervisor(self.run_dir, 5.0).processes()
        except SupervisorError:
            return {}
        return {info.name: info for info in infos}

    def actor_pids(self) -> dict[str, int]:
        return {name: info.pid for name, info in self.processes().items()}

    def life(self, actor: str) -> Life | None:
        return read_life(life_path(self.run_dir, actor))

    def is_up(self) -> bool:
        """Say if every actor runs and works."""
        processes = self.processes()
        lives = {name: self.life(name) for name in processes}
        return len(processes) == 6 and all(
            info.state == "RUNNING" and (life := lives[name]) is not None and life.pid == info.pid
            for name, info in processes.items()
        )

    def wait_up(self) -> dict[str, int]:
        """Wait until every actor runs, and return their pids."""
        eventually(self.is_up, 60, f"all actors up: {self.processes()} {self.lines[-20:]}")
        return self.actor_pids()

    def logged(self, msg: str) -> list[dict[str, Any]]:
        """Return the lines of one kind so far."""
        return [line for line in list(self.lines) if line.get("msg") == msg]
