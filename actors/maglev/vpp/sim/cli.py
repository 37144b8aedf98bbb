# SPDX-License-Identifier: Apache-2.0
"""VPP's debug command line, as far as the lb plugin goes, text for text.

It has no state of its own and works on a Plane; look at `run` for the commands.  Where 26.06 prints
or does something else than 26.10, `version` decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache

from maglev.vpp.sim import addresses
from maglev.vpp.sim.addresses import Prefix
from maglev.vpp.sim.definitions import Version
from maglev.vpp.sim.plane import ENCAPS, NO_SUCH_ENTRY, VALUE_EXIST, As, Plane, Vip

SHOWN_OF_BAD_INPUT = 30  # characters, VPP: src/vppinfra/unformat.c
PROTOCOLS = {"tcp": 6, "udp": 17}
COUNTERS = (
    "packet from existing sessions",
    "first session packet",
    "untracked packet",
    "no server configured",
)


class Words:
    """A line being read from left to right."""

    def __init__(self, line: str) -> None:
        self._rest = line.strip()

    def __bool__(self) -> bool:
        return bool(self._rest)

    def take(self, *phrase: str) -> bool:
        """Take the words if they come next."""
        words = self._rest.split()
        if tuple(words[: len(phrase)]) != phrase:
            return False
        for _ in phrase:
            self._rest = self._rest.partition(" ")[2].lstrip()
        return True

    def take_after(self, word: str) -> int | None:
        """Take a word and the number that follows it."""
        words = self._rest.split()
        if len(words) < 2 or words[0] != word or not words[1].isdecimal():
            return None
        self.take(*words[:2])
        return int(words[1])

    def take_address(self) -> bytes | None:
        """Take an address of either family."""
        word = self._rest.partition(" ")[0]
        try:
            address = addresses.from_text(word)
        except ValueError:
            return None
        self.take(word)
        return address

    def take_prefix(self) -> Prefix | None:
        """Take a prefix of either family."""
        word = self._rest.partition(" ")[0]
        address_text, _, length_text = word.partition("/")
        try:
            address, length = addresses.from_text(address_text), int(length_text)
        except ValueError:
            return None
        length += 0 if ":" in address_text else 96
        if not 0 <= length <= 128:
            return None
        self.take(word)
        return address, length

    def bad(self) -> str:
        """Return what is left, as VPP quotes it in an error."""
        return self._rest[:SHOWN_OF_BAD_INPUT]


class Refused(Exception):
    """A command ended with an error; the text is what VPP prints after the command's name."""


def run(line: str, plane: Plane, version: Version, now_s: float) -> tuple[int, str]:
    """Run a command; return 0 or -1 and the output, each line ended."""
    words = Words(line)
    for path, command in _COMMANDS:
        if words.take(*path.split()):
            try:
                return 0, command(words, plane, version, now_s)
            except Refused as why:
                return -1, f"{path}: {why}\n"
    for parent in ("lb", "show"):
        if words.take(parent):
            return -1, f"{parent}: unknown input `{words.bad()}'\n"
    return (-1, f"unknown input `{words.bad()}'\n") if words else (0, "")


def _vip(words: Words, plane: Plane, version: Version, now_s: float) -> str:
    prefix = words.take_prefix()
    if prefix is None:
        raise Refused(f"invalid vip prefix: '{words.bad()}'")
    new = Vip(prefix, 0, 0, "gre4", 1024, src_ip_sticky=False)
    delete = False
    while words:
        if (number := words.take_after("new_len")) is not None:
            new.new_len = number
        elif (number := words.take_after("port")) is not None:
            new.port = number
        elif (protocol := _take_protocol(words)) is not None:
            new.protocol = protocol
        elif (encap := next((e for e in ENCAPS if words.take("encap", e)), None)) is not None:
            new.encap = encap
        elif (number := words.take_after("dscp")) is not None:
            new.dscp = number
        elif words.take("src_ip_sticky"):
            new.src_ip_sticky = True
        elif words.take("del"):
            delete = True
        else:
            raise Refused(f"parse error: '{words.bad()}'")
    if delete:
        plane.vip_del(_find(plane, prefix, new.protocol, new.port), now_s)
        return ""
    if retval := plane.vip_add(new):
        raise Refused(f"lb_vip_add error {retval}")
    return f"lb_vip_add ok {new.index}\n"


def _as(words: Words, plane: Plane, version: Version, now_s: float) -> str:
    prefix = words.take_prefix()
    if prefix is None:
        raise Refused(f"invalid as address: '{words.bad()}'")
    listed: list[bytes] = []
    weight: int | None = None
    protocol = port = 0
    delete = False
    while words:
        if (address := words.take_address()) is not None:
            listed.append(address)
        elif version != "26.06" and (number := words.take_after("weight")) is not None:
            weight = number
        elif words.take("del"):
            delete = True
        elif words.take("flush"):
            pass  # there are no flows
        elif (number := _take_protocol(words)) is not None:
            protocol = number
        elif (number := words.take_after("port")) is not None:
            port = number
        else:
            raise Refused(f"parse error: '{words.bad()}'")
    if weight is not None and weight > 100:
        raise Refused("weight must be between 0 and 100")
    if weight is not None and delete:
        raise Refused("weight and del are mutually exclusive")
    vip = _find(plane, prefix, protocol, port)
    if not listed:
        raise Refused("No AS address provided")
    if delete:
        if retval := plane.as_del(vip, listed, now_s):
            raise Refused(f"lb_vip_del_ass error {retval}")
        return ""
    _as_add(plane, vip, listed, weight)
    return ""


