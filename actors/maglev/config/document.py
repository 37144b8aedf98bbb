# SPDX-License-Identifier: Apache-2.0
"""The whole file: `parse`, `read` and `load`, and the blocks that are not large enough for a file.

Reading is one walk down the tree that notes faults as it goes (problems.py) and builds `Settings`
with defaults filled in; the settings are handed out only if nothing was noted.  The bounds on what
is read are in tree.py.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from maglev.config.block import Block, Keys
from maglev.config.frontends import (
    FRONTEND_KEYS,
    Backends,
    check_together,
    read_frontend,
)
from maglev.config.healthchecks import CHECK_KEYS, COUNT, IPV4, IPV6, read_check
from maglev.config.problems import ConfigError, Problem, Problems, UnreadableError, shown
from maglev.config.scalars import (
    BadValue,
    address,
    boolean,
    duration,
    duration_above_zero,
    integer,
    string,
)
from maglev.config.suggest import Suggester
from maglev.config.tree import TEXT_BYTES_MAX, Entry, Mapping, Node, kind_of, read_tree
from maglev.core.settings import BackendConf, LbSettings, Settings
from maglev.messages import Check, LbConf

DOCUMENT_KEYS = Keys("maglev")
MAGLEV_KEYS = Keys("healthchecker", "vpp", "healthchecks", "backends", "frontends")
HEALTHCHECKER_KEYS = Keys("transition-history", "netns")
VPP_KEYS = Keys("lb")
LB_KEYS = Keys(
    "sync-interval", "ipv4-src-address", "ipv6-src-address", "sticky-buckets-per-core",
    "flow-timeout", "startup-min-delay", "startup-max-delay",
)  # fmt: skip
BACKEND_KEYS = Keys("address", "healthcheck", "enabled")

FLOW_TIMEOUT_S_MAX: Final = 120  # VPP's own bound
_BUCKETS = integer(1, 1 << 31)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A file that can be used, and what its operator should know all the same."""

    settings: Settings
    warnings: tuple[Problem, ...]


def load(path: str | os.PathLike[str]) -> Loaded:
    """Return the settings of the file at path; ConfigError says what is wrong with it."""
    return parse(read(path), os.fspath(path))


def read(path: str | os.PathLike[str]) -> bytes:
    """Return what is in the file at path, at most one byte more than `parse` takes.

    A file that cannot be read, or is none, is a ConfigError of the stage 'structure'.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe would make the reader wait
            raise OSError(0, "not a regular file")
        with open(path, "rb") as file:
            return file.read(TEXT_BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        problem = Problem(os.fspath(path), 0, "", f"cannot be read: {reason}")
        raise ConfigError("structure", (problem,)) from None


def parse(text: bytes | str, file_name: str) -> Loaded:
    """Return the settings in the text of a file; ConfigError says what is wrong with it.

    `file_name` is used in texts only.
    """
    problems = Problems(file_name)
    settings = None
    with suppress(UnreadableError):
        settings = _read_document(read_tree(text, problems), problems)
    problems.raise_any()
    assert settings is not None, "what is unreadable is a noted fault"
    return Loaded(settings, problems.warnings())


def _read_document(root: Node, problems: Problems) -> Settings:
    if not isinstance(root, Mapping):
        what = f"expected a mapping with the key 'maglev', got {kind_of(root)}"
        problems.structure(root.line, "", what)
        raise UnreadableError
    document = Block(Entry(root.line, root), "", problems, DOCUMENT_KEYS)
    if "maglev" not in document:
        problems.structure(document.line, "", "expected the key 'maglev', and everything under it")
    maglev = document.block("maglev", MAGLEV_KEYS)
    healthchecker = maglev.block("healthchecker", HEALTHCHECKER_KEYS)
    checks = {
        name: read_check(name, block)
        for name, block in maglev.named_blocks("healthchecks", CHECK_KEYS)
    }
    backends = _read_backends(maglev, checks)
    usable = Backends(backends, Suggester(backends))
    frontends = [
        read_frontend(name, block, usable)
        for name, block in maglev.named_blocks("frontends", FRONTEND_KEYS)
    ]
    check_together(frontends, maglev.at("frontends"), problems)
    return Settings(
        lb=_read_lb(maglev.block("vpp", VPP_KEYS).block("lb", LB_KEYS)),
        healthchecks=checks,
        backends=backends,
        frontends={placed.frontend.name: placed.frontend for placed in frontends},
        transition_history=healthchecker.value("transition-history", COUNT, 5),
        netns=healthchecker.value("netns", netns, ""),
    )


def _read_backends(maglev: Block, checks: dict[str, Check]) -> dict[str, BackendConf]:
    backends = {}
    suggester = Suggester(checks)
    for name, block in maglev.named_blocks("backends", BACKEND_KEYS):
        check = None
        if "healthcheck" in block:
            wanted = block.value("healthcheck", string, "")
            check = checks.get(wanted)
            if not wanted:
                block.wrong(
                    "healthcheck", "names none; leave it out for a backend that is always up"
                )
            elif check is None:
                what = f"no healthcheck is called {shown(wanted)}"
                question = suggester.question(wanted)
                block.wrong("healthcheck", f"{what}; {question}" if question else what)
        backends[name] = BackendConf(
            name=name,
            address=block.required("address", address, ""),
            check=check,
            enabled=block.value("enabled", boolean, True),
        )
    return backends


def _read_lb(block: Block) -> LbSettings:
    startup_delay_min_s = block.value("startup-min-delay", duration, 5.0)
    startup_delay_max_s = block.value("startup-max-delay", duration, 30.0)
    if startup_delay_max_s < startup_delay_min_s:
        block.wrong(
            "startup-max-delay" if "startup-max-delay" in block else "startup-min-delay",
            f"the longest delay ({startup_delay_max_s:g}s) is shorter than the shortest "
            f"({startup_delay_min_s:g}s)",
        )
    conf = LbConf(
        ipv4_src_address=block.required("ipv4-src-address", IPV4, ""),
        ipv6_src_address=block.required("ipv6-src-address", IPV6, ""),
        sticky_buckets_per_core=block.value("sticky-buckets-per-core", power_of_two, 65536),
        flow_timeout_s=block.value("flow-timeout", flow_timeout, 40),
    )
    return LbSettings(
        conf=conf,
        sync_interval_s=block.value("sync-interval", duration_above_zero, 30.0),
        startup_delay_min_s=startup_delay_min_s,
        startup_delay_max_s=startup_delay_max_s,
    )


def power_of_two(node: Node) -> int:
    """Return a number of buckets, which VPP wants to be a power of two."""
    value = _BUCKETS(node)
    if value & (value - 1):
        below_it = 1 << (value.bit_length() - 1)
        raise BadValue(f"expected a power of two such as {below_it} or {2 * below_it}, got {value}")
    return value


def flow_timeout(node: Node) -> int:
    """Return whole seconds, 1..120, as VPP wants them."""
    seconds = duration(node)
    if not seconds.is_integer() or not 1 <= seconds <= FLOW_TIMEOUT_S_MAX:
        raise BadValue(
            f"expected whole seconds from 1s to {FLOW_TIMEOUT_S_MAX}s, got {kind_of(node)}"
        )
    return int(seconds)


def netns(node: Node) -> str:
    """Return the name of a network namespace: a file name under /var/run/netns; empty: none."""
    value = string(node)
    if "/" in value or value in (".", "..") or not value.isprintable() or len(value) > 255:
        raise BadValue(f"expected the name of a network namespace, got {shown(value)}")
    return value
