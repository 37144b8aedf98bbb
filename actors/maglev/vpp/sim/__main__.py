# SPDX-License-Identifier: Apache-2.0
"""`python -m maglev.vpp.sim`: run a simulated VPP until SIGTERM or SIGINT.

It has no state of its own; look at `serve` for the order in which the sockets appear, which is what
waiting for the control socket relies on.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import get_args

from maglev.vpp.sim.definitions import Version
from maglev.vpp.sim.operations import ControlConnection
from maglev.vpp.sim.server import Connection, Vpp


async def serve(vpp: Vpp, socket: Path, control: Path | None) -> None:
    """Serve both sockets for ever; the control socket answers once the other one does."""
    loop = asyncio.get_running_loop()
    this = asyncio.current_task()
    assert this is not None, "serve runs in a task"
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, this.cancel)
    controlled = False
    while True:
        server = await loop.create_unix_server(lambda: Connection(vpp), socket)
        if control and not controlled:
            await loop.create_unix_server(lambda: ControlConnection(vpp), control)
            controlled = True
        left: asyncio.Future[float] = loop.create_future()
        vpp.leave = partial(_leave, server, left)
        await asyncio.sleep(await left)


def _leave(server: asyncio.Server, left: asyncio.Future[float], away_s: float) -> None:
    server.close()
    if not left.done():
        left.set_result(away_s)


def main() -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(
        prog="python -m maglev.vpp.sim",
        description="A simulated VPP: the binary API of the lb plugin on a Unix socket.",
    )
    parser.add_argument("--socket", type=Path, required=True, help="where to offer the binary API")
    parser.add_argument("--control", type=Path, help="where to be looked into and tampered with")
    parser.add_argument("--version", choices=get_args(Version), default="26.10")
    parser.add_argument(
        "--collect-after-s",
        type=float,
        default=60.0,
        help="how long deleted ASes and VIPs stay visible, in seconds",
    )
    parser.add_argument(
        "--as-call-us",
        type=float,
        default=0.0,
        help="time spent on each change of an AS, in microseconds; a real VPP takes about 50",
    )
    options = parser.parse_args()
    vpp = Vpp(options.version, options.collect_after_s, options.as_call_us)
    with suppress(asyncio.CancelledError):
        asyncio.run(serve(vpp, options.socket, options.control))
    for path in (options.socket, options.control):
        if path:
            path.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
