# SPDX-License-Identifier: Apache-2.0
"""Rings of events, read by each at its own pace: order, loss, bounds, waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from maglev.gateway.streams import KINDS, Kind, Reader, Streams


def all_of(reader: Reader) -> list[bytes | int]:
    """Everything a reader gets now; numbers are events it lost."""
    got: list[bytes | int] = []
    while True:
        if lost := reader.lost():
            got.append(lost)
        event = reader.take()
        if event is None:
            return got
        got.append(event)


def test_a_reader_gets_what_is_published_from_its_begin_on() -> None:
    streams = Streams()
    streams.publish("backend", b"before")
    reader = streams.reader(["backend"])
    streams.publish("backend", b"after")
    assert all_of(reader) == [b"after"]
    assert all_of(reader) == []


def test_kinds_are_read_in_the_order_in_which_they_were_published() -> None:
    streams = Streams()
    reader = streams.reader(["frontend", "info", "backend"])
    for kind in ("backend", "info", "error", "frontend", "info", "backend"):
        streams.publish(kind, kind.encode())  # type: ignore[arg-type]
    assert all_of(reader) == [b"backend", b"info", b"frontend", b"info", b"backend"]


def test_a_flood_of_one_kind_pushes_nothing_of_another_out() -> None:
    streams = Streams(events_max=4)
    reader = streams.reader(["backend", "debug"])
    streams.publish("backend", b"down")
    for _ in range(100):
        streams.publish("debug", b"probe")
    assert all_of(reader) == [96, b"down", *[b"probe"] * 4]


def test_what_is_kept_is_bounded_in_bytes() -> None:
    streams = Streams(bytes_max=10)
    reader = streams.reader(["info"])
    for text in (b"aaaa", b"bbbb", b"cccc", b"d" * 99):
        streams.publish("info", text)
    assert all_of(reader) == [3, b"d" * 99]


def test_whoever_waits_is_woken_by_an_event_of_its_kinds_and_by_the_end() -> None:
    async def story() -> None:
        streams = Streams()
        reader = streams.reader(["backend", "info"])
        waiting = asyncio.ensure_future(reader.wait())
        await asyncio.sleep(0)
        streams.publish("frontend", b"no")
        await asyncio.sleep(0)
        assert not waiting.done()
        streams.publish("info", b"yes")
        assert await waiting
        assert await reader.wait(), "there is an event to read: nothing to wait for"
        assert all_of(reader) == [b"yes"]
        waiting = asyncio.ensure_future(reader.wait())
        await asyncio.sleep(0)
        streams.end()
        assert not await waiting
        assert not await reader.wait()

    asyncio.run(story())


def test_a_reader_that_leaves_while_it_waits_leaves_nothing_behind() -> None:
    async def story() -> None:
        streams = Streams()
        reader = streams.reader(KINDS)
        waiting = asyncio.ensure_future(reader.wait())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert not any(ring.waiting for ring in streams._rings.values())

    asyncio.run(story())


@given(
    kinds=st.sets(st.sampled_from(KINDS), min_size=1),
    steps=st.lists(st.sampled_from([*KINDS, "read"]), max_size=60),
    events_max=st.integers(1, 5),
)
def test_every_event_is_read_once_in_order_or_counted_as_lost(
    kinds: set[Kind], steps: Sequence[str], events_max: int
) -> None:
    streams = Streams(events_max=events_max)
    reader = streams.reader(kinds)
    wanted: list[bytes] = []
    got: list[bytes | int] = []
    for number, step in enumerate(steps):
        if step == "read":
            got += all_of(reader)
        else:
            event = b"%d" % number
            streams.publish(step, event)  # type: ignore[arg-type]
            if step in kinds:
                wanted.append(event)
    got += all_of(reader)
    read = [int(one) for one in got if isinstance(one, bytes)]
    assert read == sorted(set(read))
    assert {b"%d" % one for one in read} <= set(wanted)
    assert len(read) + sum(one for one in got if isinstance(one, int)) == len(wanted)
