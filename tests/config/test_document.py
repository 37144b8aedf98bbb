# SPDX-License-Identifier: Apache-2.0
"""Good files: what they mean.  And files that cannot be read at all."""

import os
from pathlib import Path

import pytest
import yaml

from maglev.config import ConfigError, load, parse, tree
from maglev.core.settings import BackendConf, FrontendConf, LbSettings, PoolConf, Settings
from maglev.messages import Check, LbConf

VPP = """\
  vpp:
    lb:
      ipv4-src-address: 192.0.2.1
      ipv6-src-address: 2001:db8::1
"""
EVERYTHING = """\
maglev:
  healthchecker: {transition-history: 10000, netns: dataplane}
  vpp:
    lb: {ipv4-src-address: 198.51.100.1, ipv6-src-address: '2001:DB8:0::2',
      sync-interval: 1m, sticky-buckets-per-core: 1024, flow-timeout: 2m,
      startup-min-delay: 0, startup-max-delay: 0s}
  healthchecks:
    a: {type: https, port: 8443, interval: 1s, fast-interval: 250ms, down-interval: 1m,
      timeout: 3s, rise: 1, fall: 1, probe-ipv4-src: 192.0.2.9,
      probe-ipv6-src: '2001:DB8::9', params: {path: '/a?b=%20', host: 'x.example:8443',
      response-code: '204, 200-201', response-regexp: '^ok', server-name: y.example,
      insecure-skip-verify: true}}
    b: {type: tcp, port: 1, interval: 5s, params: {ssl: true, server-name: y.example}}
    c: {type: icmp, interval: 500ms, params: }
  backends: {w: {address: 192.0.2.7, healthcheck: c, enabled: false}}
  frontends:
    f: {description: ' two words ', address: '2001:db8::80', protocol: udp, port: 53,
      pools: [{name: p, backends: {w: {weight: 0}}}, {name: q, backends: }],
      src-ip-sticky: true, flush-on-down: false}
"""
LB = LbSettings(
    LbConf(
        ipv4_src_address="192.0.2.1",
        ipv6_src_address="2001:db8::1",
        sticky_buckets_per_core=65536,
        flow_timeout_s=40,
    ),
    sync_interval_s=30.0,
    startup_delay_min_s=5.0,
    startup_delay_max_s=30.0,
)


def settings(text: str) -> Settings:
    loaded = parse(f"maglev:\n{text}{VPP}", "maglev.yaml")
    assert loaded.warnings == ()
    return loaded.settings


def test_the_shortest_file_is_all_defaults() -> None:
    expected = Settings(LB, {}, {}, {}, transition_history=5, netns="")
    assert settings("") == expected
    assert settings("  backends:\n  frontends: {}\n  healthchecks: ~\n") == expected


def test_defaults_are_filled_in() -> None:
    got = settings(
        "  healthchecks: {web: {type: http, port: 80}}\n"
        "  backends: {web1: {address: 192.0.2.7, healthcheck: web}, db: {address: '2001:DB8::7'}}\n"
        "  frontends:\n"
        "    www: {address: 203.0.113.80, pools: [{name: a, backends: {web1: , }}]}\n"
    )
    web = Check(
        name="web", type="http", port=80, interval_s=2.0, fast_interval_s=2.0,
        down_interval_s=2.0, timeout_s=1.0, rise=2, fall=3, probe_ipv4_src="", probe_ipv6_src="",
        path="/", host="", response_codes=((200, 200),), response_regexp="", ssl=False,
        server_name="", insecure_skip_verify=False,
    )  # fmt: skip
    assert got == Settings(
        LB,
        {"web": web},
        {
            "web1": BackendConf("web1", "192.0.2.7", web, True),
            "db": BackendConf("db", "2001:db8::7", None, True),
        },
        {
            "www": FrontendConf(
                name="www", address="203.0.113.80", protocol="any", port=0,
                pools=(PoolConf("a", {"web1": 100}),), description="", src_ip_sticky=False,
                flush_on_down=True,
            ),
        },
    )  # fmt: skip


def test_every_value_that_is_given_is_used() -> None:
    loaded = parse(EVERYTHING, "maglev.yaml")
    got = loaded.settings
    assert got.transition_history == 10000
    assert got.netns == "dataplane"
    assert got.lb == LbSettings(
        LbConf(
            ipv4_src_address="198.51.100.1",
            ipv6_src_address="2001:db8::2",
            sticky_buckets_per_core=1024,
            flow_timeout_s=120,
        ),
        60.0,
        0.0,
        0.0,
    )
    assert got.healthchecks == {
        "a": Check(
            name="a", type="https", port=8443, interval_s=1.0, fast_interval_s=0.25,
            down_interval_s=60.0, timeout_s=3.0, rise=1, fall=1, probe_ipv4_src="192.0.2.9",
            probe_ipv6_src="2001:db8::9", path="/a?b=%20", host="x.example:8443",
            response_codes=((200, 201), (204, 204)), response_regexp="^ok",
            server_name="y.example", insecure_skip_verify=True,
        ),
        "b": Check(
            name="b", type="tcp", port=1, interval_s=5.0, fast_interval_s=5.0,
            down_interval_s=5.0, ssl=True, server_name="y.example",
        ),
        "c": Check(
            name="c", type="icmp", interval_s=0.5, fast_interval_s=0.5, down_interval_s=0.5
        ),
    }  # fmt: skip
    assert got.backends == {"w": BackendConf("w", "192.0.2.7", got.healthchecks["c"], False)}
    pools = (PoolConf("p", {"w": 0}), PoolConf("q", {}))
    assert got.frontends == {
        "f": FrontendConf("f", "2001:db8::80", "udp", 53, pools, "two words", True, False)
    }
    assert loaded.warnings == ()


