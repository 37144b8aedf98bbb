# SPDX-License-Identifier: Apache-2.0
"""A process on the bus for tests that kill and stop processes.

`python -m tests.bus.talker RUN_DIR speak COUNT` says COUNT alarms and heartbeats; asked, it raises
one more alarm and answers.  `... hear` follows the speaker and says on its own publisher how many
alarms it knows, and the longest text among them.
"""

import select
import sys
import time
from pathlib import Path

from maglev.actor import Asked
from maglev.bus.node import Node
from maglev.messages import Done, SyncVpp
from tests.bus.ring import FAST, HEARS, SAYS, Member
from tests.bus.world import alarm


def speak(run_dir: Path, count: int) -> None:
    node = Node(run_dir, "speaker", SAYS, {}, FAST, answers=(SyncVpp,))
    for number in range(count):
        node.publish(alarm(f"web{number}"))
    asked, beat_s = 0, 0.0
    while True:
        for event in node.receive(time.monotonic()):
            if isinstance(event, Asked):
                asked += 1
                node.publish(alarm("asked", str(asked)))
                node.reply(event.caller, Done(text=str(asked)))
        beat_s = turn(node, beat_s)


def hear(run_dir: Path) -> None:
    node = Node(run_dir, "hearer", SAYS, {"speaker": HEARS}, FAST)
    member, beat_s, told = Member(node), 0.0, ""
    member.beats = False
    while True:
        member.turn()
        texts = [level.text for level in member.levels().values()]  # type: ignore[attr-defined]
        tells = f"{len(texts)} {max(texts, key=len, default='')}"
        if tells != told:
            node.publish(alarm("knows", tells))
            told = tells
        beat_s = turn(node, beat_s)


def turn(node: Node, beat_s: float) -> float:
    now_s = time.monotonic()
    if now_s >= beat_s:
        node.beat(0.0)
        beat_s = now_s + FAST.heartbeat_s
    node.flush()
    due_s = min(node.tick(now_s), beat_s)
    select.select([node], [], [], max(0.0, due_s - time.monotonic()))
    return beat_s


if __name__ == "__main__":
    if sys.argv[2] == "speak":
        speak(Path(sys.argv[1]), int(sys.argv[3]))
    else:
        hear(Path(sys.argv[1]))
