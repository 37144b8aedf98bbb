# SPDX-License-Identifier: Apache-2.0
"""Every call that only looks, over a real server."""

from __future__ import annotations

import time

import grpc
import pytest
from msgspec.structs import replace

from maglev import version
from maglev.messages import ActorStatus, ActualAs, BackendGone, VipProgrammed, VppStatus
from maglev.rpc.reads import READS
from maglev.rpc.service import METHODS
from tests.gateway.actors import CONFIG, backend, frontend, moved
from tests.gateway.rig import BACKENDS, Rig
from tests.support import eventually

VPP = VppStatus(
    connected=True,
    weights=True,
    version="26.10",
    build_date="today",
    build_directory="/w",
    pid=77,
    connected_at_ns=5,
)
VIP = VipProgrammed(
    frontend="www",
    prefix="192.0.2.80/32",
    protocol=6,
    port=80,
    in_sync=True,
    ases=(
        ActualAs(address="10.0.0.1", weight=100, buckets=600),
        ActualAs(address="10.0.0.2", weight=40),
    ),
)


def error_of(rig: Rig, called: str, /, **fields: object) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as caught:
        rig.call(called, **fields)
    return caught.value


def test_backends_come_in_the_order_of_the_file(shared: Rig) -> None:
    listed = shared.call("ListBackends").backends
    assert [(one.name, one.address, one.state) for one in listed] == [
        ("web1", "10.0.0.1", "up"),
        ("web2", "10.0.0.2", "unknown"),
    ]
    assert not any(one.stale for one in listed)


def test_a_backend_shows_its_history_the_newest_first(shared: Rig) -> None:
    found = shared.call("GetBackend", name="web1")
    told = [(getattr(one, "from"), one.to, one.code, one.number) for one in found.transitions]
    assert told == [("down", "up", "L7OK", 3), ("up", "down", "L4CON", 2)]
    assert found.last_transition_ns == 3000
    assert found.enabled
    assert found.healthcheck == "web"


def test_a_frontend_shows_weights_and_what_is_held(shared: Rig) -> None:
    (pool,) = shared.call("GetFrontend", name="www").pools
    assert (pool.name, pool.active) == ("primary", True)
    told = [(one.name, one.weight, one.effective_weight, one.held) for one in pool.backends]
    assert told == [("web1", 100, 100, False), ("web2", 50, 0, True)]
    assert [one.name for one in shared.call("ListFrontends").frontends] == ["www"]


def test_what_is_held_shows_the_weight_that_vpp_has(rig: Rig) -> None:
    rig.say("programmer", VPP, VIP)

    def weight() -> int:
        return rig.call("GetFrontend", name="www").pools[0].backends[1].effective_weight

    rig.until(lambda: weight() == 40)


def test_healthchecks_show_every_knob(shared: Rig) -> None:
    (listed,) = shared.call("ListHealthChecks").healthchecks
    assert shared.call("GetHealthCheck", name="web") == listed
    assert listed.type == "http"
    assert listed.interval_ns == 2_000_000_000
    assert listed.timeout_ns == 1_000_000_000
    assert listed.response_code == "200-204,301"
    assert (listed.rise, listed.fall, listed.path) == (2, 3, "/")


@pytest.mark.parametrize(
    ("name", "asked", "words"),
    [
        ("GetBackend", "wbe1", "no backend is called 'wbe1'; did you mean 'web1'?"),
        ("GetFrontend", "xyz", "no frontend is called 'xyz'"),
        ("GetHealthCheck", "", "no healthcheck is called ''"),
        ("GetBackend", "x" * 5000, f"no backend is called '{'x' * 100}'"),
    ],
)
def test_an_unknown_name_is_not_found(shared: Rig, name: str, asked: str, words: str) -> None:
    error = error_of(shared, name, name=asked)
    assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, words)


def test_the_version_is_that_of_this_software(shared: Rig) -> None:
    said, found = shared.call("GetVersion"), version.current()
    assert (said.version, said.commit, said.build_date) == (found.version, found.commit, found.date)


def test_without_vpp_its_calls_are_unavailable_and_say_why(rig: Rig) -> None:
    for name in ("GetVPPInfo", "GetVPPLBState"):
        assert error_of(rig, name).code() is grpc.StatusCode.UNAVAILABLE
    rig.say("programmer", VppStatus(connected=False, error="no such socket"))
    eventually(lambda: "no VPP: no such socket" in error_of(rig, "GetVPPInfo").details())


