# SPDX-License-Identifier: Apache-2.0
"""TCP connects against real sockets: made, refused, lost on the way, or the checker's own fault."""

import resource
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from maglev.probes.result import Result
from maglev.probes.tcp import L4OK
from tests.probes.rounds import check, outcome, outcomes, timed_outcome
from tests.probes.servers import reset, serving, silent

ROOT = Path(__file__).parents[2]


def closed_port(family: int = socket.AF_INET) -> int:
    """Return a port nobody listens on."""
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@contextmanager
def full_backlog() -> Iterator[int]:
    """Listen without accepting until no further connection is taken; yield the port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        held = [socket.socket() for _ in range(4)]
        for sock in held:
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", port))
        try:
            yield port
        finally:
            for sock in held:
                sock.close()


def in_subprocess(program: str) -> str:
    """Run a program of a few lines in its own interpreter and return what it prints."""
    lines = (
        "import resource\n"
        "from tests.probes.rounds import check, outcome\n"
        "from tests.probes.servers import serving, silent\n" + program
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", lines],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_listening_port_passes() -> None:
    with serving(silent) as server:
        assert outcome(check("tcp", server.port)) is L4OK


def test_a_listening_port_passes_over_ipv6() -> None:
    with serving(silent, socket.AF_INET6) as server:
        assert outcome(check("tcp", server.port), "::1") is L4OK


def test_a_closed_port_is_refused() -> None:
    refused = Result(False, "L4CON", "connection refused")
    assert outcome(check("tcp", closed_port())) == refused
    assert outcome(check("tcp", closed_port(socket.AF_INET6)), "::1") == refused


def test_a_full_backlog_times_out_when_the_time_is_up_and_not_before() -> None:
    with full_backlog() as port:
        result, duration_s = timed_outcome(check("tcp", port, timeout_s=0.2))
    assert result == Result(False, "L4TOUT", "connect timed out after 200 ms")
    assert duration_s >= 0.2


def test_a_server_that_resets_at_once_has_still_taken_the_connection() -> None:
    with serving(reset) as server:
        assert outcome(check("tcp", server.port)).code in ("L4OK", "L4CON")


def test_a_probe_leaves_no_descriptor_behind() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with serving(silent) as server:
        outcomes(check("tcp", server.port), ["127.0.0.1"] * 50)
    outcomes(check("tcp", closed_port()), ["127.0.0.1"] * 50)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_probe_leaves_no_time_wait_behind() -> None:
    with serving(silent) as server:
        outcome(check("tcp", server.port))
        port = f":{server.port:04X} "
    rows = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()
    waiting = [row for row in rows if port in row and row.split()[3] == "06"]
    assert waiting == []


def test_the_source_address_is_the_one_of_the_check() -> None:
    seen: list[str] = []

    def note(connection: socket.socket) -> None:
        seen.append(connection.getpeername()[0])

    with serving(note) as server:
        probed = check("http", server.port, probe_ipv4_src="127.0.0.77", probe_ipv6_src="::1")
        outcome(probed)
    assert seen == ["127.0.0.77"]


def test_the_source_address_of_the_other_family_does_not_matter() -> None:
    with serving(silent, socket.AF_INET6) as server:
        probed = check("tcp", server.port, probe_ipv4_src="192.0.2.1")
        assert outcome(probed, "::1") is L4OK


def test_one_source_address_serves_many_destinations_from_one_port() -> None:
    """IP_BIND_ADDRESS_NO_PORT: the port is chosen when the destination is known."""
    with socket.socket() as sock:
        sock.setsockopt(socket.IPPROTO_IP, 24, 1)
        sock.bind(("127.0.0.77", 0))
        assert sock.getsockname() == ("127.0.0.77", 0)


def test_a_source_address_that_is_not_ours_is_a_fault_of_the_checker() -> None:
    result = outcome(check("tcp", 80, probe_ipv4_src="192.0.2.1"))
    assert result == Result(None, "", "bind to 192.0.2.1: cannot assign requested address")


def test_no_descriptor_left_is_a_fault_of_the_checker() -> None:
    program = """
with serving(silent) as server:
    held = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
    try:
        while True:
            held.append(open("/dev/null"))
    except OSError:
        held.pop().close()  # for the epoll descriptor
    print(outcome(check("tcp", server.port)))
    for file in held:
        file.close()
    print(outcome(check("tcp", server.port)).code)
"""
    text = "Result(passed=None, code='', detail='open a socket: too many open files')"
    assert in_subprocess(program) == f"{text}\nL4OK"


def test_the_cap_follows_the_limit_of_open_files() -> None:
    program = """
from maglev.probes.reactor import in_flight_cap
resource.setrlimit(resource.RLIMIT_NOFILE, (1000, 1000))
print(in_flight_cap())
resource.setrlimit(resource.RLIMIT_NOFILE, (10, 10))
print(in_flight_cap())
"""
    assert in_subprocess(program) == "872\n1"
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 0


def test_the_option_that_resets_on_close_is_what_the_kernel_expects() -> None:
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8) == struct.pack("ii", 1, 0)
