# SPDX-License-Identifier: Apache-2.0
"""The `frontends` block: VIPs, their pools, and what VPP would refuse of them together.

Each frontend is read and checked for itself, then all of them for what they share: VPP keys a VIP
by address, protocol and port, and lets the VIPs of one address differ neither in the encapsulation
(family of the backends) nor in having a port at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from maglev.config.block import Block, Keys
from maglev.config.healthchecks import PORT
from maglev.config.problems import Problems, below, shown
from maglev.config.scalars import BadValue, Reader, address, boolean, choice, integer, name, string
from maglev.config.suggest import Suggester
from maglev.config.tree import Entry, Node
from maglev.core.settings import BackendConf, FrontendConf, PoolConf

FRONTEND_KEYS = Keys(
    "description", "address", "protocol", "port", "pools", "src-ip-sticky", "flush-on-down"
)
POOL_KEYS = Keys("name", "backends")
MEMBER_KEYS = Keys("weight")

# VPP spreads a VIP's flows over 1,024 buckets; from about 100 backends on the shares get uneven.
BACKENDS_MAX: Final = 1024
BACKENDS_USEFUL_MAX: Final = 100
DESCRIPTION_CHARACTERS_MAX: Final = 1024

Protocol = Literal["tcp", "udp", "any"]
PROTOCOL: Reader[Protocol] = choice("tcp", "udp")
WEIGHT = integer(0, 100)


class Backends(NamedTuple):
    """The backends that frontends may use, and help for names that are not among them."""

    by_name: Mapping[str, BackendConf]
    suggester: Suggester


class Placed(NamedTuple):
    """A frontend, where it stands in the file, and the family of its backends (0: none)."""

    frontend: FrontendConf
    line: int
    family: int


class _Member(NamedTuple):
    """A backend in a pool, and where it stands."""

    backend: BackendConf
    line: int
    path: str


def read_frontend(frontend_name: str, block: Block, backends: Backends) -> Placed:
    """Return the frontend of one block; faults are noted in the block's problems."""
    protocol: Protocol = block.value("protocol", PROTOCOL, "any")
    port = block.value("port", PORT, 0)
    if ("port" in block) != ("protocol" in block):
        there, missing = ("port", "protocol") if "port" in block else ("protocol", "port")
        block.wrong(there, f"needs {missing} beside it; leave both out for all protocols and ports")
    pools, members = _read_pools(block, backends)
    family = _check_members(block, members)
    frontend = FrontendConf(
        name=frontend_name,
        address=block.required("address", address, ""),
        protocol=protocol,
        port=port,
        pools=pools,
        description=block.value("description", description, ""),
        src_ip_sticky=block.value("src-ip-sticky", boolean, False),
        flush_on_down=block.value("flush-on-down", boolean, True),
    )
    return Placed(frontend, block.line, family)


def description(node: Node) -> str:
    """Return one line of printable text; white space around it is left out."""
    value = string(node).strip()
    if not value.isprintable() or len(value) > DESCRIPTION_CHARACTERS_MAX:
        what = f"one line of printable text, at most {DESCRIPTION_CHARACTERS_MAX} characters"
        raise BadValue(f"expected {what}, got {shown(value)}")
    return value


def _read_pools(block: Block, backends: Backends) -> tuple[tuple[PoolConf, ...], list[_Member]]:
    """Return the pools, and their backends in order with their places."""
    pools: list[PoolConf] = []
    members: list[_Member] = []
    line_by_name: dict[str, int] = {}
    items = block.items("pools")
    if not items:
        block.wrong("pools", "required, at least one pool")
    for index, item in enumerate(items):
        path = f"{block.at('pools')}[{index}]"
        pool = Block(Entry(item.line, item), path, block.problems, POOL_KEYS)
        pool_name = pool.required("name", name, "")
        if pool_name and pool_name in line_by_name:
            line = line_by_name[pool_name]
            pool.wrong("name", f"{shown(pool_name)} is already the name of the pool in line {line}")
        line_by_name.setdefault(pool_name, pool.line_of("name"))
        if "backends" not in pool:
            pool.wrong("backends", "required, but missing")
        pools.append(PoolConf(pool_name, _read_weights(pool, backends, members)))
    return tuple(pools), members


