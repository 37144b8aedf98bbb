# SPDX-License-Identifier: Apache-2.0
"""The command line of every program: Go's rules, and an environment variable for each flag.

A flag beats its variable, the variable beats the default; one or two leading dashes are the same,
`-name value` and `-name=value` too, and flags end at the first other word or at `--`.  There is no
state; look at `parse`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

_TRUE = ("1", "t", "true")
_FALSE = ("0", "f", "false")


class BadUsage(ValueError):
    """The command line or a variable cannot be used; programs print the text and exit with 2."""


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag; a switch has 'true' or 'false' and needs no value."""

    name: str
    variable: str  # empty: none
    default: str
    help: str
    switch: bool = False
    empty: bool = False  # a variable that is set and empty means something, such as 'off'
    many: bool = False  # may be given several times: the values are joined by commas


VERSION = Flag("version", "", "false", "print version, commit and date, and exit", switch=True)
HELP = Flag("help", "", "false", "print this text and exit", switch=True)


def parse(
    flags: Sequence[Flag], arguments: Sequence[str], variables: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """Return the value of every flag by name, and the words after the flags.

    `arguments` are those after the program's name.  Raises BadUsage.
    """
    by_name = {flag.name: flag for flag in flags}
    values = {flag.name: _unless_given(flag, variables) for flag in flags}
    given: set[str] = set()
    rest = list(arguments)
    while rest and len(rest[0]) > 1 and rest[0].startswith("-"):
        word = rest.pop(0)
        if word == "--":
            break
        name, equals, value = word.removeprefix("-").removeprefix("-").partition("=")
        flag = by_name.get("help" if name == "h" and "h" not in by_name else name)
        if flag is None:
            raise BadUsage(f"unknown flag {word.partition('=')[0]}{_did_you_mean(name, by_name)}")
        if not equals and not flag.switch:
            if not rest:
                raise BadUsage(f"--{name}: wanted a value, got nothing")
            value = rest.pop(0)
        if flag.switch:
            value = _truth(f"--{name}", value) if equals else "true"
        if flag.many and flag.name in given:
            value = f"{values[flag.name]},{value}"
        given.add(flag.name)
        values[flag.name] = value
    return values, rest


def usage(program: str, flags: Sequence[Flag]) -> str:
    """Return the text of `program --help`."""
    lines = [f"usage: {program} [flags]"]
    for flag in flags:
        extras = [f"${flag.variable}"] if flag.variable else []
        if flag.default and not flag.switch:
            extras.append(f"default {flag.default}")
        suffix = f" ({', '.join(extras)})" if extras else ""
        dashes = "-" if len(flag.name) == 1 else "--"
        lines += [f"  {dashes}{flag.name}", f"        {flag.help}{suffix}"]
    return "\n".join(lines)


def _unless_given(flag: Flag, variables: Mapping[str, str]) -> str:
    text = variables.get(flag.variable)
    if text is None or (not text and not flag.empty):
        return flag.default
    return _truth(flag.variable, text) if flag.switch else text


def _truth(where: str, text: str) -> str:
    if text.lower() in _TRUE:
        return "true"
    if text.lower() in _FALSE:
        return "false"
    raise BadUsage(f"{where}: wanted true or false, got '{text}'")


def _did_you_mean(name: str, known: Mapping[str, Flag]) -> str:
    close = get_close_matches(name, known, n=1)
    return f"; did you mean --{close[0]}?" if close else ""
