# SPDX-License-Identifier: Apache-2.0
"""VPP's binary API, typed: `vpp_papi` knows the messages, `link` moves them.

VPP serves its own definitions and vpp_papi turns them into packers; of vpp_papi's client nothing
else is used, for its reader ends silently at the first reply it cannot decode, and decodes a dump
of ten thousand ASes in one go.  Its table of types is global to the process and must never see the
definitions of two VPPs: the one learnt first is the state of this module (`_learnt`).  Look at
`VppApi.connect` for what is asked of a VPP.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib import resources
from operator import itemgetter
from pathlib import Path
from struct import Struct
from typing import Any

from vpp_papi import vpp_papi_async, vpp_serializer  # type: ignore[import-untyped]

from maglev.vpp.counts import Count, Counts
from maglev.vpp.link import HEADER, Link, VppGone, VppUnavailable
from maglev.vpp.waiters import Dump, Reply, Result

WEIGHT_MESSAGES = ("lb_conf_get", "lb_add_del_as_v2", "lb_as_set_weight", "lb_as_v2_dump")

# A real VPP has thousands of messages; only the API modules that have one of these are learnt.
_MODULES_WITH = {"control_ping", "cli_inband", "show_version", "lb_conf", "ip_route_lookup"}


class VppChanged(Exception):
    """This VPP has other messages than the one this process learnt: the process must start anew."""


@dataclass(frozen=True, slots=True)
class _Definitions:
    """The messages of a VPP, as vpp_papi's packers; `digest` is equal for equal message tables."""

    digest: bytes
    messages: Mapping[str, Any]


_learnt: _Definitions | None = None


class VppApi:
    """One client of a VPP: a connection for calls and one for bulk reads, which end together.

    `closed` gets the reason once they have; no call outlives them.
    """

    version: str
    build_date: str
    build_directory: str
    pid: int

    def __init__(self, calls: Link, reads: Link, definitions: _Definitions, counts: Counts) -> None:
        self._counts = counts
        self._calls = calls
        self._reads = reads
        self._messages = definitions.messages
        self._ids = {
            name: calls.table.get(f"{name}_{message.crc.removeprefix('0x')}", 0)
            for name, message in definitions.messages.items()
        }
        self._loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[str] = self._loop.create_future()
        for link in (calls, reads):
            link.lost.add_done_callback(lambda lost: self.close(lost.result()))

    @classmethod
    async def connect(
        cls,
        socket_path: Path,
        *,
        name: str = "vpp-maglev",
        reply_s: float = 5.0,
        counts: Counts | None = None,
    ) -> VppApi:
        """Connect to a VPP that answers each message within reply_s seconds; count them all.

        Raises VppUnavailable, whose text says which socket and why, and VppChanged.
        """
        links: list[Link] = []
        counts = counts or Counts()
        try:
            for who in (name, f"{name}-reads"):
                links.append(await Link.open(socket_path, who, reply_s))
            calls, reads = links
            api = cls(calls, reads, await _definitions(calls, counts), counts)
            await api._introduce()
        except BaseException as why:
            for link in links:
                link.close()
            if isinstance(why, VppGone):
                raise VppUnavailable(str(why)) from None
            raise
        return api

    @property
    def lb_plugin(self) -> bool:
        """Whether VPP has the lb plugin at all."""
        return self._offers("lb_conf")

    @property
    def weights_supported(self) -> bool:
        """Whether VPP offers all messages that AS weights need."""
        return all(map(self._offers, WEIGHT_MESSAGES))

    @property
    def in_flight(self) -> int:
        """The number of calls sent and not answered."""
        return self._calls.in_flight

    def call(
        self, message: str, fields: Mapping[str, object], *, bulk: bool = False
    ) -> asyncio.Future[Any]:
        """Send a message and return at once; the future gets vpp_papi's tuple, or VppGone."""
        link = self._reads if bulk else self._calls
        reply = self._messages[message + "_reply"]
        return _call(
            link,
            self._messages[message],
            self._ids[message],
            fields,
            reply,
            self._ids[reply.name],
            self._counts.of(message),
        )

    def prepare(self, message: str, names: Sequence[str]) -> Callable[..., asyncio.Future[int]]:
        """Return a fast way to call a message whose reply is nothing but a result.

        What is returned takes the values of the fields in the order of `names`, flattened as
        `pfx.address.un`; fields not named are 0.  Its future gets VPP's number, or VppGone.
        """
        packed, fields = _layout(self._messages[message])
        known = ("_vl_msg_id", "client_index", "context", *names)
        missing = set(known) - set(fields)
        if missing:
            raise VppUnavailable(f"{message} of VPP {self.version} lacks {sorted(missing)}")
        in_order = itemgetter(*(known.index(f) if f in known else len(known) for f in fields))
        frame = Struct(HEADER.format + packed.format.lstrip(">"))
        link, loop, handle = self._calls, self._loop, self._calls.handle
        message_id, reply_id, size = self._ids[message], self._ids[message + "_reply"], packed.size
        count = self._counts.of(message)

        def send(*values: int | bytes) -> asyncio.Future[int]:
            context = link.context()
            future: asyncio.Future[int] = loop.create_future()
            told = in_order((message_id, handle, context, *values, 0))
            count.sent += 1
            link.send(frame.pack(0, size, 0, *told), context, Result(future, reply_id, count))
            return future

        return send

    def dump(
        self, what: str, names: Sequence[str], each: Callable[[tuple[Any, ...]], None]
    ) -> asyncio.Future[None]:
        """Have `each` called for every `<what>_details`; the future ends after the last one.

        `each` gets the fields called `names`, flattened; addresses are bytes, enums are numbers.
        """
        request, end = self._messages[what + "_dump"], self._messages["control_ping"]
        packed, fields = _layout(self._messages[what + "_details"])
        pick = itemgetter(*(fields.index(name) for name in names))
        unpack_from = packed.unpack_from
        link, context = self._reads, self._reads.context()
        future: asyncio.Future[None] = self._loop.create_future()
        count = self._counts.of(request.name)
        count.sent += 1
        waiter = Dump(
            future,
            self._ids[what + "_details"],
            packed.size,
            self._ids["control_ping_reply"],
            lambda data, begin: each(pick(unpack_from(data, begin))),
            count,
        )
        frames = b"".join(
            _frame(message, self._ids[message.name], link, context, {})
            for message in (request, end)
        )
        link.send(frames, context, waiter)
        return future

    async def ping(self) -> None:
        """Return once both connections are answered.  Raises VppGone."""
        await asyncio.gather(*(self.call("control_ping", {}, bulk=bulk) for bulk in (False, True)))

    def close(self, why: str = "closed") -> None:
        """Close both connections; whatever waits gets VppGone."""
        if not self.closed.done():
            self.closed.set_result(why)
        self._calls.close(why)
        self._reads.close(why)

    def _offers(self, message: str) -> bool:
        return self._ids.get(message, 0) > 0

    async def _introduce(self) -> None:
        version = await self.call("show_version", {})
        self.version = version.version
        self.build_date = version.build_date
        self.build_directory = version.build_directory
        self.pid = (await self.call("control_ping", {})).vpe_pid


