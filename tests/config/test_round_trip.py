# SPDX-License-Identifier: Apache-2.0
"""Any good settings, written as YAML, come back as they were."""

import json
import re
from dataclasses import asdict
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from maglev.config import parse
from maglev.core.settings import BackendConf, FrontendConf, LbSettings, PoolConf, Settings
from maglev.messages import Check, LbConf

NAMES = st.sampled_from(
    [
        "no",
        "on",
        "123",
        "12:30",
        "010",
        "~",
        "null",
        "1e3",
        "<<",
        "a",
        "b",
        "web1",
        "東京",
        "'",
        "#x",
    ]
) | st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=8
).filter(lambda name: name.isprintable() and name[0] != "-")
SECONDS = st.integers(1, 100_000).map(lambda ms: ms / 1000)
V4 = st.ip_addresses(v=4, network="198.51.0.0/16").map(str)
V6 = st.ip_addresses(v=6, network="2001:db8::/32").map(str)


@st.composite
def checks(draw: st.DrawFn, name: str) -> Check:
    kind = draw(st.sampled_from(["icmp", "tcp", "http", "https"]))
    params: dict[str, Any] = {}
    if kind in ("http", "https"):
        params["path"] = draw(st.sampled_from(["/", "/healthz", "/a?b=c"]))
        params["host"] = draw(st.sampled_from(["", "www.example.com:80"]))
        code = st.integers(100, 599)
        ranges = st.tuples(code, code).map(lambda pair: (min(pair), max(pair)))
        params["response_codes"] = tuple(sorted(draw(st.sets(ranges, min_size=1, max_size=4))))
        params["response_regexp"] = draw(st.sampled_from(["", "ok", "(?i)[a-z]+: \"'\\d"]))
    if kind == "tcp":
        params["ssl"] = draw(st.booleans())
    if kind == "https" or params.get("ssl"):
        params["server_name"] = draw(st.sampled_from(["", "x.example"]))
        params["insecure_skip_verify"] = draw(st.booleans())
    return Check(
        name=name,
        type=kind,  # type: ignore[arg-type]
        port=0 if kind == "icmp" else draw(st.integers(1, 65535)),
        interval_s=draw(SECONDS),
        fast_interval_s=draw(SECONDS),
        down_interval_s=draw(SECONDS),
        timeout_s=draw(SECONDS),
        rise=draw(st.integers(1, 10)),
        fall=draw(st.integers(1, 10)),
        probe_ipv4_src=draw(st.just("") | V4),
        probe_ipv6_src=draw(st.just("") | V6),
        **params,
    )


@st.composite
def frontends(
    draw: st.DrawFn, name: str, address: str, backends: list[BackendConf]
) -> FrontendConf:
    protocol = draw(st.sampled_from(["tcp", "udp", "any"]))
    family = draw(st.booleans())
    usable = [backend.name for backend in backends if (":" in backend.address) == family]
    members = draw(st.lists(st.sampled_from(usable), unique=True)) if usable else []
    names = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    pools = tuple(
        PoolConf(pool, {m: draw(st.integers(0, 100)) for m in members[index :: len(names)]})
        for index, pool in enumerate(names)
    )
    return FrontendConf(
        name=name,
        address=address,
        protocol=protocol,  # type: ignore[arg-type]
        port=0 if protocol == "any" else draw(st.integers(1, 65535)),
        pools=pools,
        description=draw(st.sampled_from(["", "the web: site #1", "- it's", "東京"])),
        src_ip_sticky=draw(st.booleans()),
        flush_on_down=draw(st.booleans()),
    )


@st.composite
def whole_settings(draw: st.DrawFn) -> Settings:
    check_names = draw(st.lists(NAMES, max_size=3, unique=True))
    by_name = {name: draw(checks(name)) for name in check_names}
    check = st.sampled_from([None, *by_name.values()])
    addresses = draw(st.lists(V4 | V6, max_size=5, unique=True))
    names = draw(st.lists(NAMES, min_size=len(addresses), max_size=len(addresses), unique=True))
    backends = [
        BackendConf(name, address, draw(check), draw(st.booleans()))
        for name, address in zip(names, addresses, strict=True)
    ]
    vips = draw(st.lists(V4 | V6, max_size=3, unique=True))
    names = draw(st.lists(NAMES, min_size=len(vips), max_size=len(vips), unique=True))
    delays = sorted(draw(st.tuples(SECONDS, SECONDS)))
    return Settings(
        lb=LbSettings(
            LbConf(
                ipv4_src_address=draw(V4),
                ipv6_src_address=draw(V6),
                sticky_buckets_per_core=1 << draw(st.integers(0, 31)),
                flow_timeout_s=draw(st.integers(1, 120)),
            ),
            draw(SECONDS),
            delays[0],
            delays[1],
        ),
        healthchecks=by_name,
        backends={backend.name: backend for backend in backends},
        frontends={
            name: draw(frontends(name, vip, backends))
            for name, vip in zip(names, vips, strict=True)
        },
        transition_history=draw(st.integers(1, 100)),
        netns=draw(st.sampled_from(["", "dataplane"])),
    )


