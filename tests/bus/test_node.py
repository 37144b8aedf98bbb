# SPDX-License-Identifier: Apache-2.0
"""Nodes over real sockets: joining, holes, slow readers, requests."""

import select
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from maglev.actor import Asked, Heard, Synced
from maglev.bus.node import Node, speakers
from maglev.bus.requests import OPEN_MAX
from maglev.core.timers import Timers
from maglev.messages import (
    Alarm,
    AlarmCleared,
    Done,
    Heartbeat,
    LogLine,
    ProbesSeen,
    Refused,
    ReloadConfig,
)
from tests.bus.ring import ASKED, FAST, HEARS, SAYS, Ring
from tests.bus.world import alarm, cleared, seen
from tests.support import eventually

WEB1 = ("Alarm", ("test", "web1"))


def test_a_late_joiner_gets_all_levels_and_then_every_message(ring: Ring) -> None:
    speaker = ring.speaker()
    for number in range(1000):
        speaker.node.publish(alarm(f"web{number}"))
    speaker.node.publish(cleared("web0"))
    speaker.node.flush()
    reader = ring.reader()
    ring.until(lambda: reader.told())
    assert reader.told()[:1] == ["Synced"]
    assert len(reader.levels()) == 999
    speaker.node.publish(cleared("web1"))
    ring.until(lambda: WEB1 not in reader.levels())
    assert reader.told().count("Synced") == 1


def test_a_reader_may_be_there_before_the_speaker(ring: Ring) -> None:
    reader = ring.reader()
    for _ in range(20):
        ring.turn()
    speaker = ring.speaker()
    speaker.node.publish(alarm("web1"))
    ring.until(lambda: WEB1 in reader.levels())


def test_a_speaker_without_levels_is_synced_with_nothing(ring: Ring) -> None:
    ring.speaker()
    reader = ring.reader()
    ring.until(lambda: reader.told() == ["Synced"])
    assert reader.levels() == {}


KEYS = 20


def chatter(run_dir: Path, ready: threading.Event, stop: threading.Event) -> None:
    """Speak without pause: message n is about object n modulo KEYS."""
    node = Node(run_dir, "speaker", SAYS, {}, Timers(), objects=100_000)
    number = 0
    while not stop.is_set():
        now_s = time.monotonic()
        node.receive(now_s)
        for _ in range(3):
            node.publish(alarm(str(number % KEYS), str(number)))
            number += 1
        node.flush()
        node.tick(now_s)
        if number > KEYS:
            ready.set()
            time.sleep(0.0002)
    node.close()


def test_no_snapshot_has_a_hole_to_its_stream_in_60_tries(run_dir: Path) -> None:
    ready, stop = threading.Event(), threading.Event()
    thread = threading.Thread(target=chatter, args=(run_dir, ready, stop))
    thread.start()
    try:
        assert ready.wait(20.0)
        for _ in range(60):
            node = Node(run_dir, "reader", (), {"speaker": (Alarm,)}, Timers(), binds=False)
            latest: dict[str, int] = {}
            heard = 0

            def listen(node: Node = node, latest: dict[str, int] = latest) -> int:
                nonlocal heard
                for event in node.receive(time.monotonic()):
                    match event:
                        case Synced(_, _, messages):
                            latest.update((m.about, int(m.text)) for m in messages)  # type: ignore[attr-defined]
                        case Heard(_, message):
                            assert isinstance(message, Alarm)
                            heard += 1
                            # A refresh says what is known; anything else is one step ahead.
                            newest = max(latest.values())
                            assert int(message.text) in (newest + 1, latest[message.about])
                            latest[message.about] = int(message.text)
                    numbers = sorted(latest.values())
                    assert numbers == list(range(numbers[0], numbers[0] + KEYS))
                node.tick(time.monotonic())
                return heard > 50

            eventually(listen)
            assert node.take_notes() == []
            node.close()
    finally:
        stop.set()
        thread.join()


