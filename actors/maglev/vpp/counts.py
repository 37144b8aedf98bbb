# SPDX-License-Identifier: Apache-2.0
"""How often each message went to VPP, and how VPP answered, over all connections of a process.

A dump counts once, however much it tells.  What was sent and never answered was lost with its
connection.  The state is a Count per message, which whoever sends it holds and raises.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from maglev.messages import ApiTally


@dataclass(slots=True)
class Count:
    """One message and its answers."""

    sent: int = 0
    done: int = 0
    refused: int = 0  # answered with a result that is not 0

    def answered(self, retval: int) -> None:
        """Count an answer by its result."""
        if retval == 0:
            self.done += 1
        else:
            self.refused += 1


@dataclass(slots=True)
class Counts:
    """All messages that were ever sent."""

    _by_message: dict[str, Count] = field(default_factory=dict)

    def of(self, message: str) -> Count:
        """Return where a message of VPP's (`lb_as_set_weight`) is counted."""
        return self._by_message.setdefault(message, Count())

    def tallies(self) -> tuple[ApiTally, ...]:
        """Return all counts; an answer goes by its own name."""
        found: list[ApiTally] = []
        for message, count in self._by_message.items():
            dumps = message.endswith("_dump")
            reply = message.removesuffix("_dump") + ("_details" if dumps else "_reply")
            found.append(ApiTally(message, "send", True, count.sent))
            found.append(ApiTally(reply, "recv", True, count.done))
            found.append(ApiTally(reply, "recv", False, count.refused))
        return tuple(found)
