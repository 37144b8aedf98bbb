# SPDX-License-Identifier: Apache-2.0
"""A gateway that is killed: clients reconnect, and what was asked of others is done."""

from __future__ import annotations

import socket
import tempfile
from pathlib import Path

import grpc
import pytest

from maglev.messages import Answer, BackendStatus, Done, Message, Request
from tests.gateway.actors import backend, moved
from tests.gateway.rig import Rig
from tests.support import eventually


def free_port() -> int:
    """Return a port that nobody uses just now."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        port: int = one.getsockname()[1]
        return port


def test_clients_reconnect_to_the_next_gateway_and_see_what_happened_meanwhile() -> None:
    with tempfile.TemporaryDirectory(prefix="maglev-", ignore_cleanup_errors=True) as path:
        rig = Rig(Path(path), MAGLEV_GRPC_ADDR=f"127.0.0.1:{free_port()}")
        try:
            rig.begin()
            for number in range(4, 8):
                stream = rig.watch(backend=True)
                eventually(lambda: len(stream.events) >= 2)  # noqa: B023 (used at once)
                rig.kill()
                assert stream.wait_end().code() is grpc.StatusCode.UNAVAILABLE
                rig.say("aggregator", backend("web1", moved(number, "up", "down")))
                rig.start()
                rig.until(
                    lambda: rig.call("GetBackend", name="web1").transitions[0].number == number  # noqa: B023
                )
                rig.until(lambda: rig.call("SyncVPPLBState"))
        finally:
            rig.close()


def test_a_port_that_is_taken_ends_the_process_with_its_address_in_the_log(place: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        rig = Rig(place, MAGLEV_GRPC_ADDR=address)
        process = rig.launch()
        assert process.wait(30) == 1
        rig.close()
    (failed,) = [line for line in rig.lines if line["msg"] == "failed"]
    assert address in failed["error"]


def test_a_change_under_way_is_made_although_its_gateway_is_killed(rig: Rig) -> None:
    aggregator = rig.actors["aggregator"]
    stream = rig.watch(backend=True)
    eventually(lambda: len(stream.events) >= 2)

    def pause(request: Request) -> tuple[Answer, type[Message]]:
        rig.kill()
        aggregator.say(backend("web1", moved(4, "up", "paused", "pause")))
        return Done(), BackendStatus

    aggregator.answering = pause
    with pytest.raises(grpc.RpcError, match="UNAVAILABLE"):
        rig.call("PauseBackend", name="web1")
    rig.start()
    rig.until(lambda: rig.call("GetBackend", name="web1").state == "paused")
