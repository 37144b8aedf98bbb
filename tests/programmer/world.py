# SPDX-License-Identifier: Apache-2.0
"""A programmer, a VPP of a few lines and an aggregator, in one thread and with a clock of its own.

`Vpp` answers as recorded from VPP 26.10 and counts what it was asked; `World` carries out effects:
calls travel one by one, reads show VPP as it is when they arrive.  The hooks `refuse` and `cut`
spoil the Nth call.
"""

from collections import Counter, deque
from ipaddress import ip_address

from maglev.actor import (
    Asked,
    Caller,
    Heard,
    Instant,
    Log,
    Publish,
    Reply,
    Synced,
    WakeAt,
    Woke,
)
from maglev.core.reconcile import ActualVip, AddAs, AddVip, DelAs, DelVip, SetWeight, Vip
from maglev.core.timers import Timers
from maglev.messages import DesiredAs, DesiredSettings, DesiredVip, LbConf, SyncVpp
from maglev.programmer.actor import Programmer
from maglev.programmer.events import (
    ConnectVpp,
    LbConfAnswered,
    OperationsAnswered,
    PingVpp,
    PushLbConf,
    ReadVpp,
    SendOperations,
    VppConnected,
    VppLost,
    VppRead,
)

CONF = LbConf(
    ipv4_src_address="192.0.2.250",
    ipv6_src_address="2001:db8::250",
    sticky_buckets_per_core=65536,
    flow_timeout_s=40,
)
FRESH_CONF = LbConf(
    ipv4_src_address="255.255.255.255",
    ipv6_src_address="ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    sticky_buckets_per_core=1024,
    flow_timeout_s=40,
)


class Vpp:
    """What VPP has, and which numbers it answers with."""

    def __init__(self):
        self.conf = FRESH_CONF
        self.vips = {}  # Vip -> [encap, sticky, {address: weight}]
        self.calls = []
        self.flushes = Counter()

    def answer(self, call):
        self.calls.append(call)
        if isinstance(call, PushLbConf):
            self.conf = call.conf
            return 0
        if isinstance(call, AddVip):
            return self._add_vip(call)
        if call.vip not in self.vips:
            return -6
        ases = self.vips[call.vip][2]
        match call:
            case DelVip():
                del self.vips[call.vip]
            case AddAs(address=address, weight=weight):
                if address in ases:
                    return -81
                if ip_address(address).version != int(self.vips[call.vip][0][-1]):
                    return -97
                ases[address] = weight
            case DelAs(address=address):
                if address not in ases:
                    return -6
                del ases[address]
                self.flushes[call.vip, address] += 1
            case SetWeight(address=address, weight=weight, flush=flush):
                if address not in ases:
                    return -6
                ases[address] = weight
                self.flushes[call.vip, address] += flush
        return 0

    def _add_vip(self, call):
        for other, (encap, _, _) in self.vips.items():
            if other.prefix != call.vip.prefix:
                continue
            if other == call.vip or not other.port or not call.vip.port:
                return -81
            if encap != call.encap:
                return -73
        self.vips[call.vip] = [call.encap, call.src_ip_sticky, {}]
        return 0

    def read(self):
        vips = {
            vip: ActualVip(vip, encap, sticky, dict(ases))
            for vip, (encap, sticky, ases) in self.vips.items()
        }
        return VppRead(
            self.conf, vips, {vip: dict.fromkeys(one.ases, 0) for vip, one in vips.items()}
        )

    def weights(self):
        """Return the weights by address, by VIP as (prefix, port)."""
        return {(vip.prefix, vip.port): ases for vip, (_, _, ases) in self.vips.items()}


