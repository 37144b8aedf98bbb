# SPDX-License-Identifier: Apache-2.0
"""The standard health service, as its own clients see it."""

from __future__ import annotations

import threading
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.gateway.actors import CONFIG
from tests.gateway.rig import Rig
from tests.support import eventually

Response: Any = health_pb2.HealthCheckResponse


def stub(rig: Rig) -> Any:
    return health_pb2_grpc.HealthStub(rig.channel())


def check(rig: Rig, service: str = "") -> int:
    request = health_pb2.HealthCheckRequest(service=service)
    status: int = stub(rig).Check(request, timeout=20).status
    return status


@pytest.mark.parametrize("service", ["", "maglev.Maglev"])
def test_it_serves_once_the_state_of_the_daemon_is_known(rig: Rig, service: str) -> None:
    assert check(rig, service) == Response.SERVING
    rig.kill()
    for actor in rig.actors.values():
        actor.stop()
    rig.start()
    assert check(rig, service) == Response.NOT_SERVING
    rig.actor("aggregator").say(CONFIG)
    eventually(lambda: check(rig, service) == Response.SERVING)


def test_a_service_that_is_not_there_is_not_found(shared: Rig) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        check(shared, "maglev.Other")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_all_services_are_listed(shared: Rig) -> None:
    request: Any = health_pb2.HealthListRequest()  # type: ignore[attr-defined]
    statuses = stub(shared).List(request, timeout=20).statuses
    assert {name: one.status for name, one in statuses.items()} == {
        "": Response.SERVING,
        "maglev.Maglev": Response.SERVING,
    }


def test_changes_are_watched_until_the_end(rig: Rig) -> None:
    rig.kill()
    for actor in rig.actors.values():
        actor.stop()
    rig.start()
    seen: list[int] = []
    known = stub(rig).Watch(health_pb2.HealthCheckRequest())
    unknown = stub(rig).Watch(health_pb2.HealthCheckRequest(service="x"))

    def watch() -> None:
        try:
            for response in known:
                seen.append(response.status)
        except grpc.RpcError:
            seen.append(-1)

    thread = threading.Thread(target=watch)
    thread.start()
    assert next(unknown).status == Response.SERVICE_UNKNOWN
    eventually(lambda: seen == [Response.NOT_SERVING])
    rig.actor("aggregator").say(CONFIG)
    eventually(lambda: seen == [Response.NOT_SERVING, Response.SERVING])
    rig.end(15)
    thread.join(20)
    assert seen[2:] in ([-1], [Response.NOT_SERVING, -1])
