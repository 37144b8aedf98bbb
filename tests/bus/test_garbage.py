# SPDX-License-Identifier: Apache-2.0
"""Bytes that mean nothing, from raw sockets: counted, named, and harmless."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zmq

from maglev.actor import Asked, Caller
from maglev.bus import wire
from maglev.bus.client import ask
from maglev.bus.mouth import SNAPSHOTS_MAX
from maglev.bus.notes import Note
from maglev.messages import Answer, Done, Heartbeat, ProbesSeen, Refused
from tests.bus.ring import ASKED, Member, Ring
from tests.bus.world import alarm
from tests.support import eventually

Raw = zmq.Socket[bytes]
BEAT = Heartbeat(actor="speaker", pid=1, started_ns=0, positions={}, lag_ms_max=0.0)
WEB1 = ("Alarm", ("test", "web1"))


Open = Callable[[int, str], Raw]


@pytest.fixture
def raw_socket(run_dir: Path) -> Iterator[Open]:
    """Sockets of a stranger, connected in the run directory; XPUB and ROUTER bind."""
    context: zmq.Context[Raw] = zmq.Context()
    opened: list[Raw] = []

    def open_one(kind: int, name: str) -> Raw:
        opened.append(context.socket(kind))
        join = opened[-1].bind if kind in (zmq.XPUB, zmq.ROUTER) else opened[-1].connect
        join(f"ipc://{run_dir / name}")
        return opened[-1]

    yield open_one
    context.destroy(linger=0)


def received(ring: Ring, raw: Raw) -> list[bytes]:
    got: list[bytes] = []

    def arrived() -> bool:
        if raw.poll(0):
            got.extend(raw.recv_multipart())
        return bool(got)

    ring.until(arrived)
    return got


def header(epoch: int, number: int = 1, deadline_s: float | None = None) -> bytes:
    until_s = time.monotonic() + 20 if deadline_s is None else deadline_s
    return wire.encode(wire.RequestHeader("raw", epoch, number, until_s, 0.0))


def test_a_token_comes_back_through_the_pipe_it_was_sent_into(ring: Ring, raw_socket: Open) -> None:
    speaker = ring.speaker()
    raw = raw_socket(zmq.SUB, "speaker.pub")
    raw.subscribe(b"Alarm\0")
    raw.subscribe(b"~raw.1\0")
    topic, head, body = received(ring, raw)
    assert (topic, body) == (b"~raw.1\0", b"")
    assert wire.decode_as(wire.Header, head).epoch == speaker.node.epoch
    speaker.node.publish(alarm("web1"))
    assert received(ring, raw)[0] == b"Alarm\0"


@pytest.mark.parametrize(
    "frames",
    [
        [b""],
        [b"SyncVpp\0", b"", b""],
        [b"SyncVpp\0", b"\x94\xa1x\x01\x01\x01", b""],
        [b"SyncVpp\0", b"\xc1" * 50, b"\xc1" * 50],
        [b"SnapshotWanted\0", header(0), b"\x91\xff"],
        [b"Verdict\0", header(0), b"\x80"],
        [b"\xff\xfe\0", header(0), b"\x80"],
        [b"x"] * 50,
    ],
    ids=range(8),
)
def test_garbage_in_a_request_is_counted_and_the_next_request_is_answered(
    frames: list[bytes], ring: Ring, raw_socket: Open
) -> None:
    speaker = ring.speaker()
    raw = raw_socket(zmq.DEALER, "speaker.rpc")
    raw.send_multipart(frames)
    ring.until(lambda: "garbage" in speaker.kinds())
    (note,) = speaker.notes
    assert note.peer == "raw" or bytes.fromhex(note.peer)
    raw.send_multipart([b"SyncVpp\0", header(speaker.node.epoch, 3), wire.encode(ASKED)])
    ring.until(speaker.asked)
    speaker.node.reply(speaker.asked()[0].caller, Done())
    topic, head, _ = received(ring, raw)
    assert topic == b"Done\0"
    assert wire.decode_as(wire.AnswerHeader, head).id == 3


def test_an_answer_sent_as_a_request_is_refused(ring: Ring, raw_socket: Open) -> None:
    speaker = ring.speaker()
    raw = raw_socket(zmq.DEALER, "speaker.rpc")
    raw.send_multipart([b"Done\0", header(speaker.node.epoch), wire.encode(Done())])
    _, _, body = received(ring, raw)
    assert wire.decode("Refused", body) == Refused(
        code="invalid_argument", text="speaker does not answer Done"
    )


@pytest.mark.parametrize(
    ("off", "late_s", "code"), [(0, 1.0, "deadline"), (-1, -20.0, "unavailable")]
)
def test_a_request_that_is_late_or_for_another_process_is_refused_and_not_carried_out(
    off: int, late_s: float, code: str, ring: Ring, raw_socket: Open
) -> None:
    speaker = ring.speaker()
    raw = raw_socket(zmq.DEALER, "speaker.rpc")
    head = header(speaker.node.epoch + off, 1, time.monotonic() - late_s)
    raw.send_multipart([b"SyncVpp\0", head, wire.encode(ASKED)])
    _, _, body = received(ring, raw)
    refused = wire.decode("Refused", body)
    assert isinstance(refused, Refused)
    assert refused.code == code
    assert speaker.asked() == []


def test_who_subscribes_to_everything_listens_to_everything(ring: Ring, raw_socket: Open) -> None:
    speaker, raw = ring.speaker(), raw_socket(zmq.SUB, "speaker.pub")
    raw.subscribe(b"")
    ring.until(lambda: speaker.node.listened(ProbesSeen))
    raw.unsubscribe(b"")
    ring.until(lambda: not speaker.node.listened(ProbesSeen))


def test_garbage_is_no_answer_to_a_question(ring: Ring, run_dir: Path, raw_socket: Open) -> None:
    router = raw_socket(zmq.ROUTER, "speaker.rpc")
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(ask(run_dir, "speaker", ASKED, 1.0)))
    thread.start()
    caller = received(ring, router)[0]
    head = wire.encode(wire.AnswerHeader("speaker", 5, 1, 0.0))
    for frames in ([b"x"], [b"", b"", b""], [b"SnapshotPart\0", head, b"\xc1"]):
        router.send_multipart([caller, *frames])
    thread.join()
    text = "speaker is not there to answer SyncVpp"
    assert answers == [Refused(code="unavailable", text=text)]


@pytest.mark.parametrize(
    "frames",
    [
        [b"x"],
        [b"Done\0", b"\xc1", b"\x80"],
        [b"Done\0", wire.encode(wire.AnswerHeader("speaker", 5, 1, 0.0)), b"\xc1"],
        [b"SnapshotPart\0", wire.encode(wire.AnswerHeader("speaker", 5, 1, 0.0)), b"\x80"],
        [b"SyncVpp\0", wire.encode(wire.AnswerHeader("speaker", 5, 1, 0.0)), wire.encode(ASKED)],
    ],
    ids=range(5),
)
def test_garbage_in_an_answer_is_counted(frames: list[bytes], ring: Ring, raw_socket: Open) -> None:
    router, impostor = raw_socket(zmq.ROUTER, "speaker.rpc"), Impostor(raw_socket)
    reader = ring.reader({"speaker": (Heartbeat,)})
    impostor.wait_for_reader(ring)
    impostor.beat()
    ring.until(lambda: reader.told() == ["Synced", "Heard"])
    reader.node.ask("speaker", ASKED, 20.0, ask_id=9)
    caller = received(ring, router)[0]
    router.send_multipart([caller, *frames])
    ring.until(lambda: "garbage" in reader.kinds())
    head = wire.encode(wire.AnswerHeader("speaker", 5, 1, 0.0))
    router.send_multipart([caller, b"Done\0", head, wire.encode(Done())])
    ring.until(reader.answers)
    assert reader.answers()[0].ask_id == 9


def test_garbage_sent_into_a_publisher_is_counted(ring: Ring, raw_socket: Open) -> None:
    speaker, reader = ring.speaker(), ring.reader()
    raw = raw_socket(zmq.XSUB, "speaker.pub")
    for frames in ([b"nonsense"], [b""], [b"\1Alarm\0", b"more"], [b"\1" + b"x" * 100_000]):
        raw.send_multipart(frames)
    ring.until(lambda: sum(note.kind == "garbage" for note in speaker.notes) >= 3)
    speaker.node.publish(alarm("web1"))
    ring.until(lambda: WEB1 in reader.levels())


def test_who_sends_too_much_is_cut_off_and_everybody_else_is_not(
    ring: Ring, raw_socket: Open
) -> None:
    speaker, reader = ring.speaker(), ring.reader()
    ring.until(lambda: reader.told())
    raw = raw_socket(zmq.DEALER, "speaker.rpc")
    raw.send_multipart([b"SyncVpp\0", header(speaker.node.epoch), b"x" * (9 << 20)])
    raw.send_multipart([b"SyncVpp\0", header(speaker.node.epoch), wire.encode(ASKED)])
    ring.until(speaker.asked, "the connection is made anew")
    assert speaker.notes == [], "what is too long is not even taken in"
    speaker.node.publish(alarm("web1"))
    ring.until(lambda: WEB1 in reader.levels())


class Impostor:
    """A raw publisher at the place of the speaker."""

    def __init__(self, raw_socket: Open) -> None:
        self.raw = raw_socket(zmq.XPUB, "speaker.pub")
        self.sequence = 0

    def wait_for_reader(self, ring: Ring) -> None:
        received(ring, self.raw)

    def beat(self, sender: str = "speaker", body: bytes | None = None) -> None:
        self.sequence += 1
        head = wire.encode(wire.Header(sender, 5, self.sequence, 0.0))
        body = wire.encode(BEAT) if body is None else body
        self.raw.send_multipart([b"Heartbeat\0", head, body])


@pytest.mark.parametrize(
    "frames",
    [
        [b"Heartbeat\0"],
        [b"Heartbeat\0", b"", b""],
        [b"Heartbeat\0", b"\xc1", b"\x80"],
        [b"Heartbeat\0", wire.encode(wire.Header("speaker", 5, 2, 0.0)), b"\xc1"],
        [b"Heartbeat\0x\0", wire.encode(wire.Header("speaker", 5, 2, 0.0)), b"\x80"],
        [b"Heartbeat\0", wire.encode(wire.Header("somebody", 5, 2, 0.0)), wire.encode(BEAT)],
        [b"Heartbeat\0", wire.encode(wire.Header("speaker", 5, 2, 0.0)), b"x" * (5 << 20)],
        [b"Heartbeat\0", b"x" * (5 << 20), b""],
        [b"Heartbeat\0"] * 9,
    ],
    ids=range(9),
)
def test_garbage_from_a_speaker_is_counted_and_the_next_message_is_heard(
    frames: list[bytes], ring: Ring, raw_socket: Open
) -> None:
    impostor = Impostor(raw_socket)
    reader = ring.reader({"speaker": (Heartbeat,)})
    impostor.wait_for_reader(ring)
    impostor.beat()
    ring.until(lambda: reader.told() == ["Synced", "Heard"])
    impostor.raw.send_multipart(frames)
    ring.until(lambda: "garbage" in reader.kinds())
    assert {note.peer for note in reader.notes if note.kind == "garbage"} == {"speaker"}
    impostor.sequence += 5
    impostor.beat()
    ring.until(lambda: reader.told() == ["Synced", "Heard", "Heard"])


def snapshot_taken_in(speaker: Member, raw: Raw) -> Caller:
    """Have 2000 levels asked for, and return the caller before any part of them is sent."""
    for number in range(2000):
        speaker.node.publish(alarm(f"web{number}"))
    speaker.turn()
    wanted = wire.encode(wire.SnapshotWanted(("Alarm",)))
    for topic, body in ((b"SnapshotWanted\0", wanted), (b"SyncVpp\0", wire.encode(ASKED))):
        raw.send_multipart([topic, header(speaker.node.epoch), body])
    callers: list[Caller] = []

    def taken_in() -> bool:
        events = speaker.node.receive(time.monotonic())
        callers.extend(event.caller for event in events if isinstance(event, Asked))
        return bool(callers)

    eventually(taken_in)
    return callers[0]


def test_a_snapshot_under_way_makes_the_next_turn_due_at_once(ring: Ring, raw_socket: Open) -> None:
    speaker, raw = ring.speaker(), raw_socket(zmq.DEALER, "speaker.rpc")
    snapshot_taken_in(speaker, raw)
    turns = 0
    while speaker.node.tick(now_s := time.monotonic()) <= now_s:
        turns += 1
    assert turns >= 3
    parts = [wire.decode_as(wire.SnapshotPart, received(ring, raw)[2]) for _ in range(8)]
    assert [part.index for part in parts] == list(range(8))


def test_a_snapshot_for_somebody_who_left_is_given_up_at_the_first_part(
    ring: Ring, raw_socket: Open
) -> None:
    speaker, raw = ring.speaker(), raw_socket(zmq.DEALER, "speaker.rpc")
    caller = snapshot_taken_in(speaker, raw)
    raw.close()

    def is_gone() -> bool:
        speaker.node.receive(time.monotonic())
        speaker.node.reply(caller, Done())
        speaker.node.flush()
        return bool(speaker.node.take_notes())

    eventually(is_gone)
    for _ in range(10):
        speaker.turn()
    assert [note.kind for note in speaker.notes] == ["unsent"]


def test_the_snapshots_under_way_are_bounded(ring: Ring, raw_socket: Open) -> None:
    speaker = ring.speaker()
    for number in range(2000):
        speaker.node.publish(alarm(f"web{number}"))
    speaker.node.flush()
    wanted = wire.encode(wire.SnapshotWanted(("Alarm",)))
    for _ in range(SNAPSHOTS_MAX + 3):
        raw = raw_socket(zmq.DEALER, "speaker.rpc")
        raw.send_multipart([b"SnapshotWanted\0", header(0), wanted])
    notes: list[Note] = []

    def refused() -> bool:
        speaker.node.receive(time.monotonic())  # and no tick, which would send them
        notes.extend(speaker.node.take_notes())
        return len(notes) == 3

    eventually(refused)
    assert {note.text for note in notes} == {f"snapshot not sent: {SNAPSHOTS_MAX} are under way"}
