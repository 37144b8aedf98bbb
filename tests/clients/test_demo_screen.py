# SPDX-License-Identifier: Apache-2.0
"""What the terminal of the demo shows, as text."""

from datetime import datetime

import pytest
from msgspec.structs import replace

from maglev.actor import Instant
from maglev.clients.demo.scene import Installed, Scene, Told, vip_of
from maglev.clients.demo.screen import draw, line
from maglev.clients.demo.sentence import Rank, Sentence, Tone
from maglev.clients.demo.styled import Row, Span, plain
from maglev.clients.demo.terminal import keys_in
from maglev.messages import ActorStatus, Heartbeat, VppStatus
from tests.clients.said import CONFIG, SETTINGS, backend, frontend

AT_NS = int(datetime(2026, 3, 1, 12, 30, 5).timestamp()) * 10**9
NOW = Instant(100.0, AT_NS)
SINCE = {"since_ns": AT_NS - 65 * 10**9}
ACTORS = ("aggregator", "programmer", "watchdog", "prober-0", "prober-1")


def scene() -> Scene:
    """Return web2 down and drifted in VPP, web3 standing by, and a programmer just killed."""
    made = Scene(actors=ACTORS, run_dir="/tmp/demo/run", started_s=38.0)
    www = frontend("up", "primary", web1=100, web2=0)
    down = backend("web2", "down", 0, detail="HTTP 503", code="L7STS", duration_s=0.002, **SINCE)
    spare = backend("web3", **SINCE)
    levels = [CONFIG, SETTINGS, backend("web1", **SINCE), down, spare, www]
    made.view.synced("aggregator", levels)
    made.view.synced("programmer", [VppStatus(connected=True, weights=True, version="26.10")])
    for number, actor in enumerate(ACTORS):
        made.beats[actor] = Heartbeat(
            actor=actor,
            pid=4000 + number,
            started_ns=AT_NS - 60 * 10**9,
            positions={},
            lag_ms_max=0.0,
        )
    made.view.heard("watchdog", status("programmer", restarts=2))
    made.gone.add("programmer")
    made.servers = {"web1": "runs", "web2": "503", "web3": "runs"}
    made.installed = {
        "203.0.113.1/32 tcp 80": {
            "192.0.2.11": Installed(100, 512),
            "192.0.2.12": Installed(100, 512),
            "192.0.2.13": Installed(0, 0),
        }
    }
    made.chosen = 1
    made.seen_s["web1"] = 99.9
    made.story.append(told("web2 is down: HTTP 503 (3 of 3)", Tone.BAD))
    return made


def status(actor: str, restarts: int) -> ActorStatus:
    return ActorStatus(
        actor=actor,
        state="RUNNING",
        pid=1,
        started_ns=0,
        restarts=restarts,
        heartbeat_age_s=0.0,
        lag_ms_max=0.0,
    )


def told(text: str, tone: Tone = Tone.PLAIN) -> Told:
    return Told(AT_NS + 250_000_000, Sentence(tone, Rank.BACKEND, text))


def shown(made: Scene, width: int = 80, height: int = 24) -> list[str]:
    return [plain(row) for row in draw(made, NOW, width, height)]


def test_the_screen_at_its_smallest() -> None:
    rule = " VPP: asked of VPP itself --"
    assert shown(scene(), 80, 18) == [
        " maglevd demo  |  VPP (simulated) 26.10 connected  |  in service          1m02s",
        " frontend       pool       backend  server state     since count want |VPP share",
        " www up         primary *  web1   . runs   up        1m05s   4/4  100 |100   50%",
        " 203.0.113.1:80           >web2     503    down      1m05s   0/4    0 |100!  50%",
        "                standby    web3     runs   up        1m05s   4/4    0 |  0    0%",
        f"-- actors: pid, uptime, restarts {'-' * (80 - 33 - len(rule))}{rule}",
        " aggregator 4000 1m00s  programmer gone r2     watchdog 4002 1m00s",
        " prober-0 4003 1m00s    prober-1 4004 1m00s",
        "-- what happens ----------------------------------------------------------------",
        " 12:30:05.25 web2 is down: HTTP 503 (3 of 3)",
        *[""] * 6,
        " web2: k kill  e 503  h hang  p pause  |  in VPP: w change weight  d delete",
        " arrows choose  c edit config and reload  v restart VPP  q quit",
    ]


