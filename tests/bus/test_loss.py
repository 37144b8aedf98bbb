# SPDX-License-Identifier: Apache-2.0
"""Real sockets with a man in the middle who loses messages."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zmq

from tests.bus.ring import Ring
from tests.bus.world import alarm, cleared


class Middle:
    """Passes everything between a speaker in one directory and readers in another, but losses."""

    def __init__(self, from_dir: Path, to_dir: Path) -> None:
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.loses: Callable[[list[bytes]], bool] = lambda _: False
        self.lost = 0
        self.pairs = [
            (self._one(zmq.XSUB, from_dir, "pub"), self._one(zmq.XPUB, to_dir, "pub")),
            (self._one(zmq.DEALER, from_dir, "rpc"), self._one(zmq.ROUTER, to_dir, "rpc")),
        ]
        self.callers: list[bytes] = []

    def _one(self, kind: int, run_dir: Path, suffix: str) -> zmq.Socket[bytes]:
        one = self.context.socket(kind)
        address = f"ipc://{run_dir}/speaker.{suffix}"
        if kind in (zmq.XSUB, zmq.DEALER):
            one.connect(address)
        else:
            one.bind(address)
        return one

    def turn(self) -> None:
        for here, there in self.pairs:
            while here.poll(0):
                frames = here.recv_multipart()
                if self.loses(frames):
                    self.lost += 1
                    continue
                to = self.callers[-1:] if there.type == zmq.ROUTER else []
                there.send_multipart([*to, *frames])
            while there.poll(0):
                frames = there.recv_multipart()
                if there.type == zmq.ROUTER:
                    self.callers.append(frames.pop(0))
                here.send_multipart(frames)


@pytest.fixture
def middle(run_dir: Path) -> Iterator[tuple[Middle, Path]]:
    far_dir = Path(tempfile.mkdtemp(prefix="maglev-"))
    middle = Middle(run_dir, far_dir)
    yield middle, far_dir
    middle.context.destroy(linger=0)
    shutil.rmtree(far_dir)


def topic(name: str) -> Callable[[list[bytes]], bool]:
    return lambda frames: frames[0] == name.encode() + b"\0"


def test_a_lost_message_is_noticed_by_the_next_one_or_the_heartbeat(
    ring: Ring, middle: tuple[Middle, Path]
) -> None:
    link, far_dir = middle
    speaker, reader = ring.speaker(), ring.reader(run_dir=far_dir)
    speaker.node.publish(alarm("web1"))

    def pass_on(wanted: Callable[[], bool]) -> None:
        def turned() -> bool:
            link.turn()
            return wanted()

        ring.until(turned)

    pass_on(lambda: len(reader.levels()) == 1)
    # A level in the middle of others: the next of its class tells.
    link.loses = topic("Alarm")
    speaker.node.publish(alarm("web2"))
    pass_on(lambda: link.lost == 1)
    link.loses = lambda _: False
    speaker.node.publish(alarm("web3"))
    pass_on(lambda: len(reader.levels()) == 3)
    # The last message of all: only the heartbeat can tell.
    link.loses = topic("AlarmCleared")
    speaker.node.publish(cleared("web1"))
    pass_on(lambda: link.lost == 2)
    pass_on(lambda: len(reader.levels()) == 2)
    assert [note.text.split(" ")[0] for note in reader.notes if note.kind == "resync"] == [
        "Alarm",
        "AlarmCleared",
    ]
    # A part of the snapshot: the whole is asked for again.
    link.loses = lambda frames: frames[0] == b"SnapshotPart\0" and link.lost == 2
    speaker.node.publish(alarm("web4"))
    ring.leave(reader)
    again = ring.reader(run_dir=far_dir)
    pass_on(lambda: len(again.levels()) == 3)
    assert link.lost == 3
