# SPDX-License-Identifier: Apache-2.0
"""The same page by prometheus_client: gauges, counters and histograms with as many children."""

from __future__ import annotations

import time

from bench.metrics.world import STEPS, World
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from maglev.core.totals import BOUNDS_S
from maglev.gateway.metrics.states import BACKEND_STATES


def registry(world: World) -> CollectorRegistry:
    """Return all families that grow with the backends."""
    made = CollectorRegistry()
    state = Gauge(
        "maglev_backend_state", "h", ["backend", "address", "healthcheck", "state"], registry=made
    )
    health = Gauge("maglev_backend_health", "h", ["backend"], registry=made)
    enabled = Gauge("maglev_backend_enabled", "h", ["backend"], registry=made)
    probes = Counter("maglev_probe", "h", ["backend", "type", "result", "code"], registry=made)
    steps = Counter("maglev_backend_transitions", "h", ["backend", "from", "to"], registry=made)
    pool = ["frontend", "pool", "backend"]
    weights = [
        Gauge(f"maglev_frontend_pool_backend_{kind}weight", "h", pool, registry=made)
        for kind in ("", "effective_")
    ]
    durations = Histogram(
        "maglev_probe_duration_seconds", "h", ["backend", "type"], registry=made, buckets=BOUNDS_S
    )
    for one in world.statuses():
        for name in BACKEND_STATES:
            state.labels(one.name, one.address, one.healthcheck, name).set(name == one.state)
        health.labels(one.name).set(one.counter)
        enabled.labels(one.name).set(1)
        probes.labels(one.name, "http", "ok", "L7OK").inc(50)
        durations.labels(one.name, "http").observe(0.003)
        for step in STEPS:
            steps.labels(one.name, step.before, step.after).inc(step.count)
    for front in world.frontends():
        for weight in weights:
            for member in front.pools[0].backends:
                weight.labels(front.name, "all", member.name).set(100)
    return made


def seconds(world: World) -> float:
    """Return how long prometheus_client takes to make the page, in one piece."""
    made = registry(world)
    generate_latest(made)
    begun_s = time.perf_counter()
    generate_latest(made)
    return time.perf_counter() - begun_s
