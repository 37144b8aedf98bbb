# SPDX-License-Identifier: Apache-2.0
"""Anything may come over the wire: nothing falls over, nothing is left behind."""

from __future__ import annotations

from maglev.messages import (
    Answer,
    AuditRead,
    CheckConfig,
    ConfigAnswer,
    Done,
    Message,
    ReadAudit,
    ReloadConfig,
    Request,
)
from tests.gateway.fuzz import Fuzz
from tests.gateway.rig import Rig
from tests.gateway.test_slow import files, memory_kb
from tests.support import eventually

SECONDS = 4.0
GROWTH_KB_MAX = 8_000


def answering(request: Request) -> tuple[Answer, type[Message] | None]:
    """Answer everything in the way that is expected of it."""
    match request:
        case CheckConfig() | ReloadConfig():
            return ConfigAnswer(), None
        case ReadAudit():
            return AuditRead(entries=()), None
        case _:
            return Done(), None


def test_no_bytes_and_no_messages_bring_it_down(rig: Rig) -> None:
    rig.actors["aggregator"].answering = answering
    attack = Fuzz(rig, seed=20261120)
    attack.run(1.0)  # what is made on first use is made
    before_kb, before = memory_kb(rig), files(rig)
    sent = attack.run(SECONDS)
    assert attack.unexpected == []
    assert min(sent[kind] for kind in ("raw", "bytes", "messages")) > 20, sent
    assert rig.call("GetBackend", name="web1").state == "up"
    assert not [line for line in rig.lines if line["msg"] in ("grpc-failed", "failed", "garbage")]
    eventually(lambda: files(rig) <= before + 4, what="descriptors are closed")
    assert memory_kb(rig) - before_kb < GROWTH_KB_MAX
