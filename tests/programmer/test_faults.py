# SPDX-License-Identifier: Apache-2.0
"""Whatever goes wrong, wherever: in the end VPP has what is wanted, and nothing is under way."""

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as some

from maglev.core.reconcile import DelVip, SetWeight
from maglev.messages import DesiredAs, VipProgrammed, VipWithdrawn
from tests.programmer.world import CONF, FRESH_CONF, Vpp, World, key, server, settings, vip


def used_vpp():
    vpp = Vpp()
    vpp.vips[key("192.0.2.9")] = ["gre4", False, {"10.0.0.9": 100}]
    vpp.vips[key()] = ["gre4", True, {"10.0.0.1": 7, "10.0.0.9": 100}]
    vpp.vips[key("192.0.2.3", 0)] = ["gre4", False, {"10.0.0.1": 7}]
    return vpp


V6 = DesiredAs(address="2001:db8::1", backend="v6", weight=100)


def story(world):
    """Everything that can be wanted: additions, weights, flushes, a VIP made anew, withdrawals."""
    world.sync(settings("wait"))
    world.hear(settings("release"), vip("www", 100, 50, None))
    world.pass_s(1)
    world.hear(vip("api", 1, 2, address="192.0.2.2"), vip("dns", 5, address="192.0.2.3"))
    world.hear(settings("full", revision=2))
    world.pass_s(1)
    world.hear(vip("www", server(1, 0, drain=True, flush=1), 50, 3))
    world.hear(vip("www", server(1, 0, drain=True, flush=1), 100, 0))
    world.hear(vip("api", V6, address="192.0.2.2", encap="gre6"))
    world.pass_s(1)
    world.hear(VipWithdrawn(frontend="dns"), settings(revision=3))


WANTED = {
    ("192.0.2.1/32", 80): {"10.0.0.1": 0, "10.0.0.2": 100, "10.0.0.3": 0},
    ("192.0.2.2/32", 80): {"2001:db8::1": 100},
}


def at_rest(world):
    state = world.programmer.state
    assert [*state.urgent, *state.bulk, *state.flying, *state.ended, *state.wanted] == []
    assert state.sync is None
    for known in state.known.values():
        assert not known.busy
        assert not known.trouble.error
        frontend = state.claims.get(known.vip)
        if frontend:
            said = world.last(VipProgrammed, frontend=frontend)
            assert said.in_sync
            weights = {one.address: one.weight for one in said.ases}
            assert weights == world.vpp.vips[known.vip][2]


def told(world):
    story(world)
    world.refuse = lambda number, call: 0
    world.cut = lambda number: ""
    world.pass_s(130)
    assert world.vpp.weights() == WANTED
    assert world.vpp.conf == CONF
    at_rest(world)
    return world


def calls_of_the_story():
    return told(World(used_vpp())).sent


NUMBERS = range(1, calls_of_the_story() + 1)


def test_the_story_has_every_sort_of_call():
    world = told(World(used_vpp()))
    assert len({type(call) for call in world.vpp.calls}) == 6
    assert world.vpp.flushes[key(), "10.0.0.1"] == 2  # the sticky VIP made anew, and going down
    assert world.logged("vpp-lbsync-refused") == []


@pytest.mark.parametrize("nth", NUMBERS)
@pytest.mark.parametrize("retval", [-1, -6, -81])
def test_a_refusal_of_the_nth_call_is_survived(nth, retval):
    world = World(used_vpp())
    world.refuse = lambda number, call: retval if number == nth else 0
    told(world)


@pytest.mark.parametrize("nth", NUMBERS)
def test_a_refusal_of_all_calls_from_the_nth_on_for_a_while_is_survived(nth):
    world = World(used_vpp())
    world.refuse = lambda number, call: -1 if number >= nth else 0
    told(world)


