# SPDX-License-Identifier: Apache-2.0
"""How many AS calls a second reach VPP, by client, and how a bulk read holds up the loop.

All figures are of one run on one socket: the ceiling is what VPP answers to messages packed
beforehand.  Without --socket it runs a simulated VPP; `--as-call-us 50` makes that one as slow as a
real one.  Usage: PYTHONPATH=actors:. python bench/vpp_calls.py [--vips 200] [--as-call-us 50]
"""

import argparse
import asyncio
import socket
import tempfile
import time
import warnings
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from tests.vpp.simulated import simulated_vpp
from vpp_papi import VPPApiClient, vpp_papi_async

from maglev.core.reconcile import AddAs, AddVip, SetWeight, Vip
from maglev.vpp.lb import LbPlugin
from maglev.vpp.link import HEADER
from maglev.vpp.papi import VppApi

ASES_PER_VIP = 10
SLOW_CALLS_MAX = 2000  # of clients that wait for each answer
WINDOWS = (32, 128, 512)


def vips(count: int) -> list[Vip]:
    return [Vip(f"192.{n >> 16}.{n >> 8 & 255}.{n & 255}/32", 6, 80) for n in range(count)]


def ases(count: int) -> list[tuple[Vip, str]]:
    return [
        (vip, f"10.{n >> 8 & 255}.{n & 255}.{k + 1}")
        for n, vip in enumerate(vips(count))
        for k in range(ASES_PER_VIP)
    ]


def weights(count: int, weight: int) -> list[SetWeight]:
    return [SetWeight(vip, "", address, "", weight, 0, False, 0) for vip, address in ases(count)]


def fields(one: SetWeight) -> dict[str, object]:
    """Return a change of weight as vpp_papi takes it."""
    vip = one.vip
    told = {"pfx": vip.prefix, "protocol": vip.protocol, "port": vip.port}
    return {**told, "as_address": one.address, "weight": one.weight}


def rate(calls: int, began_s: float) -> float:
    return calls / (time.perf_counter() - began_s)


def ceiling(path: Path, client: VPPApiClient, changes: list[SetWeight]) -> float:
    """Return the calls a second that VPP answers when they are packed beforehand."""
    message = client.messages["lb_as_set_weight"]
    number = client.transport.get_msg_index(f"{message.name}_{message.crc[2:]}")
    with socket.socket(socket.AF_UNIX) as raw:
        raw.connect(str(path))
        hello = {"_vl_msg_id": 15, "name": "ceiling", "context": 1}
        raw.sendall(framed(client.messages["sockclnt_create"].pack(hello)))
        header = raw.recv(16, socket.MSG_WAITALL)
        welcome = raw.recv(HEADER.unpack(header)[1], socket.MSG_WAITALL)
        who = {"_vl_msg_id": number, "client_index": int.from_bytes(welcome[14:18], "big")}
        packed = b"".join(
            framed(message.pack({**who, "context": 1, **fields(one)})) for one in changes
        )
        began_s = time.perf_counter()
        sender = Thread(target=raw.sendall, args=(packed,))
        sender.start()
        missing = len(changes) * 26
        while missing:
            missing -= len(raw.recv(min(missing, 1 << 20)))
        sender.join()
        return rate(len(changes), began_s)


def framed(message: bytes) -> bytes:
    return HEADER.pack(0, len(message), 0) + message


async def public_client(path: Path, count: int) -> None:
    client = vpp_papi_async.VPPApiClient(server_address=str(path))
    await client.connect("bench", asyncio.Queue())
    call = client.api.lb_as_set_weight
    few, many = weights(count, 30)[:SLOW_CALLS_MAX], weights(count, 40)
    began_s = time.perf_counter()
    for one in few:
        await call(**fields(one))
    say("vpp_papi asyncio, one at a time", rate(len(few), began_s))
    began_s = time.perf_counter()
    await asyncio.gather(*(call(**fields(one)) for one in many))
    say("vpp_papi asyncio, pipelined", rate(len(many), began_s))
    await read_and_lag("vpp_papi asyncio", lambda: client.api.lb_as_v2_dump())
    await client.disconnect()


