# SPDX-License-Identifier: Apache-2.0
"""The command line: Go's rules, variables, and errors that help."""

import pytest

from maglev.flags import BadUsage, Flag, parse, usage

FLAGS = (
    Flag("config", "M_CONFIG", "/etc/m.yaml", "configuration file"),
    Flag("vpp", "M_VPP", "/run/vpp.sock", "socket", empty=True),
    Flag("color", "M_COLOR", "true", "colours", switch=True),
    Flag("check", "", "false", "check and exit", switch=True),
    Flag("o", "", "text", "how to print"),
    Flag("name", "M_NAME", "", "whom to show", many=True),
)


def value(name: str, *arguments: str, **variables: str) -> str:
    return parse(FLAGS, arguments, variables)[0][name]


def test_flag_beats_variable_and_variable_beats_default() -> None:
    assert value("config") == "/etc/m.yaml"
    assert value("config", M_CONFIG="v") == "v"
    assert value("config", "--config", "f", M_CONFIG="v") == "f"


@pytest.mark.parametrize(
    "words", [("-config", "x"), ("--config", "x"), ("-config=x",), ("--config=x",)]
)
def test_one_or_two_dashes_and_both_forms_of_a_value_mean_the_same(words: tuple[str, ...]) -> None:
    assert value("config", *words) == "x"


def test_a_value_may_look_like_a_flag_or_be_empty() -> None:
    assert value("config", "--config", "-check") == "-check"
    assert value("config", "--config=") == ""


@pytest.mark.parametrize("text", ["false", "False", "FALSE", "0", "f"])
def test_a_switch_is_turned_off_by_every_word_go_knows(text: str) -> None:
    assert value("color", f"-color={text}") == "false"
    assert value("color", M_COLOR=text) == "false"


def test_a_switch_takes_no_word_after_it() -> None:
    values, rest = parse(FLAGS, ["-check", "false"], {})
    assert values["check"] == "true"
    assert rest == ["false"]


def test_a_switch_refuses_what_is_neither_true_nor_false() -> None:
    with pytest.raises(BadUsage, match="--color: wanted true or false, got 'maybe'"):
        value("color", "--color=maybe")
    with pytest.raises(BadUsage, match="M_COLOR: wanted true or false, got 'maybe'"):
        value("color", M_COLOR="maybe")


def test_an_empty_variable_counts_only_where_empty_means_something() -> None:
    assert value("config", M_CONFIG="") == "/etc/m.yaml"
    assert value("vpp", M_VPP="") == ""


def test_flags_end_at_the_first_other_word() -> None:
    assert parse(FLAGS, ["-check", "show", "-config", "x"], {})[1] == ["show", "-config", "x"]


def test_flags_end_at_two_dashes_and_at_a_single_one() -> None:
    assert parse(FLAGS, ["--", "-check"], {})[1] == ["-check"]
    assert parse(FLAGS, ["-", "-check"], {})[1] == ["-", "-check"]


def test_the_last_of_several_values_wins() -> None:
    assert value("config", "-config", "a", "-config", "b") == "b"


def test_values_of_a_flag_that_may_be_given_several_times_are_joined() -> None:
    assert value("name", "-name", "a", "-name", "b,c", M_NAME="v") == "a,b,c"
    assert value("name", M_NAME="v,w") == "v,w"


def test_an_unknown_flag_is_refused_and_a_close_one_offered() -> None:
    with pytest.raises(BadUsage, match=r"^unknown flag --cofnig; did you mean --config\?$"):
        value("config", "--cofnig=x")
    with pytest.raises(BadUsage, match=r"^unknown flag -zzz$"):
        value("config", "-zzz")


def test_a_missing_value_is_refused() -> None:
    with pytest.raises(BadUsage, match="--config: wanted a value"):
        value("config", "--config")


def test_usage_names_every_flag_with_its_variable_and_default() -> None:
    text = usage("maglevx", FLAGS)
    assert text.startswith("usage: maglevx [flags]\n")
    assert "  --config\n        configuration file ($M_CONFIG, default /etc/m.yaml)" in text
    assert "  --check\n        check and exit" in text
    assert "  -o\n        how to print" in text