class World:
    """All of it; `now_s` is the clock."""

    def __init__(self, vpp=None, *, off=False):
        self.timers = Timers()
        self.vpp = vpp or Vpp()
        self.up = True  # VPP can be reached
        self.unsupported = ""
        self.now_s = 1000.0
        self.programmer = Programmer(self.timers, off=off)
        self.epoch = 0
        self.wire = deque()  # calls and reads on their way to VPP
        self.fed = deque()
        self.wake_s = float("inf")
        self.log_effects = []
        self.published = []
        self.replies = []
        self.reads = self.pings = 0
        self.sent = 0  # calls that VPP has taken
        self.refuse = lambda number, call: 0  # a retval that VPP gives without doing it
        self.cut = lambda number: ""  # before, after: when the connection breaks around a call
        self.do(self.programmer.start(self.now()))

    def now(self):
        return Instant(self.now_s, int(self.now_s * 1e9))

    # --- what happens to the programmer -----------------------------------------------------------

    def feed(self, event):
        self.do(self.programmer.handle(event, self.now()))

    def hear(self, *messages):
        for message in messages:
            self.feed(Heard("aggregator", message))

    def sync(self, *messages, epoch=None):
        """The aggregator is found, or found anew."""
        self.epoch = self.epoch + 1 if epoch is None else epoch
        self.feed(Synced("aggregator", self.epoch, messages))

    def ask(self, frontend="", number=1):
        request = SyncVpp(frontend=frontend, who="somebody", origin="unix")
        self.feed(Asked(Caller(b"c", number), request))

    def do(self, effects):
        for effect in effects:
            match effect:
                case Publish(message):
                    self.published.append(message)
                case Reply(caller, answer, _):
                    self.replies.append((caller.request_id, answer))
                case Log():
                    self.log_effects.append(effect)
                case WakeAt(mono_s):
                    self.wake_s = mono_s
                case SendOperations(operations):
                    assert operations
                    self.wire.extend(operations)
                case PushLbConf():
                    self.wire.append(effect)
                case ReadVpp():
                    self.reads += 1
                    self.wire.append(effect)
                case PingVpp():
                    self.pings += 1
                case ConnectVpp():
                    self.fed.append(self._connection())
                case _:
                    raise AssertionError(effect)

    def _connection(self):
        if not self.up:
            return VppLost("no such file")
        return VppConnected("26.10", "today", "/", 7, self.unsupported)

    # --- what VPP does ----------------------------------------------------------------------------

    def step(self):
        """Let one thing happen; return whether there was any."""
        if self.fed:
            self.feed(self.fed.popleft())
        elif self.wake_s <= self.now_s:
            self.wake_s = float("inf")
            self.feed(Woke())
        elif self.wire:
            call = self.wire.popleft()
            if isinstance(call, ReadVpp):
                self.feed(self.vpp.read())
            else:
                self._carry(call)
        else:
            return False
        return True

    def _carry(self, call):
        self.sent += 1
        cut = self.cut(self.sent)
        if cut != "before":
            retval = self.refuse(self.sent, call) or self.vpp.answer(call)
        if cut:
            self.lose("cut")
        elif isinstance(call, PushLbConf):
            self.feed(LbConfAnswered(call.conf, retval))
        else:
            self.feed(OperationsAnswered((retval,)))

    def lose(self, why="gone"):
        self.wire.clear()
        self.fed.clear()
        self.feed(VppLost(why))

    def settle(self):
        """Let everything happen that needs no time."""
        for _ in range(100_000):
            if not self.step():
                return self
        raise AssertionError("it never comes to rest")

    def pass_s(self, seconds):
        """Let time pass, and everything happen that it brings."""
        until_s = self.now_s + seconds
        self.settle()
        while self.wake_s <= until_s:
            self.now_s = max(self.now_s, self.wake_s)
            self.settle()
        self.now_s = until_s
        return self

    # --- what came of it --------------------------------------------------------------------------

    def said(self, cls):
        return [message for message in self.published if type(message) is cls]

    def last(self, cls, **which):
        """Return the last message of a class with these fields."""
        return next(
            one
            for one in reversed(self.said(cls))
            if all(getattr(one, name) == value for name, value in which.items())
        )

    def logged(self, msg):
        return [line.fields for line in self.log_effects if line.msg == msg]

    def changes(self):
        """Return and forget the calls that VPP got."""
        calls, self.vpp.calls = self.vpp.calls, []
        return calls


def settings(phase="full", revision=1, conf=CONF, interval_s=30.0):
    return DesiredSettings(phase=phase, revision=revision, conf=conf, sync_interval_s=interval_s)


def vip(frontend="www", *ases, address="192.0.2.1", port=80, **others):
    """A DesiredVip; ASes as weights of 10.0.0.1, 10.0.0.2, ..., or as DesiredAs."""
    return DesiredVip(
        frontend=frontend,
        prefix=f"{address}/{128 if ':' in address else 32}",
        protocol=6 if port else 255,
        port=port,
        encap=others.pop("encap", "gre4"),
        src_ip_sticky=others.pop("sticky", False),
        ases=tuple(
            one if isinstance(one, DesiredAs) else server(number, one)
            for number, one in enumerate(ases, 1)
        ),
        **others,
    )


def server(number, weight, **others):
    return DesiredAs(address=f"10.0.0.{number}", backend=f"web{number}", weight=weight, **others)


def key(address="192.0.2.1", port=80):
    return Vip(f"{address}/32", 6 if port else 255, port)


def ready(*vips, vpp=None):
    """A world in which VPP has what the aggregator wants."""
    world = World(vpp)
    world.sync(settings(), *vips)
    world.settle()
    world.changes()
    return world