@pytest.mark.parametrize("nth", NUMBERS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_connection_cut_around_the_nth_call_is_survived(nth, when):
    world = World(used_vpp())
    world.cut = lambda number: when if number == nth else ""
    told(world)


@pytest.mark.parametrize("nth", NUMBERS)
def test_a_vpp_that_restarts_empty_at_the_nth_call_is_survived(nth):
    world = World(used_vpp())

    def cut(number):
        if number == nth:
            world.vpp.vips.clear()
            world.vpp.conf = FRESH_CONF
        return "before" if number == nth else ""

    world.cut = cut
    told(world)


@pytest.mark.parametrize("nth", NUMBERS)
def test_a_programmer_that_dies_at_the_nth_call_leaves_no_harm_to_its_successor(nth):
    world = World(used_vpp())
    world.cut = lambda number: "after" if number == nth else ""
    story(world)
    successor = World(world.vpp)
    successor.sync(
        settings(revision=3),
        vip("www", server(1, 0, drain=True, flush=1), 100, 0),
        vip("api", V6, address="192.0.2.2", encap="gre6"),
    )
    successor.pass_s(100)
    assert world.vpp.weights() == WANTED
    at_rest(successor)


def test_a_successor_changes_nothing_where_nothing_differs():
    first = told(World(used_vpp()))
    first.changes()
    successor = World(first.vpp)
    successor.sync(
        settings(revision=3),
        vip("www", server(1, 0, drain=True, flush=1), 100, 0),
        vip("api", V6, address="192.0.2.2", encap="gre6"),
    )
    successor.pass_s(100)
    assert successor.changes() == []


@pytest.mark.parametrize("steps", range(12))
def test_a_vip_is_never_without_weight_while_its_servers_change(steps):
    """Whatever comes meanwhile, and wherever the connection breaks."""
    world = World()
    world.sync(settings(), vip("www", 100, 0, 0))
    world.settle()
    world.hear(vip("www", 0, 100, 0))
    for _ in range(steps % 4):
        world.step()
        assert any(world.vpp.vips[key()][2].values())
    world.hear(vip("www", 0, 0, 100))
    for _ in range(steps // 4):
        world.step()
        assert any(world.vpp.vips[key()][2].values())
    world.lose()
    world.now_s += 5
    while world.step() or world.wire:
        assert any(world.vpp.vips[key()][2].values())
    assert world.vpp.vips[key()][2] == {"10.0.0.1": 0, "10.0.0.2": 0, "10.0.0.3": 100}


# --- chance ---------------------------------------------------------------------------------------

weights = some.sampled_from([None, 0, 1, 100])
addresses = some.sampled_from(["192.0.2.1", "192.0.2.2"])
frontends = some.sampled_from(["www", "api", "dns"])
wishes = some.builds(
    lambda frontend, ases, address, port, sticky: vip(
        frontend, *ases, address=address, port=port, sticky=sticky
    ),
    frontends,
    some.lists(weights, min_size=1, max_size=3),
    addresses,
    some.sampled_from([0, 80, 443]),
    some.booleans(),
)
happenings = some.one_of(
    some.tuples(some.just("wish"), wishes),
    some.tuples(some.just("withdraw"), frontends),
    some.tuples(some.just("phase"), some.sampled_from(["wait", "release", "full"])),
    some.tuples(some.just("steps"), some.integers(1, 8)),
    some.tuples(some.just("pass"), some.sampled_from([0.1, 1.0, 6.0, 40.0])),
    some.tuples(some.just("refuse"), some.integers(1, 4)),
    some.tuples(some.just("lose"), some.booleans()),
    some.tuples(some.just("epoch"), some.none()),
    some.tuples(some.just("tamper"), some.tuples(addresses, some.integers(0, 100))),
    some.tuples(some.just("ask"), some.just("")),
)


class Story:
    """What the aggregator says, kept beside to know what should come of it."""

    def __init__(self):
        self.world = World()
        self.revision = 1
        self.phase = "full"
        self.wanted = {}
        self.asked = 0
        self.world.sync(self.settings())

    def settings(self):
        return settings(self.phase, self.revision)

    def happen(self, what, detail):
        world = self.world
        match what:
            case "wish" if self.admits(detail):
                self.wanted[detail.frontend] = detail
                world.hear(detail)
            case "withdraw" if detail in self.wanted:
                del self.wanted[detail]
                world.hear(VipWithdrawn(frontend=detail))
            case "phase":
                self.phase, self.revision = detail, self.revision + 1
                world.hear(self.settings())
            case "steps":
                for _ in range(detail):
                    world.step()
            case "pass":
                world.pass_s(detail)
            case "refuse":
                until = world.sent + detail
                world.refuse = lambda number, call: -1 if number <= until else 0
            case "lose":
                if detail:
                    world.vpp.vips.clear()
                world.lose()
            case "epoch":
                world.sync(self.settings(), *self.wanted.values())
            case "tamper":
                for known, one in world.vpp.vips.items():
                    if known.prefix.startswith(detail[0]):
                        one[2]["10.0.0.1"] = detail[1]
            case "ask":
                self.asked += 1
                world.ask(number=self.asked)

    def admits(self, wish):
        """As a configuration does: one VIP a frontend, and no all-port VIP next to another."""
        others = [one for name, one in self.wanted.items() if name != wish.frontend]
        return not any(
            one.prefix == wish.prefix and (one.port == wish.port or not (one.port and wish.port))
            for one in others
        )


@given(some.lists(happenings, max_size=25))
@effort(max_examples=300)
def test_after_any_story_vpp_has_what_is_wanted(happened):
    story = Story()
    world = story.world
    for what, detail in happened:
        story.happen(what, detail)
    world.refuse = lambda number, call: 0
    story.happen("phase", "full")
    world.pass_s(130)
    assert world.vpp.weights().keys() == {(one.prefix, one.port) for one in story.wanted.values()}
    for one in story.wanted.values():
        has = world.vpp.weights()[one.prefix, one.port]
        assert has.keys() == {each.address for each in one.ases}
        assert all(has[each.address] == each.weight for each in one.ases if each.weight is not None)
    assert len(world.replies) == story.asked
    assert len(world.programmer.state.known) == len(story.wanted)
    at_rest(world)
    assert not any(isinstance(call, SetWeight | DelVip) for call in quiet(world))


def quiet(world):
    """Return what is sent when nothing happens any more."""
    world.changes()
    world.pass_s(100)
    return world.changes()