def _as_add(plane: Plane, vip: Vip, listed: list[bytes], weight: int | None) -> None:
    retval = plane.as_add(vip, listed, plane.weight_default if weight is None else weight)
    if retval == VALUE_EXIST and weight is not None:
        for address in listed:
            if retval := plane.as_set_weight(vip, address, weight):
                raise Refused(f"lb_vip_set_as_weight error {retval}")
    elif retval:
        raise Refused(f"lb_vip_add_ass error {retval}")


def _conf(words: Words, plane: Plane, version: Version, now_s: float) -> str:
    conf = replace(plane.conf)
    while words:
        if words.take("ip4-src-address") and (address := words.take_address()) is not None:
            conf.ip4_src_address = address[12:]
        elif words.take("ip6-src-address") and (address := words.take_address()) is not None:
            conf.ip6_src_address = address
        elif (number := words.take_after("buckets")) is not None:
            conf.sticky_buckets_per_core = number
        elif (number := words.take_after("timeout")) is not None:
            conf.flow_timeout_s = number
        else:
            raise Refused(f"parse error: '{words.bad()}'")
    if retval := plane.configure(conf):
        raise Refused(f"lb_conf error {retval}")
    return ""


def _flush_vip(words: Words, plane: Plane, version: Version, now_s: float) -> str:
    prefix = words.take_prefix()
    if prefix is None:
        raise Refused(f"invalid vip prefix: '{words.bad()}'")
    protocol = _take_protocol(words) or 0
    vip = _find(plane, prefix, protocol, words.take_after("port") or 0)
    return f"lb_flush_vip ok {vip.index}\n"


def _show(words: Words, plane: Plane, version: Version, now_s: float) -> str:
    conf = plane.conf
    return (
        f"lb_main ip4-src-address: {addresses.text(bytes(12) + conf.ip4_src_address)} \n"
        f" ip6-src-address: {addresses.text(conf.ip6_src_address)} \n"
        # VPP counts its default VIP here.
        f" #vips: {len(plane.vips) + 1}\n"
        f" #ass: {plane.as_count}\n"
    )


def _show_vips(words: Words, plane: Plane, version: Version, now_s: float) -> str:
    if words.take("verbose"):
        return "".join(_vip_text(vip, vip.revision, vip.used, version) for vip in plane.vips)
    # 26.06 gives up on the empty rest of the line.
    return "" if version == "26.06" else "".join(_vip_line(vip) for vip in plane.vips)


def _vip_line(vip: Vip) -> str:
    removed = "" if vip.used else " removed"
    port = f"  protocol:{vip.protocol} port:{vip.port} " if vip.port else ""
    prefix = addresses.prefix_text(vip.prefix)
    dscp = f"  dscp:{vip.dscp}" if vip.encap == "l3dsr" else ""
    told = f"new_size:{vip.new_len} #as:{len(vip.ases)}{removed}{port}{dscp}"
    return f"{_type(vip)} {prefix} {told}\n"


@lru_cache(maxsize=4096)
def _vip_text(vip: Vip, revision: int, used: bool, version: Version) -> str:
    """Return the lines of a VIP; kept, because ten thousand ASes must not hold up other callers."""
    return "".join(_vip_lines(vip, version))


def _vip_lines(vip: Vip, version: Version) -> Iterator[str]:
    sticky = " src_ip_sticky" if vip.src_ip_sticky else ""
    removed = "" if vip.used else " removed"
    yield f" {_type(vip)} [{vip.index}] {addresses.prefix_text(vip.prefix)}{sticky}{removed}\n"
    yield f"  new_size:{vip.new_len}\n"
    if vip.port:
        yield f"  protocol:{vip.protocol} port:{vip.port}\n"
    if vip.encap == "l3dsr":
        yield f"  dscp:{vip.dscp}\n"
    yield "  counters:\n"
    for counter in COUNTERS:
        yield f"    {counter}: 0\n"
    yield f"  #as:{len(vip.ases)}\n"
    for one, count in zip(vip.ases, vip.bucket_counts(), strict=True):
        yield f"    {_as_line(one, count, version)}\n"
    yield "\n"


def _as_line(one: As, count: int, version: Version) -> str:
    address, state = addresses.text(one.address), "used" if one.used else " removed"
    if version == "26.06":
        return f"{address} {count} buckets   0 flows  dpo:{one.dpo} {state}"
    return f"{address} weight:{one.weight} buckets:{count} flows:0 dpo:{one.dpo} {state}"


def _type(vip: Vip) -> str:
    return f"{'ip4' if addresses.is_ip4_prefix(vip.prefix) else 'ip6'}-{vip.encap}"


def _find(plane: Plane, prefix: Prefix, protocol: int, port: int) -> Vip:
    vip = plane.find(prefix, protocol, port)
    if vip is None:
        raise Refused(f"lb_vip_find_index error {NO_SUCH_ENTRY}")
    return vip


def _take_protocol(words: Words) -> int | None:
    return next((n for name, n in PROTOCOLS.items() if words.take("protocol", name)), None)


_COMMANDS: tuple[tuple[str, Callable[[Words, Plane, Version, float], str]], ...] = (
    ("lb vip", _vip),
    ("lb as", _as),
    ("lb conf", _conf),
    ("lb flush vip", _flush_vip),
    ("show lb vips", _show_vips),
    ("show lb", _show),
)