def test_a_slow_reader_misses_messages_and_the_healthy_one_beside_it_none(ring: Ring) -> None:
    speaker, slow, healthy = ring.speaker(), ring.reader(), ring.reader()
    ring.until(lambda: slow.told() and healthy.told())
    ring.members.remove(slow)
    for number in range(20_000):
        speaker.node.publish(alarm(f"web{number % 500}", f"{number}" + "x" * 300))
        if number % 50 == 49:
            # However slow the machine is: the healthy one stays within what the queues hold.
            ring.until(lambda number=number: len(healthy.told()) > number - 1000)
    ring.until(lambda: len(healthy.told()) > 20_000)
    assert healthy.told().count("Synced") == 1
    ring.members.append(slow)
    ring.until(lambda: slow.levels() == healthy.levels())
    assert slow.told().count("Synced") > 1
    assert "resync" in slow.kinds()
    speaker.node.publish(alarm("web1", "after"))
    ring.until(lambda: slow.levels()[WEB1] == alarm("web1", "after"))


def test_a_speaker_that_leaves_is_lost_and_its_successor_is_synced(ring: Ring) -> None:
    first, reader = ring.speaker(), ring.reader()
    first.node.publish(alarm("web1"))
    ring.until(lambda: WEB1 in reader.levels())
    ring.leave(first)
    ring.until(lambda: not reader.folds["speaker"].told_alive())
    assert WEB1 in reader.levels(), "stale, and never taken away"
    second = ring.speaker()
    second.node.publish(alarm("web2"))
    ring.until(lambda: list(reader.levels()) == [("Alarm", ("test", "web2"))])
    assert second.node.epoch > first.node.epoch


def test_a_reader_that_was_stopped_itself_does_not_call_anybody_lost(ring: Ring) -> None:
    speaker, reader = ring.speaker(), ring.reader(timers=FAST)
    speaker.node.publish(alarm("web1"))
    ring.until(lambda: WEB1 in reader.levels())
    ring.members.remove(reader)
    until_s = time.monotonic() + 2 * FAST.rebuild_s
    ring.until(lambda: time.monotonic() > until_s)
    ring.leave(speaker)
    # Nothing is left to be read but what was said before; only now does the silence count.
    reader.turn()
    assert "Lost" not in reader.told()
    ring.members.append(reader)
    ring.until(lambda: "Lost" in reader.told())


def test_it_is_known_whether_anybody_listens(ring: Ring) -> None:
    speaker = ring.speaker()
    assert not speaker.node.listened(ProbesSeen)
    reader = ring.reader({"speaker": (ProbesSeen, LogLine)})
    ring.until(lambda: speaker.node.listened(ProbesSeen))
    assert speaker.node.listened(LogLine)
    assert not speaker.node.listened(Alarm)
    speaker.node.publish(seen("web1"))
    ring.until(lambda: "Heard" in reader.told())
    ring.leave(reader)
    ring.until(lambda: not speaker.node.listened(ProbesSeen))


def test_a_tool_hears_everything_without_a_socket_of_its_own(ring: Ring, run_dir: Path) -> None:
    speaker, other = ring.speaker("speaker"), ring.speaker("speaker-2")
    assert speakers(run_dir) == ["speaker", "speaker-2"]
    tool = ring.reader({name: (*SAYS, Heartbeat, LogLine) for name in speakers(run_dir)})
    ring.until(lambda: tool.told("speaker") and tool.told("speaker-2"))
    speaker.node.publish(alarm("web1"))
    other.node.publish(seen("web1"))
    line = LogLine(actor="speaker-2", at_ns=1, level="info", msg="m", fields={})
    other.node.publish(line)

    def heard() -> set[tuple[str, str]]:
        told = (event for event in tool.events if isinstance(event, Heard))
        return {(event.speaker, type(event.message).__name__) for event in told}

    wanted = {("speaker", "Alarm"), ("speaker-2", "ProbesSeen"), ("speaker-2", "LogLine")}
    ring.until(lambda: wanted <= heard())
    assert not list(run_dir.glob("reader*"))