def _read_weights(pool: Block, backends: Backends, members: list[_Member]) -> dict[str, int]:
    """Return the weights of one pool by backend; append its backends to members."""
    weights = {}
    path = pool.at("backends")
    for backend_name, entry in pool.entries("backends").items():
        backend = backends.by_name.get(backend_name)
        if backend is None:
            question = backends.suggester.question(backend_name)
            what = f"no backend is called {shown(backend_name)}"
            pool.problems.meaning(entry.line, path, f"{what}; {question}" if question else what)
        else:
            members.append(_Member(backend, entry.line, path))
        member = Block(entry, below(path, backend_name), pool.problems, MEMBER_KEYS)
        weights[backend_name] = member.value("weight", WEIGHT, 100)
    return weights


def _check_members(block: Block, members: list[_Member]) -> int:
    """Check the backends of a frontend together; return their family (0: none known)."""
    if len(members) > BACKENDS_MAX:
        block.wrong("pools", f"{len(members)} backends; VPP takes at most {BACKENDS_MAX}")
    elif len(members) > BACKENDS_USEFUL_MAX:
        what = f"{len(members)} backends; above {BACKENDS_USEFUL_MAX} VPP's shares get uneven"
        block.problems.warn(block.line_of("pools"), block.at("pools"), what)
    by_name: dict[str, _Member] = {}
    by_address: dict[str, _Member] = {}
    first: _Member | None = None
    for member in members:
        backend = member.backend
        called = shown(backend.name)
        if same := by_name.setdefault(backend.name, member) is not member:
            other = by_name[backend.name]
            what = f"backend {called} is already in a pool, in line {other.line}"
            block.problems.meaning(member.line, member.path, what)
        if same or not backend.address:
            continue
        other = by_address.setdefault(backend.address, member)
        if other is not member:
            what = f"{called} has the address {backend.address} of {shown(other.backend.name)}"
            what += f" in line {other.line}; VPP knows backends by address"
            block.problems.meaning(member.line, member.path, what)
        first = first or member
        if family_of(backend.address) != family_of(first.backend.address):
            what = f"{called} is IPv{family_of(backend.address)}, but {shown(first.backend.name)}"
            what += f" in line {first.line} is IPv{family_of(first.backend.address)}"
            block.problems.meaning(member.line, member.path, what)
    return family_of(first.backend.address) if first else 0


def family_of(canonical_address: str) -> int:
    """Return 4 or 6."""
    return 6 if ":" in canonical_address else 4


@dataclass(slots=True)
class _Vips:
    """The frontends on one address so far."""

    first: Placed
    by_service: dict[tuple[str, int], Placed] = field(default_factory=dict)
    first_with_backends: Placed | None = None


def check_together(frontends: Iterable[Placed], path: str, problems: Problems) -> None:
    """Note what VPP refuses of several VIPs on one address."""
    vips_by_address: dict[str, _Vips] = {}
    for new in frontends:
        frontend = new.frontend
        faulty = (frontend.protocol == "any") != (frontend.port == 0)  # and noted already
        if faulty or not frontend.address:
            continue
        vips = vips_by_address.setdefault(frontend.address, _Vips(first=new))
        if clash := _clash(new, vips):
            problems.meaning(new.line, below(path, frontend.name), clash)
        vips.by_service.setdefault((frontend.protocol, frontend.port), new)
        if new.family:
            vips.first_with_backends = vips.first_with_backends or new


def _clash(new: Placed, vips: _Vips) -> str:
    """Return why VPP would not take a VIP beside those of its address; empty if it would."""
    frontend = new.frontend
    if same := vips.by_service.get((frontend.protocol, frontend.port)):
        served = f"{frontend.protocol} port {frontend.port}" if frontend.port else "every port"
        return f"{served} of {frontend.address} is already taken by {_named(same)}"
    first = vips.first.frontend
    if (frontend.port == 0) != (first.port == 0):
        wanted, taken = ("every", "one") if first.port else ("one", "every")
        what = f"takes {wanted} port of {frontend.address}, and {_named(vips.first)} {taken} port"
        return f"{what}; VPP refuses that"
    other = vips.first_with_backends
    if other and new.family and new.family != other.family:
        what = f"its backends are IPv{new.family}, those of {_named(other)} IPv{other.family}"
        return f"{what}; VPP has one encapsulation for {frontend.address}"
    return ""


def _named(placed: Placed) -> str:
    return f"frontend {shown(placed.frontend.name)} in line {placed.line}"
