# SPDX-License-Identifier: Apache-2.0
"""Packet filters for raw ICMP sockets: the kernel passes on only what carries our id.

Programs of the classic BPF machine (bpf(4), Linux: Documentation/networking/filter.rst), which
sees an IPv4 packet from its IP header on, an ICMPv6 message from its type on.  There is no state;
look at `program_v4` and `program_v6`.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from collections.abc import Sequence

REPLY_V4, REPLY_V6 = 0, 129
UNREACHABLE_V4, EXCEEDED_V4 = 3, 11  # RFC 792
UNREACHABLE_V6, EXCEEDED_V6 = 1, 3  # RFC 4443

_SO_ATTACH_FILTER = 26  # asm-generic/socket.h

_LOAD_BYTE, _LOAD_HALF = 0x30, 0x28
_LOAD_BYTE_AT_X, _LOAD_HALF_AT_X = 0x50, 0x48
_X_IS_HEADER_LENGTH = 0xB1  # 4 * (byte & 15)
_AND, _SHIFT_LEFT, _ADD_X, _TO_X = 0x54, 0x64, 0x0C, 0x07
_JUMP_IF_EQUAL, _RETURN = 0x15, 0x06
_WHOLE_PACKET = 0xFFFF

Instruction = tuple[int, int, int, int]
"""Code, instructions to skip if true, if false, operand."""


def program_v4(identity: int) -> Sequence[Instruction]:
    """Return: echo replies with this id, and errors that quote an echo request with it."""
    return (
        (_X_IS_HEADER_LENGTH, 0, 0, 0),
        (_LOAD_BYTE_AT_X, 0, 0, 0),  # type
        (_JUMP_IF_EQUAL, 9, 0, REPLY_V4),
        (_JUMP_IF_EQUAL, 1, 0, UNREACHABLE_V4),
        (_JUMP_IF_EQUAL, 0, 10, EXCEEDED_V4),
        (_LOAD_BYTE_AT_X, 0, 0, 8),  # length of the quoted IP header, in words
        (_AND, 0, 0, 15),
        (_SHIFT_LEFT, 0, 0, 2),
        (_ADD_X, 0, 0, 0),
        (_TO_X, 0, 0, 0),
        (_LOAD_HALF_AT_X, 0, 0, 12),  # id of the quoted request
        (_JUMP_IF_EQUAL, 2, 3, identity),
        (_LOAD_HALF_AT_X, 0, 0, 4),  # id of the reply
        (_JUMP_IF_EQUAL, 0, 1, identity),
        (_RETURN, 0, 0, _WHOLE_PACKET),
        (_RETURN, 0, 0, 0),
    )


def program_v6(identity: int) -> Sequence[Instruction]:
    """Return: the same for ICMPv6, where the quoted header has 40 bytes."""
    return (
        (_LOAD_BYTE, 0, 0, 0),  # type
        (_JUMP_IF_EQUAL, 6, 0, REPLY_V6),
        (_JUMP_IF_EQUAL, 1, 0, UNREACHABLE_V6),
        (_JUMP_IF_EQUAL, 0, 7, EXCEEDED_V6),
        (_LOAD_BYTE, 0, 0, 14),  # next header of the quoted packet
        (_JUMP_IF_EQUAL, 0, 5, socket.IPPROTO_ICMPV6),
        (_LOAD_HALF, 0, 0, 52),  # id of the quoted request
        (_JUMP_IF_EQUAL, 2, 3, identity),
        (_LOAD_HALF, 0, 0, 4),  # id of the reply
        (_JUMP_IF_EQUAL, 0, 1, identity),
        (_RETURN, 0, 0, _WHOLE_PACKET),
        (_RETURN, 0, 0, 0),
    )


def attach(sock: socket.socket, program: Sequence[Instruction]) -> None:
    """Have the kernel run a program on whatever the socket is about to receive."""
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in program)
    held = ctypes.create_string_buffer(code, len(code))
    sock.setsockopt(
        socket.SOL_SOCKET,
        _SO_ATTACH_FILTER,
        struct.pack("HP", len(program), ctypes.addressof(held)),
    )
