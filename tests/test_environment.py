# SPDX-License-Identifier: Apache-2.0
"""The settings of a daemon: what is accepted, what is refused and in which words."""

from pathlib import Path

import pytest

from maglev.core.timers import Timers
from maglev.environment import (
    RUN_DIR_BYTES_MAX,
    BadEnvironment,
    Environment,
    host_and_port,
    read,
)


def test_nothing_set_gives_the_documented_defaults() -> None:
    assert read({}) == Environment(
        config=Path("/etc/vpp-maglev/maglev.yaml"),
        run_dir=Path("/run/vpp-maglev"),
        state_dir=Path("/var/lib/vpp-maglev"),
        probers=2,
        vpp_api_addr="/run/vpp/api.sock",
        grpc_addr=":9090",
        grpc_socket=Path("/run/vpp-maglev/grpc.sock"),
        grpc_open=False,
        reflection=True,
        metrics_addr=":9091",
        log_level="info",
        time_scale=1.0,
    )


def test_what_is_handed_on_is_read_back_the_same() -> None:
    environment = Environment(
        config=Path("/a b/%(x)s.yaml"),
        run_dir=Path("/r"),
        state_dir=Path("/s"),
        probers=7,
        vpp_api_addr="",
        grpc_addr="[::1]:9090",
        grpc_socket=Path("/g.sock"),
        grpc_tls_cert="/cert.pem",
        grpc_tls_key="/key.pem",
        grpc_client_ca="/ca.pem",
        grpc_operators="ana,bob",
        grpc_open=True,
        reflection=False,
        metrics_addr="",
        log_level="warn",
        time_scale=0.1,
    )
    assert read(environment.variables()) == environment


def test_an_empty_variable_counts_as_not_set_but_where_it_means_off() -> None:
    empty = dict.fromkeys(Environment().variables(), "")
    assert read(empty) == read({"MAGLEV_VPP_API_ADDR": "", "MAGLEV_METRICS_ADDR": ""})
    assert read(empty).vpp_api_addr == ""
    assert read(empty).metrics_addr == ""


def test_relative_paths_are_made_absolute() -> None:
    assert read({"MAGLEV_CONFIG": "m.yaml"}).config == Path.cwd() / "m.yaml"


@pytest.mark.parametrize("text", ["0", "65", "-1", "two", "1.5", "²"])
def test_a_pool_outside_1_to_64_is_refused(text: str) -> None:
    with pytest.raises(BadEnvironment, match=r"MAGLEV_PROBERS.*from 1 to 64, got '" + text):
        read({"MAGLEV_PROBERS": text})


def test_an_unknown_log_level_is_refused_with_the_known_ones() -> None:
    with pytest.raises(BadEnvironment, match="debug, info, warn, error, got 'loud'"):
        read({"MAGLEV_LOG_LEVEL": "loud"})


def test_log_levels_are_read_in_any_case() -> None:
    assert read({"MAGLEV_LOG_LEVEL": "DEBUG"}).log_level == "debug"


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "fast"])
def test_a_time_scale_that_no_clock_can_follow_is_refused(text: str) -> None:
    with pytest.raises(BadEnvironment, match="MAGLEV_TIME_SCALE"):
        read({"MAGLEV_TIME_SCALE": text})


def test_a_run_dir_in_which_no_socket_fits_is_refused() -> None:
    longest = "/" + "x" * (RUN_DIR_BYTES_MAX - 1)
    assert read({"MAGLEV_RUN_DIR": longest}).run_dir == Path(longest)
    with pytest.raises(BadEnvironment, match=r"at most 83 bytes.*got 84"):
        read({"MAGLEV_RUN_DIR": longest + "x"})


def test_timers_follow_the_scale() -> None:
    assert read({"MAGLEV_TIME_SCALE": "0.5"}).timers == Timers.scaled(0.5)


def test_every_actor_has_one_name() -> None:
    assert read({"MAGLEV_PROBERS": "3"}).actor_names == (
        "aggregator",
        "programmer",
        "gateway",
        "watchdog",
        "prober-0",
        "prober-1",
        "prober-2",
    )


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        (":9090", ("", 9090)),
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("[::1]:65535", ("::1", 65535)),
        ("[::]:1", ("::", 1)),
        ("localhost:9090", ("localhost", 9090)),
        ("9090", None),
        ("::1:9090", None),
        ("[127.0.0.1]:9090", None),
        ("127.0.0.1:", None),
        (":65536", None),
        (":-1", None),
        (":²", None),
        ("", None),
    ],
)
def test_addresses_are_written_as_go_does(address: str, parts: tuple[str, int] | None) -> None:
    assert host_and_port(address) == parts


@pytest.mark.parametrize("variable", ["MAGLEV_GRPC_ADDR", "MAGLEV_METRICS_ADDR"])
def test_an_address_of_another_form_is_refused_with_examples(variable: str) -> None:
    with pytest.raises(BadEnvironment, match=rf"{variable}.*such as :9090.*got '9090'"):
        read({variable: "9090"})


def test_the_unix_socket_is_in_the_run_directory_unless_it_is_elsewhere() -> None:
    assert read({"MAGLEV_RUN_DIR": "/r"}).grpc_socket == Path("/r/grpc.sock")
    assert read({"MAGLEV_GRPC_SOCKET": "/x"}).grpc_socket == Path("/x")
    with pytest.raises(BadEnvironment, match=r"MAGLEV_GRPC_SOCKET.*at most 107 bytes.*got 108"):
        read({"MAGLEV_GRPC_SOCKET": "/" + "x" * 107})


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"TLS_CERT": "/c"}, "wanted both or none"),
        ({"TLS_KEY": "/k"}, "wanted both or none"),
        ({"CLIENT_CA": "/ca"}, "wanted --grpc-tls-cert with it"),
        ({"OPERATORS": "ana"}, "wanted --grpc-client-ca with it"),
        ({"OPERATORS": "ana", "TLS_CERT": "/c", "TLS_KEY": "/k"}, "wanted --grpc-client-ca"),
    ],
)
def test_half_a_set_of_files_for_tls_is_refused(variables: dict[str, str], words: str) -> None:
    with pytest.raises(BadEnvironment, match=words):
        read({f"MAGLEV_GRPC_{name}": value for name, value in variables.items()})


def test_switches_are_true_or_false_in_gos_words() -> None:
    assert read({"MAGLEV_GRPC_OPEN": "T"}).grpc_open
    assert not read({"MAGLEV_REFLECTION": "0"}).reflection
    with pytest.raises(BadEnvironment, match="MAGLEV_REFLECTION: wanted true or false, got 'no'"):
        read({"MAGLEV_REFLECTION": "no"})