def test_vpp_shows_who_it_is_and_what_it_has(rig: Rig) -> None:
    refused = replace(VIP, frontend="dns", protocol=255, port=0, in_sync=False, error="refused")
    rig.say("programmer", VPP, refused, VIP)
    rig.say("aggregator", frontend("dns", place=1))
    rig.until(lambda: len(rig.call("GetVPPLBState").vips) == 2)
    info = rig.call("GetVPPInfo")
    assert (info.version, info.pid, info.connecttime_ns, info.weights) == ("26.10", 77, 5, True)
    rig.until(lambda: [one.frontend for one in rig.call("GetVPPLBState").vips] == ["www", "dns"])
    state = rig.call("GetVPPLBState")
    assert not state.in_sync
    www, dns = state.vips
    assert (www.prefix, www.protocol, www.port, www.in_sync) == ("192.0.2.80/32", "tcp", 80, True)
    assert [(one.address, one.weight, one.num_buckets) for one in www.application_servers] == [
        ("10.0.0.1", 100, 600),
        ("10.0.0.2", 40, 0),
    ]
    assert (dns.protocol, dns.port, dns.error) == ("any", 0, "refused")


def test_actors_show_what_the_watchdog_and_their_heartbeats_tell(rig: Rig) -> None:
    assert rig.process is not None
    now_ns = time.time_ns()
    plain = ActorStatus(
        actor="gateway",
        state="RUNNING",
        pid=rig.process.pid,
        started_ns=now_ns - 60 * 10**9,
        restarts=2,
        heartbeat_age_s=9.0,
        lag_ms_max=0.5,
    )
    gone = replace(plain, actor="prober-0", state="EXITED", pid=0)
    rig.say("watchdog", plain, gone)
    rig.until(lambda: len(rig.call("ListActors").actors) == 2)
    first, second = rig.call("ListActors").actors
    assert (first.name, first.state, first.restarts) == ("gateway", "RUNNING", 2)
    assert 60.0 <= first.uptime_s < 120.0
    assert first.heartbeat_age_s < 5.0, "as heard here, not as the watchdog saw it a while ago"
    assert (second.state, second.uptime_s, second.heartbeat_age_s) == ("EXITED", 0.0, 9.0)


def test_before_anything_was_heard_reads_are_unavailable(place: object, rig: Rig) -> None:
    rig.kill()
    for actor in rig.actors.values():
        actor.stop()
    rig.start()
    for name, read in READS.items():
        if read.speaker:
            error = error_of(rig, name)
            assert error.code() is grpc.StatusCode.UNAVAILABLE, name
            assert "nothing was heard of the" in error.details() or "no VPP" in error.details()
    assert rig.call("GetVersion").version


def test_reads_go_on_while_the_aggregator_is_away_and_say_so(rig: Rig) -> None:
    rig.actors["aggregator"].pause(on=True)
    rig.until(lambda: rig.call("GetBackend", name="web1").stale)
    assert rig.call("GetFrontend", name="www").stale
    assert all(one.stale for one in rig.call("ListBackends").backends)
    method = METHODS["ListBackends"]
    call = rig.channel().unary_unary(method.path)
    _, done = call.with_call(method.request().SerializeToString())
    trailing = dict(done.trailing_metadata())
    assert trailing["maglev-stale"].startswith("aggregator silent for ")
    rig.actors["aggregator"].pause(on=False)
    rig.until(lambda: not rig.call("GetBackend", name="web1").stale)


def test_what_changes_and_what_goes_is_seen(rig: Rig) -> None:
    rig.say("aggregator", backend("web2", moved(1, "unknown", "up")))
    rig.until(lambda: rig.call("GetBackend", name="web2").state == "up")
    rig.say("aggregator", BackendGone(name="web2"))
    rig.until(lambda: len(rig.call("ListBackends").backends) == 1)
    rig.restart("aggregator").say(CONFIG, *BACKENDS)
    rig.until(lambda: len(rig.call("ListBackends").backends) == 2)
    error = error_of(rig, "GetFrontend", name="www")
    assert error.code() is grpc.StatusCode.NOT_FOUND, "its new life does not know it"


def test_bytes_that_are_no_request_are_an_invalid_argument(shared: Rig) -> None:
    for method in METHODS.values():
        if method.streams:
            continue
        with pytest.raises(grpc.RpcError) as caught:
            shared.channel().unary_unary(method.path)(b"\xff\xff\xff", timeout=20)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert f"3 bytes that are no {method.request.DESCRIPTOR.name}" in caught.value.details()


def test_a_request_too_long_is_refused_before_it_is_read(shared: Rig) -> None:
    assert error_of(shared, "GetBackend", name="x" * 100_000).code() is (
        grpc.StatusCode.RESOURCE_EXHAUSTED
    )


def test_a_method_that_is_not_there_is_unimplemented(shared: Rig) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        shared.channel().unary_unary("/maglev.Maglev/Nothing")(b"", timeout=20)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