async def our_client(path: Path, count: int) -> None:
    api = await VppApi.connect(path)
    lb = LbPlugin(api)
    began_s = time.perf_counter()
    few = weights(count, 50)[:SLOW_CALLS_MAX]
    for one in few:
        await lb.send(one)
    say("maglev, one at a time", rate(len(few), began_s))
    for weight, window in enumerate(WINDOWS, start=60):
        many = weights(count, weight)
        began_s = time.perf_counter()
        await in_window(lb, many, window)
        say(f"maglev, {window} in flight", rate(len(many), began_s))
    await read_and_lag("maglev", lb.read)
    api.close()


async def in_window(lb: LbPlugin, changes: list[SetWeight], window: int) -> None:
    """Send changes with at most so many unanswered."""
    flying: deque[asyncio.Future[int]] = deque()
    for one in changes:
        if len(flying) == window:
            while len(flying) > window // 2:
                assert await flying.popleft() == 0
        flying.append(lb.send(one))
    await asyncio.gather(*flying)


async def read_and_lag(name: str, read: Callable[[], Awaitable[object]]) -> None:
    """Read twice, the first time to have VPP compute its tables, and look how late the loop is."""
    await read()
    lags: list[float] = []

    async def watch() -> None:
        while True:
            due_s = time.perf_counter() + 0.001
            await asyncio.sleep(0.001)
            lags.append(time.perf_counter() - due_s)

    watching = asyncio.ensure_future(watch())
    await asyncio.sleep(0.01)
    lags.clear()
    began_s = time.perf_counter()
    await read()
    took_s = time.perf_counter() - began_s
    await asyncio.sleep(0.01)
    watching.cancel()
    print(
        f"{name + ', bulk read':40} {took_s * 1000:8.1f} ms  loop late by {max(lags) * 1000:.1f} ms"
    )


def say(name: str, calls_per_s: float) -> None:
    print(f"{name:40} {calls_per_s:8.0f} calls/s")


async def fill(path: Path, count: int) -> None:
    api = await VppApi.connect(path)
    lb = LbPlugin(api)
    await asyncio.gather(*(lb.send(AddVip(vip, "", "gre4", False)) for vip in vips(count)))
    added = [AddAs(vip, "", address, "", 100, 0) for vip, address in ases(count)]
    began_s = time.perf_counter()
    await in_window(lb, added, 512)
    say("maglev, adding, 512 in flight", rate(len(added), began_s))
    api.close()


@contextmanager
def vpp(options: argparse.Namespace) -> Iterator[Path]:
    if options.socket:
        yield options.socket
        return
    with (
        tempfile.TemporaryDirectory() as directory,
        simulated_vpp(Path(directory), as_call_us=options.as_call_us) as simulated,
    ):
        yield simulated.socket


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--socket", type=Path, help="of a real VPP; it is changed!")
    parser.add_argument("--vips", type=int, default=200)
    parser.add_argument("--as-call-us", type=float, default=0.0)
    options = parser.parse_args()
    warnings.simplefilter("ignore", DeprecationWarning)
    with vpp(options) as path:
        asyncio.run(fill(path, options.vips))
        client = VPPApiClient(server_address=str(path), bootstrapapi=True)
        client.connect("bench")
        few = weights(options.vips, 20)[:SLOW_CALLS_MAX]
        began_s = time.perf_counter()
        for one in few:
            client.api.lb_as_set_weight(**fields(one))
        say("vpp_papi classic", rate(len(few), began_s))
        asyncio.run(public_client(path, options.vips))
        asyncio.run(our_client(path, options.vips))
        say("ceiling: packed beforehand", ceiling(path, client, weights(options.vips, 90)))
        client.disconnect()


if __name__ == "__main__":
    main()
