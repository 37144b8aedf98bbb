# SPDX-License-Identifier: Apache-2.0
"""The settings of a whole daemon, as every process of it finds them in its environment.

maglevd checks them once and hands them on; under somebody else's supervisord they stand in its
configuration.  The state is one frozen Environment per process; look at `read` for the rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from maglev.core.timers import Timers
from maglev.messages import LogLevel

PROBERS_MAX = 64

# sun_path holds 107 bytes and a zero; the longest name in the run directory is supervisord's
# temporary `supervisor.sock.<pid>`, and a pid has up to 7 digits.
SOCKET_BYTES_MAX = 107
RUN_DIR_BYTES_MAX = SOCKET_BYTES_MAX - len("/supervisor.sock.4194304")


class BadEnvironment(ValueError):
    """A setting cannot be used; the text names it, what was wanted and what came."""


@dataclass(frozen=True, slots=True)
class Environment:
    """What the processes of one daemon agree on; paths are absolute."""

    config: Path = Path("/etc/vpp-maglev/maglev.yaml")
    run_dir: Path = Path("/run/vpp-maglev")
    state_dir: Path = Path("/var/lib/vpp-maglev")
    probers: int = 2  # 1..PROBERS_MAX
    vpp_api_addr: str = "/run/vpp/api.sock"  # empty: no VPP at all
    grpc_addr: str = ":9090"  # as Go writes it: no host, all addresses
    grpc_socket: Path = Path("/run/vpp-maglev/grpc.sock")
    grpc_tls_cert: str = ""  # empty: plain text
    grpc_tls_key: str = ""
    grpc_client_ca: str = ""  # empty: nobody is known by a certificate
    grpc_operators: str = ""  # names with commas between, or the absolute path of a list
    grpc_open: bool = False
    reflection: bool = True
    metrics_addr: str = ":9091"  # empty: off
    log_level: LogLevel = "info"
    time_scale: float = 1.0  # > 0; 0.1 makes every timer ten times as fast

    @property
    def timers(self) -> Timers:
        """Return all timers at this daemon's scale."""
        return Timers.scaled(self.time_scale)

    @property
    def prober_names(self) -> tuple[str, ...]:
        """Return the names of the prober pool on the bus, in order."""
        return tuple(f"prober-{index}" for index in range(self.probers))

    @property
    def actor_names(self) -> tuple[str, ...]:
        """Return the names of all actors of the daemon on the bus."""
        return ("aggregator", "programmer", "gateway", "watchdog", *self.prober_names)

    def variables(self) -> dict[str, str]:
        """Return the environment variables from which `read` makes an equal Environment."""
        return {
            "MAGLEV_CONFIG": str(self.config),
            "MAGLEV_RUN_DIR": str(self.run_dir),
            "MAGLEV_STATE_DIR": str(self.state_dir),
            "MAGLEV_PROBERS": str(self.probers),
            "MAGLEV_VPP_API_ADDR": self.vpp_api_addr,
            "MAGLEV_GRPC_ADDR": self.grpc_addr,
            "MAGLEV_GRPC_SOCKET": str(self.grpc_socket),
            "MAGLEV_GRPC_TLS_CERT": self.grpc_tls_cert,
            "MAGLEV_GRPC_TLS_KEY": self.grpc_tls_key,
            "MAGLEV_GRPC_CLIENT_CA": self.grpc_client_ca,
            "MAGLEV_GRPC_OPERATORS": self.grpc_operators,
            "MAGLEV_GRPC_OPEN": str(self.grpc_open).lower(),
            "MAGLEV_REFLECTION": str(self.reflection).lower(),
            "MAGLEV_METRICS_ADDR": self.metrics_addr,
            "MAGLEV_LOG_LEVEL": self.log_level,
            "MAGLEV_TIME_SCALE": repr(self.time_scale),
        }


def read(variables: Mapping[str, str]) -> Environment:
    """Return the settings in `variables` (os.environ), defaults filled in.

    A variable that is empty counts as not set, but for MAGLEV_VPP_API_ADDR and MAGLEV_METRICS_ADDR:
    there empty means off.  Raises BadEnvironment.
    """
    plain = Environment()
    run_dir = _run_dir(_path(variables, "MAGLEV_RUN_DIR", plain.run_dir))
    settings = Environment(
        config=_path(variables, "MAGLEV_CONFIG", plain.config),
        run_dir=run_dir,
        state_dir=_path(variables, "MAGLEV_STATE_DIR", plain.state_dir),
        probers=_probers(variables.get("MAGLEV_PROBERS") or str(plain.probers)),
        vpp_api_addr=variables.get("MAGLEV_VPP_API_ADDR", plain.vpp_api_addr),
        grpc_addr=_address("grpc-addr", variables.get("MAGLEV_GRPC_ADDR") or plain.grpc_addr),
        grpc_socket=_socket(_path(variables, "MAGLEV_GRPC_SOCKET", run_dir / "grpc.sock")),
        grpc_tls_cert=variables.get("MAGLEV_GRPC_TLS_CERT", ""),
        grpc_tls_key=variables.get("MAGLEV_GRPC_TLS_KEY", ""),
        grpc_client_ca=variables.get("MAGLEV_GRPC_CLIENT_CA", ""),
        grpc_operators=variables.get("MAGLEV_GRPC_OPERATORS", ""),
        grpc_open=_truth(variables, "MAGLEV_GRPC_OPEN", plain.grpc_open),
        reflection=_truth(variables, "MAGLEV_REFLECTION", plain.reflection),
        metrics_addr=_metrics(variables.get("MAGLEV_METRICS_ADDR", plain.metrics_addr)),
        log_level=_log_level(variables.get("MAGLEV_LOG_LEVEL") or plain.log_level),
        time_scale=_time_scale(variables.get("MAGLEV_TIME_SCALE") or str(plain.time_scale)),
    )
    _check_tls(settings)
    return settings


