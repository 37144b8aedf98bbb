# SPDX-License-Identifier: Apache-2.0
"""What crosses a socket, and what is refused."""

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import maglev.messages
from maglev.bus import wire
from maglev.messages import LogLine, Message, ProbesSeen, Verdict

VERDICT = Verdict(
    backend="web1", prober="prober-0", generation=1, state="up", counter=3, changes=1, code="L7OK"
)


def test_every_concrete_message_can_be_decoded_and_no_kind_can() -> None:
    declared = {
        name
        for name in maglev.messages.__all__
        if isinstance(cls := getattr(maglev.messages, name), type) and issubclass(cls, Message)
    }
    assert set(wire.CLASSES) == declared - {
        "Message",
        "Level",
        "Retraction",
        "Edge",
        "Request",
        "Answer",
    }


@pytest.mark.parametrize("name", sorted(wire.CLASSES))
def test_no_topic_is_the_beginning_of_another_and_tokens_sort_last(name: str) -> None:
    topic = wire.topic_of(name)
    assert wire.name_of(topic) == name
    assert topic < wire.TOKEN_MARK
    others = set(wire.CLASSES) - {name}
    assert not any(wire.topic_of(other).startswith(topic) for other in others)


def test_a_message_comes_out_as_it_went_in() -> None:
    assert wire.decode("Verdict", wire.encode(VERDICT)) == VERDICT


@pytest.mark.parametrize("topic", [b"", b"Verdict", b"Verdict\0x", b"V\xff\0"])
def test_a_topic_that_is_no_class_name_is_refused(topic: bytes) -> None:
    with pytest.raises(wire.Undecodable, match="a class name and a zero byte wanted, got"):
        wire.name_of(topic)


def test_the_refusal_names_the_message_and_the_field() -> None:
    body = msgspec.msgpack.encode({**msgspec.to_builtins(VERDICT), "counter": "three"})
    with pytest.raises(wire.Undecodable, match=r"^Verdict in \d+ bytes: .*`int`.*\$\.counter"):
        wire.decode("Verdict", body)


def test_an_unknown_class_is_refused_by_name() -> None:
    with pytest.raises(wire.Undecodable, match="no message is called 'Exploit'"):
        wire.decode("Exploit", b"\x80")


def test_a_header_is_not_a_message() -> None:
    with pytest.raises(wire.Undecodable):
        wire.decode("Header", wire.encode(wire.Header("web", 1, 1, 1.0)))


def test_a_body_that_is_too_long_is_refused_by_both_ends() -> None:
    long = ProbesSeen(prober="p", backends=("x" * wire.BODY_BYTES_MAX,))
    with pytest.raises(wire.Unsayable, match="ProbesSeen: at most 4194304 bytes, got"):
        wire.encode(long)
    with pytest.raises(wire.Undecodable, match="ProbesSeen: at most 4194304 bytes wanted, got"):
        wire.decode("ProbesSeen", b"\0" * (wire.BODY_BYTES_MAX + 1))


@pytest.mark.parametrize("value", ["\ud800", 1 << 64])
def test_what_msgpack_cannot_express_is_unsayable(value: object) -> None:
    line = LogLine(actor="a", at_ns=0, level="info", msg="m", fields={"f": value})
    with pytest.raises(wire.Unsayable, match="LogLine"):
        wire.encode(line)


def test_a_field_of_a_log_line_may_be_anything() -> None:
    line = LogLine(actor="a", at_ns=0, level="info", msg="m", fields={"f": ValueError("odd")})
    assert wire.decode("LogLine", wire.encode(line)) == LogLine(
        actor="a", at_ns=0, level="info", msg="m", fields={"f": "odd"}
    )


@given(st.sampled_from(sorted(wire.CLASSES)), st.binary(max_size=60))
def test_any_bytes_are_a_message_or_refused(name: str, body: bytes) -> None:
    with suppress(wire.Undecodable):
        assert type(wire.decode(name, body)) is wire.CLASSES[name]


@pytest.mark.parametrize(
    "marker", [b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\x91" * 99999]
)
def test_a_length_that_lies_and_a_depth_without_end_are_refused(marker: bytes) -> None:
    for name in ("LogLine", "ProbesSeen", "Heartbeat"):
        with pytest.raises(wire.Undecodable):
            wire.decode(name, marker)
    with pytest.raises(wire.Undecodable):
        wire.decode_as(wire.SnapshotPart, marker)