def test_names_are_text_whatever_they_look_like() -> None:
    names = ["no", "on", "123", "12:30", "010", "~", "null", "true", "1e3", "0x10", "2024-01-01"]
    text = "  healthchecks:\n" + "".join(f"    {name}: {{type: icmp}}\n" for name in names)
    text += "  backends:\n" + "".join(
        f"    {name}: {{address: 192.0.2.{i}, healthcheck: {name}}}\n"
        for i, name in enumerate(names, 1)
    )
    text += "  frontends:\n" + "".join(
        f"    {name}:\n      address: 203.0.113.{i}\n"
        f"      pools: [{{name: {name}, backends: {{{name}: }}}}]\n"
        for i, name in enumerate(names, 1)
    )
    got = settings(text)
    assert list(got.healthchecks) == list(got.backends) == list(got.frontends) == names
    for name in names:
        check = got.backends[name].check
        assert check is not None
        assert check.name == name
        assert got.frontends[name].pools == (PoolConf(name, {name: 100}),)


def test_checks_may_share_what_an_anchor_names() -> None:
    got = settings(
        "  healthchecks:\n"
        "    base: &base {type: http, port: 80, interval: 5s, params: {path: /healthz}}\n"
        "    slow: {<<: *base, interval: 10s}\n"
    )
    assert got.healthchecks["slow"].path == "/healthz"
    assert got.healthchecks["slow"].interval_s == 10.0
    assert got.healthchecks["base"].interval_s == 5.0


def test_what_vpp_takes_together_is_good() -> None:
    pools = "pools: [{name: a, backends: {v4: }}]"
    got = settings(
        "  backends: {v4: {address: 192.0.2.7}, v6: {address: '2001:db8::7'},\n"
        "    same: {address: 192.0.2.7}, unused: {address: 192.0.2.8}}\n"
        "  healthchecks: {unused: {type: icmp}}\n"
        "  frontends:\n"
        f"    udp: {{address: 203.0.113.1, protocol: udp, port: 53, {pools}}}\n"
        f"    tcp: {{address: 203.0.113.1, protocol: tcp, port: 53, {pools}}}\n"
        f"    all: {{address: 203.0.113.2, {pools}}}\n"
        f"    other-family: {{address: '2001:db8::2', {pools}}}\n"
        "    same: {address: 203.0.113.3, pools: [{name: a, backends: {same: }}]}\n"
        "    v6: {address: 203.0.113.4, pools: [{name: a, backends: {v6: {}}}]}\n"
    )
    assert len(got.frontends) == 6


def test_a_tls_parameter_without_tls_is_a_warning() -> None:
    text = "  healthchecks: {a: {type: tcp, port: 1, params: {server-name: x.example}}}\n"
    loaded = parse(f"maglev:\n{text}{VPP}", "maglev.yaml")
    assert list(map(str, loaded.warnings)) == [
        "maglev.yaml:2: maglev.healthchecks.a.params.server-name: has no effect without 'ssl: true'"
    ]


def test_both_parsers_read_the_same_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    example = Path(__file__).parents[2] / "conf" / "maglev.yaml"
    fast = load(example)
    monkeypatch.setattr(tree, "Loader", yaml.SafeLoader)
    assert load(example) == fast


def test_a_file_is_loaded_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "maglev.yaml"
    path.write_text(f"maglev:\n{VPP}")
    assert load(path).settings.lb == LB
    assert load(str(path)).settings.lb == LB
    path.write_text("maglev: []\n")
    with pytest.raises(ConfigError, match=f"^{path}:1: maglev: expected a mapping"):
        load(path)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing.yaml", "No such file or directory"),
        ("", "not a regular file"),
        ("pipe", "not a regular file"),
        ("nul\0", "embedded null byte"),
        ("loop", "Too many levels of symbolic links"),
    ],
)
def test_what_cannot_be_read_is_a_fault_of_structure(
    tmp_path: Path, name: str, reason: str
) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    path = f"{tmp_path}/{name}"
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert caught.value.stage == "structure"
    assert str(caught.value) == f"{path}: cannot be read: {reason}"


def test_a_file_beyond_the_bound_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "big.yaml"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ConfigError, match="larger than 16 MiB"):
        load(path)
