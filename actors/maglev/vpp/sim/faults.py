# SPDX-License-Identifier: Apache-2.0
"""What the simulated VPP is told to do wrong: an action at the Nth call of a message.

The state is a list of rules, each with the number of calls it has seen; look at `Faults.rule_for`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Action = Literal["refuse", "silence", "close", "hang", "restart", "garbage"]
Garbage = Literal["unknown", "short", "noise", "stray"]

ANY_MESSAGE = "*"


@dataclass(slots=True)
class Rule:
    """Do `action` at calls nth .. nth + times - 1 of a message, counted from now on.

    With `applied` the call takes effect before the action, otherwise it does not.
    """

    message: str = ANY_MESSAGE
    action: Action = "refuse"
    nth: int = 1
    times: int = 1
    retval: int = -1  # of a refusal
    garbage: Garbage = "unknown"
    applied: bool = False
    seen: int = 0


class Faults:
    """The rules in force."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []

    def rule_for(self, message: str) -> Rule | None:
        """Count a call and return the rule that it meets; a rule that is used up is dropped."""
        met = None
        for rule in self.rules:
            if rule.message not in (message, ANY_MESSAGE):
                continue
            rule.seen += 1
            if met is None and rule.seen >= rule.nth:
                met = rule
        self.rules = [rule for rule in self.rules if rule.seen < rule.nth + rule.times - 1]
        return met


def spoil(kind: Garbage, reply: bytes) -> bytes:
    """Return a framed reply spoiled in one of several ways.

    `unknown`: an unknown message id.  `short`: nothing after the context.  `noise`: bytes that are
    no frame and announce gigabytes.  `stray`: the reply, after one that nobody asked for.
    """
    if kind == "unknown" and reply:
        return reply[:16] + b"\xff\xff" + reply[18:]
    if kind == "short" and reply:
        return bytes(8) + (6).to_bytes(4, "big") + bytes(4) + reply[16:22]
    if kind == "stray" and reply:
        return reply[:18] + b"\xff\xff\xff\xff" + reply[22:] + reply
    return bytes(range(0x40, 0x80))
