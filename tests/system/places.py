# SPDX-License-Identifier: Apache-2.0
"""Addresses, checks and configuration files for whole systems on this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

Pools = Mapping[str, Sequence[str]]
"""The pools of a frontend: names of backends by name of the pool, in order of priority."""


@dataclass(frozen=True)
class Pace:
    """The check that all backends of a test share.

    The timeout is so long that no healthy backend fails on a busy machine; tests of backends that
    say nothing set their own.
    """

    interval_ms: int = 250
    fast_ms: int = 100
    down_ms: int = 100
    timeout_ms: int = 5000
    rise: int = 2
    fall: int = 3

    def check(self, port: int) -> dict[str, object]:
        """Return it as the configuration file wants it."""
        return {
            "type": "http",
            "port": port,
            "interval": f"{self.interval_ms}ms",
            "fast-interval": f"{self.fast_ms}ms",
            "down-interval": f"{self.down_ms}ms",
            "timeout": f"{self.timeout_ms}ms",
            "rise": self.rise,
            "fall": self.fall,
        }

    def promise_s(self, *, silent: bool) -> float:
        """Return how long a backend that dies may keep its weight."""
        waits_ms = 1.1 * self.interval_ms + (self.fall - 1) * 1.1 * self.fast_ms
        timeouts_ms = self.fall * self.timeout_ms if silent else 0
        return (waits_ms + timeouts_ms + 100) / 1000

    def recovery_s(self) -> float:
        """Return how long a backend that is back may wait for its weight."""
        return (1.1 * self.down_ms + (self.rise - 1) * 1.1 * self.fast_ms + 100) / 1000


def addresses(count: int) -> list[str]:
    """Return loopback addresses that no other test process uses at the same time."""
    block = 16 + os.getpid() % 200
    return [f"127.{block}.{number >> 8}.{number & 255}" for number in range(1, count + 1)]


def vip(number: int) -> str:
    """Return the address of a frontend, by its place in the file."""
    return f"10.99.{number >> 8}.{number & 255}"


def document(
    backends: Mapping[str, str], frontends: Mapping[str, Pools], check: Mapping[str, object]
) -> dict[str, Any]:
    """Return a configuration: backends by address, frontends by the names in their pools."""
    return {
        "maglev": {
            "healthchecks": {"web": dict(check)},
            "backends": {
                name: {"address": address, "healthcheck": "web"}
                for name, address in backends.items()
            },
            "frontends": {
                name: {
                    "address": vip(number),
                    "protocol": "tcp",
                    "port": 80,
                    "pools": [
                        {"name": pool, "backends": {one: {} for one in members}}
                        for pool, members in pools.items()
                    ],
                }
                for number, (name, pools) in enumerate(frontends.items())
            },
            "vpp": {
                "lb": {
                    "ipv4-src-address": "10.0.0.1",
                    "ipv6-src-address": "2001:db8::1",
                    "sync-interval": "30s",
                    "startup-min-delay": "0s",
                    "startup-max-delay": "30s",
                }
            },
        }
    }


def text(wanted: Mapping[str, Any]) -> str:
    """Return a configuration as the text of a file, in block style as people write it."""
    return yaml.dump(wanted, Dumper=yaml.CSafeDumper, sort_keys=False, default_flow_style=False)
