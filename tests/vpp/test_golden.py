# SPDX-License-Identifier: Apache-2.0
"""The recordings of real VPPs replay on the simulated one, call by call, with both clients."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from vpp_papi import VPPApiClient, vpp_papi_async

from tests.vpp.simulated import simulated_vpp

GOLDEN = Path(__file__).parent / "golden"
VERSIONS = ("26.10", "26.06")
DIFFERS = {"context", "_vl_msg_id", "_0", "client_index", "in_use_since", "build_date"}

# vpp_papi reads its own data in a way that Python 3.11 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:open_text is deprecated:DeprecationWarning")


def plain(value: Any) -> Any:
    """Return a reply of vpp_papi as the recording has it, without what differs from run to run."""
    if hasattr(value, "_asdict"):
        return plain(value._asdict())
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items() if name not in DIFFERS}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return int(value) if isinstance(value, int) else str(value)


def recording(version: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (GOLDEN / f"{version}.jsonl").read_text().splitlines()]


def replay(version: str, call: Callable[[str, dict[str, Any]], Any]) -> None:
    """Make every call of a recording and compare what comes back."""
    for number, step in enumerate(recording(version), start=1):
        try:
            reply = {"reply": plain(call(step["call"], step["args"]))}
        except AttributeError as why:
            reply = {"error": f"AttributeError: {why}"}
        recorded = {name: plain(step[name]) for name in ("reply", "error") if name in step}
        assert reply == recorded, f"step {number} of {version}: {step['call']} {step['args']}"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_recording_replays_with_the_classic_client(version, tmp_path):
    with simulated_vpp(tmp_path, version) as vpp:
        client = VPPApiClient(server_address=str(vpp.socket), bootstrapapi=True)
        client.connect("golden")
        replay(version, lambda name, args: getattr(client.api, name)(**args))
        client.disconnect()


def test_26_06_takes_an_ipv4_prefix_for_another_one_and_cannot_be_read_any_more(tmp_path):
    with simulated_vpp(tmp_path, "26.06") as vpp:
        client = VPPApiClient(server_address=str(vpp.socket), bootstrapapi=True)
        client.connect("golden")
        replay("26.06", lambda name, args: getattr(client.api, name)(**args))
        added = client.api.lb_add_del_vip_v2(
            pfx="192.0.2.10/32", protocol=6, port=80, encap=0, new_flows_table_length=1024
        )
        assert added.retval == 0
        assert vpp.control.state()["vips"][-1]["vip"] == "::/32 tcp 80"
        with pytest.raises(ValueError, match="128"):
            client.api.lb_vip_dump()
        # What is left of the dump keeps the client from a proper farewell.
        client.transport.socket.close()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_recording_replays_with_the_asyncio_client(version, tmp_path):
    async def run(socket: Path) -> None:
        client = vpp_papi_async.VPPApiClient(server_address=str(socket))
        assert await client.connect("golden", asyncio.Queue()) == 0
        replies = []
        for step in recording(version):
            try:
                reply = await getattr(client.api, step["call"])(**step["args"])
            except AttributeError as why:
                reply = why
            # Of a dump it tells the last message and the list.
            replies.append(
                reply[1] if isinstance(reply, tuple) and isinstance(reply[1], list) else reply
            )
        await client.disconnect()
        said = iter(replies)

        def call(name: str, args: dict[str, Any]) -> Any:
            reply = next(said)
            if isinstance(reply, AttributeError):
                raise reply
            return reply

        replay(version, call)

    with simulated_vpp(tmp_path, version) as vpp:
        asyncio.run(run(vpp.socket))