def test_the_answer_to_a_change_names_where_it_is_visible(ring: Ring) -> None:
    speaker, reader = ring.speaker(), ring.reader()
    ring.until(lambda: reader.told())
    reader.node.ask("speaker", ASKED, 20.0, ask_id=5)
    ring.until(speaker.asked)
    (asked,) = speaker.asked()
    assert asked.request == ASKED
    speaker.node.reply(asked.caller, Done(text="done"), Alarm)
    speaker.node.publish(alarm("web1"))
    speaker.node.publish(alarm("web2"))
    ring.until(reader.answers)
    (answered,) = reader.answers()
    assert answered.ask_id == 5
    assert answered.answer == Done(
        text="done", epoch=speaker.node.epoch, cls="Alarm", sequence=speaker.node.position(Alarm)
    )
    assert speaker.node.position(Alarm) == 2


def test_the_heartbeat_has_the_positions_of_all_that_was_published_before_it(ring: Ring) -> None:
    speaker, reader = ring.speaker(), ring.reader({"speaker": (Heartbeat,)})
    ring.until(lambda: reader.told())
    speaker.node.publish(alarm("web1"))
    speaker.node.beat(lag_ms_max=1234.0)

    def beats() -> list[Heartbeat]:
        heard = (event.message for event in reader.events if isinstance(event, Heard))
        beats = (message for message in heard if isinstance(message, Heartbeat))
        return [beat for beat in beats if beat.lag_ms_max == 1234.0]

    ring.until(beats)
    assert beats()[0].positions["Alarm"] == 1


def test_what_is_not_answered_ends_at_its_deadline(ring: Ring) -> None:
    speaker, reader = ring.speaker(), ring.reader()
    ring.until(lambda: reader.told())
    started_s = time.monotonic()
    reader.node.ask("speaker", ASKED, 0.3, ask_id=5)
    ring.until(reader.answers)
    assert time.monotonic() - started_s >= 0.3
    text = "speaker did not answer SyncVpp in time"
    assert reader.answers()[0].answer == Refused(code="deadline", text=text)
    speaker.node.reply(speaker.asked()[0].caller, Done())
    ring.turn()
    ring.turn()
    assert len(reader.answers()) == 1, "an answer that comes too late is nobody's"


def test_a_speaker_that_is_not_there_cannot_be_asked(ring: Ring) -> None:
    reader = ring.reader()
    reader.node.ask("speaker", ASKED, 20.0, ask_id=5)
    ring.until(reader.answers)
    text = "speaker is not there to answer SyncVpp"
    assert reader.answers()[0].answer == Refused(code="unavailable", text=text)


def test_the_open_questions_are_bounded(ring: Ring) -> None:
    _, reader = ring.speaker(), ring.reader()
    ring.until(lambda: reader.told())
    for number in range(OPEN_MAX + 1):
        reader.node.ask("speaker", ASKED, 60.0, ask_id=number)
    ring.until(reader.answers)
    (answered,) = reader.answers()
    text = f"SyncVpp not asked: {OPEN_MAX} questions are open"
    assert (answered.ask_id, answered.answer) == (
        OPEN_MAX,
        Refused(code="unavailable", text=text),
    )


def test_a_question_nobody_answers_here_is_refused(ring: Ring) -> None:
    _, reader = ring.speaker(), ring.reader()
    ring.until(lambda: reader.told())
    reader.node.ask("speaker", ReloadConfig(who="w", origin="o"), 20.0, ask_id=5)
    ring.until(reader.answers)
    text = "speaker does not answer ReloadConfig"
    assert reader.answers()[0].answer == Refused(code="invalid_argument", text=text)


def test_an_answer_that_is_too_long_is_refused_instead(ring: Ring) -> None:
    speaker, reader = ring.speaker(), ring.reader()
    ring.until(lambda: reader.told())
    reader.node.ask("speaker", ASKED, 20.0, ask_id=5)
    ring.until(speaker.asked)
    speaker.node.reply(speaker.asked()[0].caller, Done(text="x" * (5 << 20)))
    ring.until(reader.answers)
    answer = reader.answers()[0].answer
    assert isinstance(answer, Refused)
    assert answer.code == "internal"