def host_and_port(address: str) -> tuple[str, int] | None:
    """Return the parts of an address as Go writes it (`:9090`, `127.0.0.1:9090`, `[::1]:9090`).

    The host is empty where all addresses are meant, and without brackets; None: not of this form.
    """
    host, colon, port = address.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        return None
    if host.startswith("[") and host.endswith("]"):
        return (host[1:-1], int(port)) if ":" in host else None
    return None if ":" in host else (host, int(port))


def _path(variables: Mapping[str, str], name: str, default: Path) -> Path:
    return Path(variables.get(name) or default).absolute()


def _run_dir(path: Path) -> Path:
    length = len(bytes(path))
    if length > RUN_DIR_BYTES_MAX:
        raise BadEnvironment(
            f"--run-dir (MAGLEV_RUN_DIR): wanted at most {RUN_DIR_BYTES_MAX} bytes, because the "
            f"path of a Unix socket is short, got {length}: '{path}'"
        )
    return path


def _probers(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= PROBERS_MAX):
        raise BadEnvironment(
            f"--probers (MAGLEV_PROBERS): wanted a number from 1 to {PROBERS_MAX}, got '{text}'"
        )
    return int(text)


def _address(flag: str, text: str) -> str:
    if host_and_port(text) is None:
        variable = f"MAGLEV_{flag.upper().replace('-', '_')}"
        raise BadEnvironment(
            f"--{flag} ({variable}): wanted an address such as :9090, 127.0.0.1:9090 or "
            f"[::1]:9090, got '{text}'"
        )
    return text


def _metrics(text: str) -> str:
    return _address("metrics-addr", text) if text else ""


def _socket(path: Path) -> Path:
    length = len(bytes(path))
    if length > SOCKET_BYTES_MAX:
        raise BadEnvironment(
            f"--grpc-socket (MAGLEV_GRPC_SOCKET): wanted at most {SOCKET_BYTES_MAX} bytes, because "
            f"the path of a Unix socket is short, got {length}: '{path}'"
        )
    return path


def _truth(variables: Mapping[str, str], name: str, default: bool) -> bool:
    text = (variables.get(name) or str(default)).lower()
    if text in ("1", "t", "true"):
        return True
    if text in ("0", "f", "false"):
        return False
    raise BadEnvironment(f"{name}: wanted true or false, got '{text}'")


def _check_tls(settings: Environment) -> None:
    """Refuse half a set of files for TLS; whether they can be read is the gateway's to find out."""
    if bool(settings.grpc_tls_cert) != bool(settings.grpc_tls_key):
        raise BadEnvironment(
            "--grpc-tls-cert (MAGLEV_GRPC_TLS_CERT) and --grpc-tls-key (MAGLEV_GRPC_TLS_KEY): "
            "wanted both or none"
        )
    if settings.grpc_client_ca and not settings.grpc_tls_cert:
        raise BadEnvironment(
            "--grpc-client-ca (MAGLEV_GRPC_CLIENT_CA): wanted --grpc-tls-cert with it: without TLS "
            "nobody shows a certificate"
        )
    if settings.grpc_operators and not settings.grpc_client_ca:
        raise BadEnvironment(
            "--grpc-operators (MAGLEV_GRPC_OPERATORS): wanted --grpc-client-ca with it: operators "
            "are known by their certificates"
        )


def _log_level(text: str) -> LogLevel:
    levels: tuple[LogLevel, ...] = get_args(LogLevel)
    for level in levels:
        if text.lower() == level:
            return level
    raise BadEnvironment(
        f"--log-level (MAGLEV_LOG_LEVEL): wanted one of {', '.join(levels)}, got '{text}'"
    )


def _time_scale(text: str) -> float:
    try:
        scale = float(text)
    except ValueError:
        scale = 0.0
    if not 0.001 <= scale <= 1000:
        raise BadEnvironment(f"MAGLEV_TIME_SCALE: wanted a number from 0.001 to 1000, got '{text}'")
    return scale
