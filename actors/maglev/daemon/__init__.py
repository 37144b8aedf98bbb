# SPDX-License-Identifier: Apache-2.0
"""maglevd: checks the configuration, then keeps supervisord and with it all actors running.

Nothing of the product's work is done here, so there is little that could fail: a restart of this
process alone is never needed.  Look at `run` for the order of a start, rule.py for what is decided
while it runs and loop.py for how that is carried out.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

from maglev import environment, version
from maglev.daemon.check import check_config, check_config_apart
from maglev.daemon.loop import Daemon
from maglev.daemon.place import Occupied, lock_run_dir, lock_vpp, make_dirs, raise_file_limit
from maglev.environment import BadEnvironment, Environment
from maglev.flags import HELP, VERSION, BadUsage, Flag, parse, usage

FLAGS = (
    Flag("config", "MAGLEV_CONFIG", "/etc/vpp-maglev/maglev.yaml", "configuration file"),
    Flag(
        "vpp-api-addr",
        "MAGLEV_VPP_API_ADDR",
        "/run/vpp/api.sock",
        "VPP's API socket; empty: no VPP at all",
        empty=True,
    ),
    Flag("grpc-addr", "MAGLEV_GRPC_ADDR", ":9090", "address of the gRPC service"),
    Flag("grpc-socket", "MAGLEV_GRPC_SOCKET", "", "the same on a Unix socket, <run-dir>/grpc.sock"),
    Flag("grpc-tls-cert", "MAGLEV_GRPC_TLS_CERT", "", "certificate (PEM): TLS on --grpc-addr"),
    Flag("grpc-tls-key", "MAGLEV_GRPC_TLS_KEY", "", "its key (PEM)"),
    Flag("grpc-client-ca", "MAGLEV_GRPC_CLIENT_CA", "", "who signs certificates of clients (PEM)"),
    Flag(
        "grpc-operators",
        "MAGLEV_GRPC_OPERATORS",
        "",
        "names in certificates that may change things: a,b,c or the path of a list",
    ),
    Flag(
        "grpc-open",
        "MAGLEV_GRPC_OPEN",
        "false",
        "let everybody who reaches the service change things",
        switch=True,
    ),
    Flag("reflection", "MAGLEV_REFLECTION", "true", "serve gRPC reflection", switch=True),
    Flag(
        "metrics-addr",
        "MAGLEV_METRICS_ADDR",
        ":9091",
        "address of Prometheus metrics; empty: none",
        empty=True,
    ),
    Flag("log-level", "MAGLEV_LOG_LEVEL", "info", "debug, info, warn or error"),
    Flag("run-dir", "MAGLEV_RUN_DIR", "/run/vpp-maglev", "directory of sockets, locks and pid"),
    Flag("state-dir", "MAGLEV_STATE_DIR", "/var/lib/vpp-maglev", "directory of lasting state"),
    Flag("probers", "MAGLEV_PROBERS", "2", "size of the prober pool"),
    Flag(
        "check",
        "",
        "false",
        "check the configuration and exit: 0 good, 1 YAML or structure, 2 meaning",
        switch=True,
    ),
    VERSION,
    HELP,
)


def main() -> None:
    """Be the program `maglevd`."""
    sys.exit(run(sys.argv[1:], os.environ))


def run(arguments: Sequence[str], variables: Mapping[str, str]) -> int:
    """Do what the command line asks for and return the exit status.

    0 done or stopped as asked, 1 cannot run here or structure of the configuration, 2 command line
    or meaning of the configuration.
    """
    try:
        values, rest = parse(FLAGS, arguments, variables)
        if rest:
            raise BadUsage(f"wanted flags only, got '{rest[0]}'")
        given = {flag.variable: values[flag.name] for flag in FLAGS if flag.variable}
        settings = environment.read({**variables, **given})
    except (BadUsage, BadEnvironment) as error:
        print(f"maglevd: {error}", file=sys.stderr)
        return 2
    if values["help"] == "true":
        print(usage("maglevd", FLAGS))
        return 0
    if values["version"] == "true":
        print(version.current().text("maglevd"))
        return 0
    if values["check"] == "true":
        status = check_config(settings.config)
        if status == 0:
            print("config ok")
        return status
    return check_config_apart(settings.config) or supervise(settings)


def supervise(settings: Environment) -> int:
    """Run all actors until this process is told to stop; return the exit status."""
    os.umask(0o007)
    try:
        make_dirs(settings)
        with lock_run_dir(settings.run_dir), lock_vpp(settings.vpp_api_addr):
            raise_file_limit()
            return Daemon(settings).run()
    except Occupied as error:
        print(f"maglevd: {error}", file=sys.stderr)
    except OSError as error:
        text = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        print(f"maglevd: {text}", file=sys.stderr)
    return 1