def test_whoever_asked_and_is_gone_is_counted_and_nothing_else(ring: Ring) -> None:
    speaker, reader, other = ring.speaker(), ring.reader(), ring.reader()
    ring.until(lambda: reader.told() and other.told())
    reader.node.ask("speaker", ASKED, 20.0, ask_id=5)
    ring.until(speaker.asked)
    ring.leave(reader)
    caller = speaker.asked()[0].caller

    def unsent() -> bool:
        speaker.node.reply(caller, Done())
        return "unsent" in speaker.kinds()

    ring.until(unsent)
    speaker.node.publish(alarm("web1"))
    ring.until(lambda: WEB1 in other.levels())


def test_a_message_that_is_too_long_harms_no_other(ring: Ring) -> None:
    speaker, reader = ring.speaker(), ring.reader()
    ring.until(lambda: reader.told())
    speaker.node.publish(alarm("web2", "x" * (5 << 20)))
    speaker.node.publish(alarm("web1"))
    ring.until(lambda: WEB1 in reader.levels())
    assert reader.told().count("Synced") == 1
    assert speaker.kinds() == {"unsayable"}


def test_what_an_actor_does_not_declare_it_cannot_say(ring: Ring) -> None:
    speaker = ring.speaker()
    with pytest.raises(AssertionError, match="speaker does not say Refused"):
        speaker.node.publish(Refused(code="internal", text=""))  # type: ignore[arg-type]


def test_a_message_whose_signal_a_send_used_up_makes_the_next_turn_due_at_once(
    ring: Ring,
) -> None:
    speaker, reader = ring.speaker(), ring.reader()
    ring.until(lambda: reader.told())
    reader.node.ask("speaker", ASKED, 60.0, ask_id=0)
    ring.until(speaker.asked)
    caller = speaker.asked()[0].caller

    def signal_was_used_up() -> bool:
        while speaker.node.tick(time.monotonic()) <= time.monotonic():
            speaker.turn()
        reader.node.ask("speaker", ASKED, 60.0, ask_id=1)
        assert select.select([speaker.node], [], [], 20.0)[0]
        speaker.node.reply(caller, Done())
        speaker.node.flush()
        is_signalled = bool(select.select([speaker.node], [], [], 0)[0])
        now_s = time.monotonic()
        assert speaker.node.tick(now_s) <= now_s
        return not is_signalled

    eventually(signal_was_used_up)


def test_processes_that_only_wait_on_their_descriptors_miss_nothing(run_dir: Path) -> None:
    # Ping and pong over both kinds of sockets; each signal that is lost costs a whole second.
    # So slow that nothing is said again meanwhile.
    rounds, slow = 500, Timers.scaled(10.0)

    def wait(node: Node) -> None:
        due_s = node.tick(time.monotonic())
        select.select([node], [], [], max(0.0, min(1.0, due_s - time.monotonic())))

    def echo() -> None:
        node = Node(run_dir, "speaker", SAYS, {}, slow, answers=(type(ASKED),))
        while not done.is_set():
            for event in node.receive(time.monotonic()):
                if isinstance(event, Asked):
                    node.publish(alarm("web1"))
                    node.reply(event.caller, Done())
            node.flush()
            wait(node)
        node.close()

    done = threading.Event()
    thread = threading.Thread(target=echo)
    thread.start()
    node = Node(run_dir, "reader", (), {"speaker": HEARS}, slow, binds=False)
    counts = Counter[str]()
    give_up_s = time.monotonic() + 60
    while min(counts["Answered"], counts["Heard"]) < rounds and time.monotonic() < give_up_s:
        for event in node.receive(time.monotonic()):
            counts[type(event).__name__] += 1
            if counts["Answered"] == counts["Heard"]:
                node.ask("speaker", ASKED, 60.0, ask_id=counts["Answered"])
        wait(node)
    done.set()
    thread.join()
    node.close()
    assert counts["Answered"] == rounds
    assert counts["Heard"] == rounds


def test_the_refresh_says_everything_again(ring: Ring) -> None:
    speaker = ring.speaker(timers=Timers.scaled(0.02))
    reader = ring.reader()
    for about in "abc":
        speaker.node.publish(alarm(about))
    ring.until(lambda: reader.told())
    already = len(reader.told())
    ring.until(lambda: len(reader.told()) >= already + 6)
    assert len(reader.levels()) == 3
    assert AlarmCleared.__name__ not in {name for name, _ in reader.levels()}