def test_where_there_is_room_bars_and_reasons_are_shown() -> None:
    rows = shown(scene(), 120)
    assert rows[1].endswith("|VPP share           last change")
    assert rows[2].endswith("100 |100   50% #####")
    assert rows[3].endswith("0 |100!  50% #####      L7STS HTTP 503 2.0 ms")
    assert rows[-1].endswith("maglev-tap --run-dir /tmp/demo/run")


@pytest.mark.parametrize("width", [1, 7, 79, 80, 120, 300])
@pytest.mark.parametrize("height", [1, 2, 5, 24, 100])
def test_no_size_is_exceeded_and_none_breaks_it(width: int, height: int) -> None:
    rows = draw(scene(), NOW, width, height)
    assert len(rows) == height
    assert max(sum(len(span.text) for span in row) for row in rows) <= width


def test_keys_stay_when_the_terminal_is_too_low_for_the_tables() -> None:
    assert shown(scene(), 80, 4)[-1].startswith(" arrows choose")


def test_the_newest_sentence_is_the_last_and_long_ones_are_wrapped() -> None:
    made = scene()
    made.story.clear()
    made.story.extend(told(f"sentence {number}") for number in range(30))
    made.story.append(told("word " * 20))
    story = shown(made)[9:22]
    assert story[0] == " 12:30:05.25 sentence 19"
    assert story[-2] == f" 12:30:05.25 {'word ' * 13}".rstrip()
    assert story[-1] == f"{' ' * 13}{'word ' * 7}".rstrip()


def test_nothing_that_a_backend_says_moves_the_cursor() -> None:
    made = scene()
    made.story.append(told("web1 is down: \x1b[2Jhello\n"))
    assert " 12:30:05.25 web1 is down: ?[2Jhello" in shown(made)[10]
    assert line(told("a\x1bb\n")) == "12:30:05.25  a?b?"


def test_before_anything_is_heard_the_actors_are_starting() -> None:
    made = Scene(actors=ACTORS, run_dir="/run", started_s=100.0)
    rows = shown(made)
    assert rows[0].startswith(" maglevd demo  |  VPP (simulated): not connected  |  starting")
    assert "aggregator starting" in rows[3]


def test_an_actor_that_is_chosen_can_only_be_killed() -> None:
    made = scene()
    made.chosen = 4
    rows = shown(made)
    assert ">programmer gone" in rows[6]
    assert rows[-2] == " programmer: k kill -9"


def test_a_dead_web_server_can_be_revived() -> None:
    made = scene()
    made.servers["web2"] = "killed"
    assert shown(made)[-2].startswith(" web2: k revive ")


def test_a_held_weight_differs_from_nothing() -> None:
    made = scene()
    made.view.heard("aggregator", frontend("up", "primary", web1=100, web2=None))
    assert "hold |100 " in shown(made)[3]


def test_a_stale_state_is_doubted() -> None:
    made = scene()
    made.view.heard("aggregator", backend("web1", stale=True, **SINCE))
    assert " up? " in shown(made)[2]


def test_vpp_that_does_not_answer_has_nothing() -> None:
    made = scene()
    made.installed = None
    assert "  100 |  -!   0%" in shown(made)[2]


def test_a_vip_is_written_as_the_simulated_vpp_writes_it() -> None:
    www = frontend("up", "primary")
    assert vip_of(www) == "203.0.113.1/32 tcp 80"
    assert vip_of(replace(www, address="2001:db8::1")) == "2001:db8::1/128 tcp 80"


def test_a_row_without_its_styles_is_its_text() -> None:
    row: Row = [Span("bold", "a "), Span("plain", "b ")]
    assert plain(row) == "a b"


@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        ("", []),
        ("2k", ["2", "k"]),
        ("\x1b[A\x1b[B\x1bOC\x1bOD", ["up", "down", "right", "left"]),
        ("\x1b[3~q", ["q"]),
        ("\x1b[1;5Aq", ["up", "q"]),
        ("\x03", ["\x03"]),
    ],
)
def test_what_is_typed_becomes_keys(typed: str, keys: list[str]) -> None:
    assert list(keys_in(typed)) == keys