async def _definitions(link: Link, counts: Counts) -> _Definitions:
    """Return the definitions of this VPP, learnt now or found equal to those learnt before."""
    global _learnt
    digest = _digest(link)
    if _learnt is not None:
        if _learnt.digest != digest:
            raise VppChanged("VPP has other messages than before; this process must start anew")
        return _learnt
    bundled = resources.files("vpp_papi").joinpath("data/memclnt.api.json").read_text()
    messages, _ = vpp_papi_async.VPPApiJSONFiles.process_json_str(bundled)
    request, reply = messages["get_api_json"], messages["get_api_json_reply"]
    ids = [
        link.table.get(f"{one.name}_{one.crc.removeprefix('0x')}", 0) for one in (request, reply)
    ]
    if not all(ids):
        raise VppUnavailable("VPP does not offer get_api_json as this vpp_papi knows it")
    count = counts.of(request.name)
    served = await _call(link, request, ids[0], {}, reply, ids[1], count)
    if served.retval:
        raise VppUnavailable(f"VPP answered get_api_json with {served.retval}")
    try:
        modules = [
            module
            for module in json.loads(served.json)
            if _MODULES_WITH & {row[0] for row in module["messages"]}
        ]
        more, _ = vpp_papi_async.VPPApiJSONFiles.process_json_array_str(json.dumps(modules))
    except (ValueError, LookupError, TypeError) as why:
        raise VppUnavailable(f"VPP's definitions cannot be understood: {why!r}") from why
    _learnt = _Definitions(digest, {**messages, **more})
    return _learnt


def _digest(link: Link) -> bytes:
    return sha256("\n".join(sorted(link.table)).encode()).digest()


def _call(
    link: Link,
    message: Any,
    number: int,
    fields: Mapping[str, object],
    reply: Any,
    reply_number: int,
    count: Count,
) -> asyncio.Future[Any]:
    context = link.context()
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    waiter = Reply(future, reply_number, lambda data: reply.unpack(data)[0], count)
    count.sent += 1
    link.send(_frame(message, number, link, context, fields), context, waiter)
    return future


def _frame(
    message: Any, number: int, link: Link, context: int, fields: Mapping[str, object]
) -> bytes:
    told = {"_vl_msg_id": number, "client_index": link.handle, "context": context, **fields}
    unknown = told.keys() - message.field_by_name.keys()
    assert not unknown, f"{message.name} has no {sorted(unknown)}"
    packed: bytes = message.pack(told)
    return HEADER.pack(0, len(packed), 0) + packed


def _layout(message: Any) -> tuple[Struct, tuple[str, ...]]:
    """Return a struct for a message of fixed size, and the names of what it packs."""
    flat = list(_flat(message, ""))
    letters, names = "".join(letter for letter, _ in flat), tuple(name for _, name in flat)
    return Struct(">" + letters), names


def _flat(packer: Any, name: str) -> Iterator[tuple[str, str]]:
    """Yield a struct letter and a name for each scalar that one of vpp_papi's packers packs."""
    match packer:
        case vpp_serializer.BaseTypes():
            yield packer.packer.format.lstrip(">"), name
        case vpp_serializer.FixedList_u8():
            yield f"{packer.num}s", name
        case vpp_serializer.VPPUnionType():
            yield f"{packer.size}s", name
        case vpp_serializer.VPPEnumType():
            yield from _flat(vpp_serializer.types[packer.enumtype], name)
        case vpp_serializer.VPPTypeAlias():
            yield from _flat(packer.packer, name)
        case vpp_serializer.VPPType():
            for field, inner in zip(packer.fields, packer.packers, strict=True):
                yield from _flat(inner, f"{name}.{field}".lstrip("."))
        case _:
            raise VppUnavailable(f"{name}: {type(packer).__name__} has no fixed size")
