# SPDX-License-Identifier: Apache-2.0
"""Answers as JSON, in protobuf's own mapping: names in camelCase, 64-bit integers as strings."""

from __future__ import annotations

import json

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message


def as_line(message: Message) -> str:
    """Return a message in one line, as short as it gets: what is as by default is left out."""
    short = MessageToDict(message)
    if "log" in short and "fields" in short["log"]:
        # A map comes in any order, another one each time.
        short["log"]["fields"] = dict(sorted(short["log"]["fields"].items()))
    return json.dumps(short, ensure_ascii=False, separators=(",", ":"))


def as_document(message: Message) -> str:
    """Return a message in many lines, with all its keys whatever their values."""
    every = MessageToDict(message, always_print_fields_with_no_presence=True)
    return json.dumps(every, ensure_ascii=False, indent=2)
