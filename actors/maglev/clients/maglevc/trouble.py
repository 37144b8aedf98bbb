# SPDX-License-Identifier: Apache-2.0
"""What goes wrong, in words for whoever typed the command."""

from __future__ import annotations


class BadLine(ValueError):
    """These words are no command; the text says where, what was wanted and what came."""


class Trouble(Exception):
    """A call failed; the text is the daemon's, or says why the daemon cannot be reached."""

    def __init__(self, text: str, *, not_found: bool = False) -> None:
        super().__init__(text)
        self.not_found = not_found
