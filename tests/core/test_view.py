# SPDX-License-Identifier: Apache-2.0
"""What was said, folded into what is."""

import pytest

from maglev.core.view import Change, View
from maglev.messages import (
    Alarm,
    AlarmCleared,
    Level,
    Message,
    ProbesSeen,
    Verdict,
    VerdictWithdrawn,
    VppStatus,
)

ALARM = Alarm(kind="vpp", about="x", text="gone", since_ns=1)
VPP = VppStatus(connected=True)


def verdict(backend: str, prober: str = "prober-0", counter: int = 0) -> Verdict:
    return Verdict(
        backend=backend, prober=prober, generation=1, state="up", counter=counter, changes=1
    )


def test_a_new_level_is_a_change_without_a_before() -> None:
    view = View()
    assert view.heard("aggregator", ALARM) == Change("aggregator", None, ALARM)
    assert view.get(Alarm, "vpp", "x") == ALARM


def test_a_level_said_again_is_no_news() -> None:
    view = View()
    view.heard("aggregator", ALARM)
    assert view.heard("aggregator", ALARM) is None
    assert view.synced("aggregator", [ALARM]) == []


def test_a_newer_level_replaces_the_older_one() -> None:
    view = View()
    view.heard("prober-0", verdict("web1", counter=1))
    change = view.heard("prober-0", verdict("web1", counter=2))
    assert change == Change("prober-0", verdict("web1", counter=1), verdict("web1", counter=2))
    assert view.all(Verdict) == [verdict("web1", counter=2)]


def test_a_retraction_ends_its_level_and_nothing_else() -> None:
    view = View()
    view.synced("aggregator", [ALARM, VPP])
    change = view.heard("aggregator", AlarmCleared(kind="vpp", about="x"))
    assert change == Change("aggregator", ALARM, None)
    assert view.all(Alarm) == []
    assert view.all(VppStatus) == [VPP]


def test_a_retraction_of_something_unknown_changes_nothing() -> None:
    assert View().heard("aggregator", AlarmCleared(kind="vpp", about="x")) is None


def test_an_edge_changes_nothing() -> None:
    assert View().heard("prober-0", ProbesSeen(prober="prober-0", backends=("web1",))) is None


def test_what_a_snapshot_does_not_contain_is_gone() -> None:
    view = View()
    view.synced("prober-0", [verdict("web1"), verdict("web2")])
    changes = view.synced("prober-0", [verdict("web2", counter=1), verdict("web3")])
    assert changes == [
        Change("prober-0", verdict("web1"), None),
        Change("prober-0", verdict("web2"), verdict("web2", counter=1)),
        Change("prober-0", None, verdict("web3")),
    ]


def test_the_snapshot_of_one_speaker_leaves_what_others_said() -> None:
    view = View()
    view.heard("prober-0", verdict("web1"))
    view.synced("prober-1", [])
    assert view.all(Verdict) == [verdict("web1")]


def test_two_speakers_may_say_a_level_of_one_key_and_each_ends_its_own() -> None:
    view = View()
    view.heard("prober-0", verdict("web1"))
    view.heard("prober-1", verdict("web1", "prober-1"))
    view.heard("prober-0", VerdictWithdrawn(backend="web1"))
    assert view.all(Verdict) == [verdict("web1", "prober-1")]
    assert view.get(Verdict, "web1") == verdict("web1", "prober-1")


def test_a_speaker_is_known_once_it_has_said_how_anything_is() -> None:
    view = View()
    view.synced("prober-0", [])
    assert not view.knows("prober-0")
    view.heard("prober-0", verdict("web1"))
    view.heard("prober-0", VerdictWithdrawn(backend="web1"))
    assert view.knows("prober-0")


def test_nothing_is_known_of_what_nobody_said() -> None:
    view = View()
    view.heard("prober-0", verdict("web1"))
    assert view.get(Verdict, "web2") is None
    assert view.get(Alarm, "web1", "x") is None
    assert view.all(Alarm) == []


def test_levels_keep_the_order_in_which_they_were_first_said() -> None:
    view = View()
    for name in ("c", "a", "b", "a"):
        view.heard("prober-0", verdict(name, counter=len(view.all(Verdict))))
    assert [one.backend for one in view.all(Verdict)] == ["c", "a", "b"]


@pytest.mark.parametrize("back", [View.found, lambda view, speaker: view.synced(speaker, [])])
def test_a_speaker_is_silent_from_lost_until_it_is_heard_again(back) -> None:  # type: ignore[no-untyped-def]
    view = View()
    view.synced("programmer", [VPP])
    view.lost("programmer")
    assert view.silent == {"programmer"}
    assert view.all(VppStatus) == [VPP]
    back(view, "programmer")
    assert view.silent == set()


@pytest.mark.parametrize(
    ("change", "level"),
    [(Change("a", None, ALARM), ALARM), (Change("a", ALARM, None), ALARM)],
)
def test_the_level_of_a_change_is_the_newest_known(change: Change, level: Level) -> None:
    assert change.level == level


def test_a_change_of_nothing_is_a_broken_invariant() -> None:
    nothing: list[Message] = []
    assert View().synced("a", nothing) == []
    with pytest.raises(AssertionError, match="a changed nothing"):
        _ = Change("a", None, None).level
