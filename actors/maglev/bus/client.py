# SPDX-License-Identifier: Apache-2.0
"""One question to one actor, from a process that is not on the bus (a signal handler, a tool).

    answer = ask(run_dir, "aggregator", ReloadConfig(who="root", origin="signal"), deadline_s=5.0)

A request names the epoch it is meant for, so a snapshot of nothing is asked for first: that tells
the epoch.  Should the actor be restarted between the two, both are asked again.  There is no state.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import zmq

from maglev.bus import wire
from maglev.bus.sockets import Port, connect_dealer
from maglev.messages import Answer, Message, Refused, Request

_HELLO: Final = 1
_QUESTION: Final = 2


def ask(run_dir: Path, speaker: str, request: Request, deadline_s: float) -> Answer:
    """Return the answer; Refused with code 'unavailable' or 'deadline' if none comes in time.

    Waits deadline_s seconds at most.  Raises BusError if the path cannot be a socket's.
    """
    until_s = time.monotonic() + deadline_s
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    try:
        port = connect_dealer(context, run_dir / f"{speaker}.rpc")
        try:
            return _Conversation(port, speaker, until_s).hold(request)
        finally:
            port.close()
    finally:
        context.term()


class _Conversation:
    def __init__(self, port: Port, speaker: str, until_s: float) -> None:
        self._port = port
        self._speaker = speaker
        self._until_s = until_s
        self._me = f"client-{os.getpid()}"

    def hold(self, request: Request) -> Answer:
        asked = type(request).__name__
        while True:
            hello = self._exchange(wire.SnapshotWanted(()), _HELLO, 0)
            if hello is None:
                text = f"{self._speaker} is not there to answer {asked}"
                return Refused(code="unavailable", text=text)
            epoch, _ = hello
            reply = self._exchange(request, _QUESTION, epoch)
            if reply is None:
                text = f"{self._speaker} did not answer {asked} in time"
                return Refused(code="deadline", text=text)
            answering, answer = reply
            if answering == epoch and isinstance(answer, Answer):
                return answer

    def _exchange(
        self, question: wire.SnapshotWanted | Request, number: int, epoch: int
    ) -> tuple[int, Message | wire.SnapshotPart] | None:
        """Return the epoch and the body of the reply to one question; None if it is too late."""
        header = wire.RequestHeader(self._me, epoch, number, self._until_s, time.monotonic())
        topic = wire.topic_of(type(question).__name__)
        self._port.send(topic, wire.encode(header), wire.encode(question))
        while self._port.wait(self._until_s - time.monotonic()):
            frames = self._port.receive()
            # Bytes that mean nothing are no answer: wait for a better one.
            with suppress(wire.Undecodable):
                if frames is None or len(frames) != 3:
                    continue
                got = wire.decode_as(wire.AnswerHeader, frames[1])
                if got.id != number:
                    continue
                if number == _HELLO:
                    return got.epoch, wire.decode_as(wire.SnapshotPart, frames[2])
                return got.epoch, wire.decode(wire.name_of(frames[0]), frames[2])
        return None