def duration_text(seconds: float) -> str:
    ms = round(seconds * 1000)
    return f"{ms // 60_000}m{ms % 60_000 / 1000}s" if ms > 60_000 else f"{ms}ms"


def codes_text(ranges: tuple[tuple[int, int], ...]) -> str:
    return ",".join(f"{low}-{high}" if low < high else str(low) for low, high in ranges)


def check_tree(check: Check) -> dict[str, Any]:
    tree_of_check: dict[str, Any] = {"type": check.type}
    if check.port:
        tree_of_check["port"] = check.port
    for key in ("interval", "fast_interval", "down_interval", "timeout"):
        tree_of_check[key.replace("_", "-")] = duration_text(getattr(check, f"{key}_s"))
    tree_of_check |= {"rise": check.rise, "fall": check.fall}
    for key in ("probe_ipv4_src", "probe_ipv6_src"):
        if getattr(check, key):
            tree_of_check[key.replace("_", "-")] = getattr(check, key)
    params: dict[str, Any] = {}
    default = Check(name="", type="tcp")
    for key in ("path", "host", "response_regexp", "ssl", "server_name", "insecure_skip_verify"):
        if getattr(check, key) != getattr(default, key):
            params[key.replace("_", "-")] = getattr(check, key)
    if check.response_codes != default.response_codes:
        params["response-code"] = codes_text(check.response_codes)
    return tree_of_check | {"params": params}


def frontend_tree(frontend: FrontendConf) -> dict[str, Any]:
    service: dict[str, Any] = {"protocol": frontend.protocol, "port": frontend.port}
    return (service if frontend.port else {}) | {
        "description": frontend.description,
        "address": frontend.address,
        "pools": [
            {"name": pool.name, "backends": {b: {"weight": w} for b, w in pool.weights.items()}}
            for pool in frontend.pools
        ],
        "src-ip-sticky": frontend.src_ip_sticky,
        "flush-on-down": frontend.flush_on_down,
    }


def settings_tree(of: Settings) -> dict[str, Any]:
    lb = of.lb
    backends = {}
    for name, backend in of.backends.items():
        check = {"healthcheck": backend.check.name} if backend.check else {}
        backends[name] = {"address": backend.address, "enabled": backend.enabled} | check
    return {
        "maglev": {
            "healthchecker": {"transition-history": of.transition_history, "netns": of.netns},
            "vpp": {
                "lb": {
                    "ipv4-src-address": lb.conf.ipv4_src_address,
                    "ipv6-src-address": lb.conf.ipv6_src_address,
                    "sticky-buckets-per-core": lb.conf.sticky_buckets_per_core,
                    "flow-timeout": f"{lb.conf.flow_timeout_s}s",
                    "sync-interval": duration_text(lb.sync_interval_s),
                    "startup-min-delay": duration_text(lb.startup_delay_min_s),
                    "startup-max-delay": duration_text(lb.startup_delay_max_s),
                }
            },
            "healthchecks": {name: check_tree(check) for name, check in of.healthchecks.items()},
            "backends": backends,
            "frontends": {name: frontend_tree(f) for name, f in of.frontends.items()},
        }
    }


def written(value: Any, indent: str = "") -> str:
    """Return block YAML; text without quotes wherever YAML lets it stand so."""
    match value:
        case dict() if value:
            return "".join(
                f"\n{indent}{written(key)}: {written(v, indent + '  ')}" for key, v in value.items()
            )
        case list() if value:
            return "".join(f"\n{indent}- {written(v, indent + '  ')}" for v in value)
        case str() if value != "<<" and re.fullmatch(r"[\w/.+~][\w/.:+~-]*[\w/.+~-]|[\w~]", value):
            return value
        case _:
            return json.dumps(value, ensure_ascii=False)


@given(whole_settings())
def test_settings_survive_the_way_through_yaml(of: Settings) -> None:
    text = written(settings_tree(of))
    got = parse(text, "f").settings
    assert asdict(got) == asdict(of)
    for name_order in ("healthchecks", "backends", "frontends"):
        assert list(getattr(got, name_order)) == list(getattr(of, name_order))
