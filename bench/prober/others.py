# SPDX-License-Identifier: Apache-2.0
"""The processes of the comparison: nginx that is probed, HAProxy and a prober that probe it."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from maglev.bus.node import Node
from maglev.core.timers import Timers
from maglev.messages import Assignment, AssignmentEnded, Check, ProberPace, ProberPresent, Verdict
from maglev.privileges import die_with_parent

ROOT = Path(__file__).parents[2]
ADDRESSES = [f"127.0.0.{number}" for number in range(1, 101)]
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def cpu_s(pid: int) -> float:
    """Return user and system seconds of a process, all its threads (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def memory_kb(pid: int) -> int:
    """Return the proportional set size of a process in KiB."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def pinned(core: int, realtime: bool) -> list[str]:
    """Return the beginning of a command that runs on one core, maybe before everybody else."""
    return [*(("chrt", "-r", "10") if realtime else ()), "taskset", "-c", str(core)]


def program(name: str, package: str) -> str:
    found = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")
    if found is None:
        sys.exit(f"{name} is missing: install the package {package}")
    return found


class Nginx:
    """One worker on a core, answering 200; counts its requests."""

    def __init__(
        self, where: Path, core: int, realtime: bool, addresses: Sequence[str] = ADDRESSES
    ) -> None:
        self.port, self._status = free_port(), free_port()
        where = where / "nginx"  # which it gives away to the user it may run as
        where.mkdir()
        listen = "".join(f"listen {address}:{self.port} backlog=8192;" for address in addresses)
        conf = where / "nginx.conf"
        conf.write_text(
            f"""
            daemon off; master_process off; pid {where}/nginx.pid; error_log {where}/nginx.log;
            events {{ worker_connections 10000; }}
            http {{
                access_log off;
                client_body_temp_path {where}; proxy_temp_path {where};
                fastcgi_temp_path {where}; uwsgi_temp_path {where}; scgi_temp_path {where};
                server {{ {listen} location / {{ return 200 "ok\\n"; }} }}
                server {{ listen 127.0.0.1:{self._status}; location / {{ stub_status; }} }}
            }}"""
        )
        command = [*pinned(core, realtime), program("nginx", "nginx-light")]
        command += ["-c", str(conf), "-e", f"{where}/nginx.log"]
        self.process = subprocess.Popen(command, preexec_fn=die_with_parent)

    def requests(self) -> int:
        """Return how many requests were answered since the start."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._status}/", timeout=10) as answer:
            return int(answer.read().split()[9])

    def wait(self) -> None:
        give_up_s = time.monotonic() + 10
        while True:
            try:
                self.requests()
                return
            except OSError:
                assert time.monotonic() < give_up_s, "nginx does not start"
                time.sleep(0.05)


class Haproxy:
    """Checks `backends` servers once a second, on a core."""

    def __init__(self, where: Path, core: int, realtime: bool, port: int, backends: int) -> None:
        servers = "\n".join(
            f"  server s{index} {ADDRESSES[index % len(ADDRESSES)]}:{port} check"
            for index in range(backends)
        )
        conf = where / "haproxy.cfg"
        conf.write_text(
            f"""global
  nbthread 1
  ulimit-n 19000
  maxconn 2000
defaults
  mode http
  timeout connect 1s
  timeout server 1s
  timeout client 1s
frontend nobody
  bind 127.0.0.1:{free_port()}
backend probed
  option httpchk
  http-check send meth GET uri / ver HTTP/1.1 hdr Host 127.0.0.1 hdr Connection close
  http-check expect status 200
  default-server inter 1s fastinter 1s downinter 1s rise 2 fall 3
{servers}
"""
        )
        command = [
            "taskset",
            "-c",
            str(core),
            program("haproxy", "haproxy"),
            "-db",
            "-f",
            str(conf),
        ]
        self.log = (where / "haproxy.log").open("wb")
        self.process = subprocess.Popen(
            command, stdout=self.log, stderr=subprocess.STDOUT, preexec_fn=die_with_parent
        )

    def live(self, seconds: float) -> None:
        time.sleep(seconds)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self.log.close()


class Prober:
    """The prober's process on a core, and an aggregator in here that assigns it `backends`."""

    def __init__(self, where: Path, core: int, realtime: bool, port: int, backends: int) -> None:
        run_dir = where / "run"
        run_dir.mkdir(exist_ok=True)
        timers = Timers()
        self.node = Node(
            run_dir,
            "aggregator",
            says=(Assignment, AssignmentEnded),
            follows={"prober-0": (ProberPresent, ProberPace, Verdict)},
            timers=timers,
        )
        self.paces: list[ProberPace] = []
        self.up: set[str] = set()
        self._beat_s = 0.0
        one = Check(
            name="c",
            type="http",
            port=port,
            interval_s=1.0,
            fast_interval_s=1.0,
            down_interval_s=1.0,
        )
        for index in range(backends):
            self.node.publish(
                Assignment(
                    backend=f"backend-{index}",
                    prober="prober-0",
                    generation=index + 1,
                    address=ADDRESSES[index % len(ADDRESSES)],
                    check=one,
                    state="unknown",
                    counter=1,
                    changes=0,
                )
            )
        self.log = (where / "prober.log").open("wb")
        self.process = subprocess.Popen(
            [*pinned(core, realtime), sys.executable, "-m", "maglev.prober", "--index", "0"],
            env=os.environ | {"PYTHONPATH": str(ROOT / "actors"), "MAGLEV_RUN_DIR": str(run_dir)},
            stdout=self.log,
            stdin=subprocess.DEVNULL,
        )

    def live(self, seconds: float) -> None:
        """Be an aggregator for so long."""
        until_s = time.monotonic() + seconds
        while (now_s := time.monotonic()) < until_s:
            for event in self.node.receive(now_s):
                heard = getattr(event, "message", None)
                for message in getattr(event, "messages", (heard,)):
                    if isinstance(message, ProberPace):
                        self.paces.append(message)
                    elif isinstance(message, Verdict) and message.state == "up":
                        self.up.add(message.backend)
            if now_s >= self._beat_s:
                self.node.beat(0.0)
                self._beat_s = now_s + 1.0
            self.node.flush()
            due_s = self.node.tick(now_s)
            time.sleep(min(0.02, max(0.0, due_s - time.monotonic())))

    def stop(self) -> None:
        self.process.terminate()
        status = self.process.wait(20)
        self.node.close()
        self.log.close()
        assert status == 0, f"the prober ended with {status}"
