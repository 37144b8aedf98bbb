# SPDX-License-Identifier: Apache-2.0
"""How a call fails: a status code of gRPC, and words for whoever called."""

from __future__ import annotations

from typing import Final, Literal

from maglev.messages import Refusal, Refused

Code = Literal[
    "INVALID_ARGUMENT",
    "NOT_FOUND",
    "FAILED_PRECONDITION",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "UNAVAILABLE",
    "DEADLINE_EXCEEDED",
    "INTERNAL",
]

_CODES: Final[dict[Refusal, Code]] = {
    "not_found": "NOT_FOUND",
    "failed_precondition": "FAILED_PRECONDITION",
    "invalid_argument": "INVALID_ARGUMENT",
    "unavailable": "UNAVAILABLE",
    "deadline": "DEADLINE_EXCEEDED",
    "internal": "INTERNAL",
}


class Failed(Exception):
    """A call that cannot be answered as it was asked."""

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text


def failed(refused: Refused) -> Failed:
    """Return what an actor's refusal is to a caller."""
    return Failed(_CODES[refused.code], refused.text)
