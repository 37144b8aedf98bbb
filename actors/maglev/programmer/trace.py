# SPDX-License-Identifier: Apache-2.0
"""Every call to VPP and every answer as a log line, for whoever debugs; costs nothing otherwise.

`traced` makes a VppApi that tells what passes through it; without debug the plain one is used, so
there is no test on the way of a call.  There is no state; look at `_worded` for how fields read.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address
from typing import Any

from maglev.vpp.papi import VppApi

TEXT_MAX = 200
"""Characters of a field; the answer to a command may have a million."""

Write = Callable[[str, dict[str, object]], None]
"""Writes a line: its message and its fields."""


def traced(write: Write) -> type[VppApi]:
    """Return a VppApi that writes a line for each call and for each answer."""

    class Traced(_Traced):
        def tell(self, msg: str, fields: dict[str, object]) -> None:
            write(msg, fields)

    return Traced


class _Traced(VppApi):
    """A VppApi whose calls and answers are told."""

    @abstractmethod
    def tell(self, msg: str, fields: dict[str, object]) -> None:
        """Write a line."""

    def call(
        self, message: str, fields: Mapping[str, object], *, bulk: bool = False
    ) -> asyncio.Future[Any]:
        self.tell("vpp-api-send", {"message": message, **_short(fields)})
        future = super().call(message, fields, bulk=bulk)
        future.add_done_callback(lambda done: self._answered(message, done))
        return future

    def prepare(self, message: str, names: Sequence[str]) -> Callable[..., asyncio.Future[int]]:
        send = super().prepare(message, names)

        def send_traced(*values: int | bytes) -> asyncio.Future[int]:
            self.tell("vpp-api-send", {"message": message, **_worded(names, values)})
            future = send(*values)
            future.add_done_callback(lambda done: self._answered(message, done))
            return future

        return send_traced

    def dump(
        self, what: str, names: Sequence[str], each: Callable[[tuple[Any, ...]], None]
    ) -> asyncio.Future[None]:
        count = 0

        def counted(told: tuple[Any, ...]) -> None:
            nonlocal count
            count += 1
            each(told)

        def ended(done: asyncio.Future[None]) -> None:
            if done.exception() is None:
                self.tell("vpp-api-recv-multi", {"message": f"{what}_details", "count": count})

        self.tell("vpp-api-send-multi", {"message": f"{what}_dump"})
        future = super().dump(what, names, counted)
        future.add_done_callback(ended)
        return future

    def _answered(self, message: str, done: asyncio.Future[Any]) -> None:
        if done.exception() is not None:
            return  # VppGone: the end of the connection says why
        reply = done.result()
        fields = {"retval": reply} if isinstance(reply, int) else _short(reply._asdict())
        self.tell("vpp-api-recv", {"message": f"{message}_reply", **fields})


def _worded(names: Sequence[str], values: Sequence[int | bytes]) -> dict[str, object]:
    """Return flattened fields with addresses and prefixes as text again."""
    fields: dict[str, Any] = dict(zip(names, values, strict=True))
    for name in [name.removesuffix(".un") for name in names if name.endswith(".un")]:
        packed = fields.pop(f"{name}.un")
        address = str(ip_address(packed if fields.pop(f"{name}.af") else packed[:4]))
        prefix = name.removesuffix(".address")
        length = fields.pop(f"{prefix}.len", None)
        fields[prefix] = address if length is None else f"{address}/{length}"
    return fields


def _short(fields: Mapping[str, object]) -> dict[str, object]:
    return {
        name: value[:TEXT_MAX] if isinstance(value, str) else value
        for name, value in fields.items()
        if not name.startswith("_")
    }
