# SPDX-License-Identifier: Apache-2.0
"""The table of all metrics: name, type, help, and where the rows come from.

The order here is the order on the page.  There is no state; look at `page`.
"""

from __future__ import annotations

from maglev.gateway.metrics import counts, states
from maglev.gateway.metrics.text import Family, Rows, Seen

FAMILIES = (
    Family(
        "maglev_backend_state",
        "gauge",
        "State of a backend: 1 for the one it is in, 0 for all others.",
        states.backend_state,
    ),
    Family(
        "maglev_backend_health",
        "gauge",
        "Rise/fall counter of a backend, 0 to rise + fall - 1.",
        states.backend_health,
    ),
    Family(
        "maglev_backend_enabled",
        "gauge",
        "1 unless the backend is disabled.",
        states.backend_enabled,
    ),
    Family(
        "maglev_frontend_state",
        "gauge",
        "State of a frontend: 1 for the one it is in, 0 for all others.",
        states.frontend_state,
    ),
    Family(
        "maglev_frontend_pool_backend_weight",
        "gauge",
        "Weight of a backend in a pool, configured or set by an operator.",
        states.weight,
    ),
    Family(
        "maglev_frontend_pool_backend_effective_weight",
        "gauge",
        "Weight VPP should have; absent while what VPP has is held.",
        states.weight_effective,
    ),
    Family(
        "maglev_probe_total",
        "counter",
        "Probes by result and code; a fault is the checker's own.",
        counts.probes,
    ),
    Family(
        "maglev_probe_duration_seconds",
        "histogram",
        "Duration of probes, without faults of the checker.",
        counts.probe_durations,
    ),
    Family(
        "maglev_backend_transitions_total",
        "counter",
        "Changes of a backend's state.",
        counts.transitions,
    ),
    Family(
        "maglev_probe_lateness_seconds",
        "summary",
        "How late probes start; quantiles of the last second.",
        states.lateness,
    ),
    Family(
        "maglev_failover_seconds",
        "histogram",
        "From the deciding probe result to VPP's reply.",
        counts.failovers,
    ),
    Family(
        "maglev_vpp_connected",
        "gauge",
        "1 while the programmer is connected to VPP.",
        states.vpp_connected,
    ),
    Family(
        "maglev_vpp_connected_seconds",
        "gauge",
        "Age of the connection to VPP.",
        states.vpp_connected_seconds,
    ),
    Family("maglev_vpp_info", "gauge", "The VPP that is connected.", states.vpp_info),
    Family(
        "maglev_vpp_api_total",
        "counter",
        "Messages of VPP's API by direction and result.",
        counts.vpp_api,
    ),
    Family(
        "maglev_vpp_lbsync_total",
        "counter",
        "Changes made in VPP, by scope of the sync and kind.",
        counts.lbsync,
    ),
    Family("maglev_alarm", "gauge", "Alarms that stand.", states.alarms),
    Family(
        "maglev_actor_up",
        "gauge",
        "1 while the actor's heartbeat is heard.",
        states.actor_up,
    ),
    Family(
        "maglev_actor_restarts_total",
        "counter",
        "Starts of the actor after the first one.",
        states.actor_restarts,
    ),
    Family(
        "maglev_actor_heartbeat_age_seconds",
        "gauge",
        "Time since the actor's last heartbeat.",
        states.actor_heartbeat_age,
    ),
    Family(
        "maglev_bus_resyncs_total",
        "counter",
        "Snapshots the actor asked for again, since its start.",
        states.bus_resyncs,
    ),
    Family(
        "maglev_bus_dropped_total",
        "counter",
        "Messages the actor could not send or read, since its start.",
        states.bus_dropped,
    ),
    Family(
        "grpc_server_started_total",
        "counter",
        "RPCs started on the server.",
        counts.grpc_started,
    ),
    Family(
        "grpc_server_handled_total",
        "counter",
        "RPCs completed on the server, by code.",
        counts.grpc_handled,
    ),
    Family(
        "grpc_server_msg_received_total",
        "counter",
        "Messages received of RPCs on the server.",
        counts.grpc_received,
    ),
    Family(
        "grpc_server_msg_sent_total",
        "counter",
        "Messages sent of RPCs by the server.",
        counts.grpc_sent,
    ),
    Family(
        "grpc_server_handling_seconds",
        "histogram",
        "Duration of RPCs on the server.",
        counts.grpc_seconds,
    ),
)


def page(seen: Seen) -> Rows:
    """Yield all metrics piece by piece; what is seen may change between two pieces."""
    for family in FAMILIES:
        yield from family.text(seen)
