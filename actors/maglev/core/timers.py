# SPDX-License-Identifier: Apache-2.0
"""All timers that the configuration file does not set, in one place, scaled by one number.

The state lives with whoever holds a Timers; look at `scaled` for how tests make hours short.
"""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Timers:
    """Seconds, all of them."""

    heartbeat_s: float = 1.0
    silent_s: float = 3.0  # a speaker not heard for this long is lost
    rebuild_s: float = 5.0  # a reader that hears no heartbeat for this long makes its sockets anew
    refresh_s: float = 15.0  # within this time every level is said again
    snapshot_s: float = 2.0  # a snapshot not complete by then is asked for again
    request_s: float = 5.0  # deadline of a request between actors
    request_long_s: float = 70.0  # of one for which a file is read or VPP is compared
    stopped_s: float = 3.0  # a prober stopped for longer says nothing until it is assigned again
    seen_s: float = 0.25  # pace of ProbesSeen
    totals_s: float = 1.0  # a prober says the counts that have changed
    totals_say_s: float = 5.0  # and the aggregator the totals
    wedged_s: float = 10.0  # RUNNING without a heartbeat for this long: replaced
    crash_young_s: float = 60.0  # died younger than this: back off
    backoff_first_s: float = 1.0
    backoff_max_s: float = 60.0
    verdicts_young_s: float = 60.0  # verdicts on disk are believed for this long
    verdicts_save_s: float = 2.0  # changed verdicts are on disk this much later
    verdicts_renew_s: float = 20.0  # and unchanged ones are written again, to stay young
    vpp_ping_s: float = 10.0
    vpp_reconnect_s: float = 5.0
    vpp_reply_s: float = 5.0  # VPP is held to be gone when a reply takes longer
    stop_s: float = 10.0  # the whole daemon is down this long after SIGTERM

    @classmethod
    def scaled(cls, scale: float) -> Timers:
        """Return the timers, each multiplied by scale (> 0)."""
        assert scale > 0, f"{scale=}"
        plain = cls()
        return cls(**{field.name: getattr(plain, field.name) * scale for field in fields(cls)})
