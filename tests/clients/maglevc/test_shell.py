# SPDX-License-Identifier: Apache-2.0
"""The shell, typed at in a pseudo terminal."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from maglev.rpc.maglev_pb2 import Event
from tests.clients.maglevc import samples
from tests.clients.maglevc.fake import FakeDaemon
from tests.clients.maglevc.terminal import Terminal
from tests.support import eventually

Shell = Callable[..., Terminal]
PROMPT = "maglev>"
TAB, CTRL_C, CTRL_D, LEFT = "\t", "\x03", "\x04", "\x1b[D"


@pytest.fixture
def shell(daemon: FakeDaemon, tmp_path: Path) -> Iterator[Shell]:
    """Return a function that starts a shell at a terminal and waits for its prompt."""
    open_ones: list[Terminal] = []

    def start(*arguments: str, columns: int = 80, rows: int = 50, **variables: str) -> Terminal:
        server = ("--server", f"127.0.0.1:{daemon.port}")
        one = Terminal(tmp_path, *server, *arguments, columns=columns, rows=rows, **variables)
        open_ones.append(one)
        one.shows(PROMPT)
        return one

    yield start
    for one in open_ones:
        one.close()


def test_it_says_who_it_is_and_who_answers(shell: Shell) -> None:
    told = shell().text().splitlines()
    assert re.fullmatch(r"maglevc \S+ \(commit \S+, built \S+\)", told[0])
    assert told[1] == "maglevd 0.1.0 (commit abc1234, built 2026-11-20)"


def test_a_command_is_answered_and_the_prompt_comes_back(shell: Shell) -> None:
    one = shell()
    one.type("sh he ping\r")
    one.shows("probe-ipv4-src  192.0.2.1", PROMPT)
    assert "maglev> sh he ping\nname            ping\n" in one.text()


def test_tab_completes_words_and_names(shell: Shell) -> None:
    one = shell()
    one.type(f"sh{TAB}fr{TAB}d{TAB}")
    one.shows("maglev> show frontends dns6")
    one.type("\r")
    one.shows("  web3  weight 1  effective 0", PROMPT)


def test_tab_lists_what_is_possible_and_completes_what_is_common(shell: Shell) -> None:
    one = shell()
    one.type(f"show ba{TAB}{TAB}")
    one.shows("maglev> show backends web")
    one.type(TAB)
    one.shows("web1 web2 web3 web4 web5", "maglev> show backends web")


def test_tab_adds_the_quotes_a_name_needs(shell: Shell, daemon: FakeDaemon) -> None:
    daemon.answers["ListFrontends"] = type(samples.FRONTENDS)(
        frontends=[type(samples.WWW)(name="it's")]
    )
    one = shell()
    one.type(f"show frontends {TAB}")
    one.shows('maglev> show frontends "it\'s"')


def test_a_question_mark_lists_candidates_and_is_not_inserted(shell: Shell) -> None:
    one = shell()
    one.type("show v?")
    one.shows(
        "maglev> show v?",
        "  version  version of this client and of the daemon",
        "  vpp      VPP, and what is in it",
        "maglev> show v",
    )


def test_a_question_mark_works_in_the_middle_of_a_line(shell: Shell) -> None:
    one = shell()
    one.type(f"sh fr www{LEFT * 4}?")
    one.shows(
        "maglev> sh fr? www", "  frontends  all frontends, or all about one", "maglev> sh fr www"
    )
    one.type("\r")
    eventually(lambda: "\nname           www\n" in one.text())


def test_a_question_mark_where_nothing_can_stand_says_what_is_wrong(shell: Shell) -> None:
    one = shell()
    one.type("foo bar?")
    one.shows(
        "maglev> foo bar?",
        "  wanted show, sync, set, watch, config, help, quit or exit; got 'foo'",
        "maglev> foo bar",
    )


def test_errors_are_told_and_the_shell_goes_on(shell: Shell) -> None:
    one = shell()
    one.type("show backends 'x\r")
    one.shows("no closing ' after 'x'", PROMPT)
    one.type("show backends nope\r")
    one.shows("no backend is called 'nope'", PROMPT)
    one.type("show v\r")
    one.shows("after 'show': 'v' is ambiguous: version, vpp", PROMPT)


def test_none_of_cmd2s_own_commands_is_there(shell: Shell) -> None:
    one = shell()
    for word in ("alias", "shell", "run_script", "history", "edit", "macro", "!ls", "@x", "py"):
        one.type(f"{word}\r")
        one.shows(f"got '{word}'", PROMPT)
    one.type("show version > /tmp/x\r")
    one.shows("after 'show version': wanted nothing more; got '>'", PROMPT)


def test_ctrl_c_abandons_the_line_and_ctrl_d_leaves(shell: Shell) -> None:
    one = shell()
    one.type("set backend web1 disable")
    one.shows("maglev> set backend web1 disable")
    one.type(CTRL_C)
    one.shows("^C", PROMPT)
    one.type(CTRL_D)
    assert one.ends() == 0


@pytest.mark.parametrize("word", ["quit", "exit", "q", "e"])
def test_quit_and_exit_leave(shell: Shell, word: str) -> None:
    one = shell()
    one.type(f"{word}\r")
    assert one.ends() == 0


def test_a_lost_daemon_is_told_and_reached_again(shell: Shell, daemon: FakeDaemon) -> None:
    one = shell()
    port = daemon.port
    daemon.stop()
    one.type("show version\r")
    eventually(lambda: f"127.0.0.1:{port}: connection refused; is maglevd there" in one.text())
    daemon.start(f"127.0.0.1:{port}")
    one.type("show vpp info\r")
    one.shows("AS weights       yes", PROMPT)
    assert "Traceback" not in one.text()


def test_it_starts_without_a_daemon_and_without_a_home(
    shell: Shell, daemon: FakeDaemon, tmp_path: Path
) -> None:
    daemon.stop()
    one = shell(HOME="/nowhere", columns=100)
    assert re.match(r"maglevc .*\n127\.0\.0\.1:\d+: connection refused; is maglevd", one.text())


def test_labels_and_errors_have_colours_unless_they_are_not_wanted(shell: Shell) -> None:
    one = shell()
    one.type("show vpp info\rfoo\r")
    one.shows("got 'foo'", PROMPT)
    assert "\x1b[34mversion\x1b[0m" in one.raw
    assert "\x1b[31mwanted show" in one.raw
    for plain in (shell("-color=false"), shell(NO_COLOR="1"), shell(MAGLEV_COLOR="false")):
        plain.type("show vpp info\rfoo\r")
        plain.shows("got 'foo'", PROMPT)
        assert "\x1b[34m" not in plain.raw
        assert "\x1b[31m" not in plain.raw


def test_it_is_readable_in_40_columns(shell: Shell) -> None:
    one = shell(columns=40)
    one.type("show frontends www\r")
    one.shows("      unknown -> up", PROMPT)
    assert "\n  web3  weight  50  effective   0\n      [disabled]\n" in one.text()
    one.type("set ?")
    one.shows(
        "maglev> set ?",
        "  backend   pause, resume, disable or",
        "            enable a backend",
        "  frontend  set the weight of a backend",
        "            in a pool",
        "maglev> set",
    )


def test_long_answers_go_through_a_pager(shell: Shell, tmp_path: Path) -> None:
    pager = tmp_path / "pager"
    pager.write_text("#!/bin/sh\necho paged $(wc -l)\n")
    pager.chmod(0o755)
    one = shell(rows=10, PAGER=str(pager))
    one.type("show vpp info\r")
    one.shows("AS weights       yes", PROMPT)
    one.type("show healthchecks web\r")
    one.shows("paged 15", PROMPT)


def test_without_a_pager_long_answers_are_printed(shell: Shell) -> None:
    one = shell(rows=10, PAGER="no-such-pager")
    one.type("show healthchecks web\r")
    one.shows("insecure-skip-verify  no", PROMPT)


def test_lines_are_remembered_from_session_to_session(shell: Shell) -> None:
    one = shell()
    one.type("show vpp info\r")
    one.shows("AS weights       yes", PROMPT)
    one.type(CTRL_D)
    assert one.ends() == 0
    other = shell()
    other.type("\x1b[A")
    other.shows("maglev> show vpp info")


def test_any_key_stops_watching_and_is_not_typed(shell: Shell, daemon: FakeDaemon) -> None:
    def wait(context: object) -> None:
        ended.append(eventually(lambda: not context.is_active()))  # type: ignore[attr-defined]

    ended: list[bool] = []
    event = Event(backend={"name": "web1"})
    daemon.answers["WatchEvents"] = [event, wait]
    one = shell()
    for key in ("x", CTRL_C, "\x1b[A"):
        one.type("watch events\r")
        one.shows("maglev> watch events", '{"backend":{"name":"web1"}}')
        one.type(key)
        one.shows('{"backend":{"name":"web1"}}', PROMPT)
    eventually(lambda: len(ended) == 3)
