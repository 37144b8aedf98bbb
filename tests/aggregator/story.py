# SPDX-License-Identifier: Apache-2.0
"""A conversation with an aggregator: events in, what it said last out, files answered at once."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from maglev.actor import (
    Asked,
    Caller,
    Effect,
    Event,
    Heard,
    Instant,
    Log,
    Publish,
    Reply,
    Synced,
    WakeAt,
    Woke,
)
from maglev.aggregator.actor import Aggregator
from maglev.aggregator.events import (
    Audit,
    AuditFileRead,
    ConfigRead,
    ConfigSaved,
    ReadAuditFile,
    ReadConfig,
    Remembered,
    SaveConfig,
    SaveTotals,
    SaveVerdicts,
    SaveWishes,
    TotalsSaved,
    WishesSaved,
)
from maglev.aggregator.new import Surroundings, new_state
from maglev.aggregator.state import Accepted, Wish
from maglev.core.settings import BackendConf, FrontendConf, LbSettings, PoolConf, Settings
from maglev.core.timers import Timers
from maglev.messages import (
    Answer,
    Assignment,
    AuditEntry,
    BackendStatus,
    Check,
    DesiredVip,
    FrontendStatus,
    LbConf,
    Level,
    Message,
    OperateBackend,
    ProberPresent,
    ReloadConfig,
    Request,
    Retraction,
    SetWeight,
    Verdict,
    VppStatus,
)

M = TypeVar("M", bound=Message)

CHECK = Check(name="web", type="http", port=80, interval_s=2.0, rise=2, fall=3)
CONF = LbConf(
    ipv4_src_address="192.0.2.1",
    ipv6_src_address="2001:db8::1",
    sticky_buckets_per_core=65536,
    flow_timeout_s=40,
)


def backend(name: str, address: str = "", check: Check | None = CHECK, **more: bool) -> BackendConf:
    """A backend of the file; web7 has the address 10.0.0.7."""
    return BackendConf(name, address or f"10.0.0.{name.lstrip('webs') or 1}", check, **more)


def frontend(name: str, *pools: dict[str, int], **more: object) -> FrontendConf:
    """A frontend with pools p0, p1, ... of {backend: weight}; www has the address 192.0.2.80."""
    made = tuple(PoolConf(f"p{index}", weights) for index, weights in enumerate(pools))
    plain = FrontendConf(name, f"192.0.2.{80 + len(name)}", "tcp", 80, made)
    return replace(plain, **more)


def settings(
    backends: Iterable[BackendConf], frontends: Iterable[FrontendConf], **more: object
) -> Settings:
    """A configuration without warm-up delays."""
    return replace(
        Settings(
            lb=LbSettings(CONF, 30.0, 0.0, 0.0),
            healthchecks={CHECK.name: CHECK},
            backends={one.name: one for one in backends},
            frontends={one.name: one for one in frontends},
        ),
        **more,
    )


PRIMARY_AND_STANDBY = settings(
    [backend("web1"), backend("web2"), backend("web9")],
    [frontend("www", {"web1": 100, "web2": 100}, {"web9": 100})],
)


class Story:
    """An aggregator, its clock, its disk, and everything it said."""

    def __init__(
        self,
        conf: Settings,
        *,
        probers: Sequence[str] = ("prober-0",),
        wishes: Iterable[Wish] = (),
        remembered: dict[str, Remembered] | None = None,
        vpp_wanted: bool = True,
        generation: int = 1000,
    ) -> None:
        self.mono_s = 100.0
        self.disk_error = ""
        self.file: Settings | None = None
        self.file_error = ("", "")
        self.hold_disk = False
        self.held_saves: list[Effect] = []
        self.said: dict[tuple[type, tuple[str, ...]], Message] = {}
        self.messages: list[Message] = []
        self.answers: list[Answer] = []
        self.answered: list[Caller] = []
        self.logs: list[Log] = []
        self.audit: list[AuditEntry] = []
        self.saved_wishes: tuple[Wish, ...] = tuple(wishes)
        self.saved_verdicts: dict[str, Remembered] = {}
        self.saved_totals: tuple[bytes, ...] = ()
        self.wake_at_s: float | None = None
        self.requests = 0
        around = Surroundings("maglev.yaml", Timers(), tuple(probers), vpp_wanted, generation, 0)
        state = new_state(conf, self.saved_wishes, around, self.now)
        self.aggregator = Aggregator(state, remembered or {}, ())
        self._perform(self.aggregator.start(self.now))
        self.vpp(vpp_wanted)

    @property
    def now(self) -> Instant:
        return Instant(self.mono_s, int(self.mono_s * 1e9))

    # --- events -----------------------------------------------------------------------------------

    def tell(self, event: Event) -> "Story":
        """One event; what it caused is in `said`, `answers`, `logs`."""
        self._perform(self.aggregator.handle(event, self.now))
        return self

    def later(self, seconds: float) -> "Story":
        """Let time pass, waking the aggregator whenever it asked for it."""
        end_s = self.mono_s + seconds
        while self.wake_at_s is not None and self.wake_at_s <= end_s:
            self.mono_s = max(self.mono_s, self.wake_at_s)
            self.wake_at_s = None
            self.tell(Woke())
        self.mono_s = end_s
        return self

    def prober(
        self, name: str = "prober-0", *verdicts: Verdict, epoch: int = 1, **more: object
    ) -> "Story":
        """A prober's whole word."""
        present = ProberPresent(prober=name, incarnation=1, **more)  # type: ignore[arg-type]
        return self.tell(Synced(name, epoch, (present, *verdicts)))

    def verdict(self, name: str, state: str, **more: object) -> Verdict:
        """What the prober that has this backend says of it."""
        assigned = self.level(Assignment, name)
        changes = assigned.changes
        seen = self.aggregator.state.backends[name].health
        changes = seen.changes + (1 if seen.state != state else 0)
        plain: dict[str, object] = {
            "backend": name,
            "prober": assigned.prober,
            "generation": assigned.generation,
            "state": state,
            "counter": {"up": 4, "down": 0}.get(state, 1),
            "changes": changes,
            "code": {"up": "L7OK", "down": "L4CON"}.get(state, ""),
            "decided_at_s": self.mono_s,
        }
        return Verdict(**(plain | more))  # type: ignore[arg-type]

    def hears(self, name: str, state: str, **more: object) -> "Story":
        """The prober that has this backend says up, down or unknown of it."""
        verdict = self.verdict(name, state, **more)
        return self.tell(Heard(verdict.prober, verdict))

    def all_up(self) -> "Story":
        """Every probed backend passes."""
        for name, one in self.aggregator.state.backends.items():
            if one.probed:
                self.hears(name, "up")
        return self

    def vpp(self, connected: bool) -> "Story":
        return self.tell(Heard("programmer", VppStatus(connected=connected)))

    def operates(self, name: str, operation: str) -> Answer | None:
        return self.asks(
            OperateBackend(backend=name, operation=operation, who="ana", origin="unix")  # type: ignore[arg-type]
        )

    def weighs(self, where: str, weight: int) -> Answer | None:
        """'www p0 web1' gets a weight."""
        front, pool, name = where.split()
        return self.asks(
            SetWeight(
                frontend=front, pool=pool, backend=name, weight=weight, who="ana", origin="unix"
            )
        )

    def reloads(self, conf: Settings | None) -> Answer | None:
        """Reload with another file; None: with a broken one."""
        self.file = conf
        self.file_error = ("", "") if conf else ("maglev.yaml:1: broken", "")
        return self.asks(ReloadConfig(who="ana", origin="SIGHUP"))

    def asks(self, request: Request) -> Answer | None:
        before = len(self.answers)
        self.requests += 1
        self.tell(Asked(Caller(b"c", self.requests), request))
        return self.answers[-1] if len(self.answers) > before else None

    # --- what was said ----------------------------------------------------------------------------

    def level(self, cls: type[M], *key: str) -> M:
        found = self.said[cls, key]
        assert isinstance(found, cls)
        return found

    def says(self, cls: type[Message], *key: str) -> bool:
        return (cls, key) in self.said

    def state(self, name: str) -> str:
        return self.level(BackendStatus, name).state

    def weights(self, name: str = "www") -> dict[str, int | None]:
        """What VPP should have: {backend: weight or None for hold}."""
        return {one.backend: one.weight for one in self.level(DesiredVip, name).ases}

    def flushes(self, name: str = "www") -> dict[str, int]:
        return {one.backend: one.flush for one in self.level(DesiredVip, name).ases}

    def front(self, name: str = "www") -> FrontendStatus:
        return self.level(FrontendStatus, name)

    # --- effects ----------------------------------------------------------------------------------

    def _perform(self, effects: Sequence[Effect]) -> None:
        disk: list[Effect] = []
        for effect in effects:
            match effect:
                case Publish(message):
                    self._publish(message)
                case Reply(caller, answer):
                    self.answers.append(answer)
                    self.answered.append(caller)
                case Log():
                    self.logs.append(effect)
                case WakeAt(mono_s):
                    self.wake_at_s = mono_s
                case Audit(entry):
                    self.audit.append(entry)
                case SaveVerdicts(backends):
                    self.saved_verdicts = backends
                case _ if self.hold_disk:
                    self.held_saves.append(effect)
                case _:
                    disk.append(effect)
        for effect in disk:
            self.disk(effect)

    def disk(self, effect: Effect) -> None:
        """What the shell does about the files."""
        match effect:
            case SaveTotals(blocks):
                self.saved_totals = blocks
                self.tell(TotalsSaved())
            case SaveWishes(wishes, entry):
                if not self.disk_error:
                    self.saved_wishes = wishes
                    self.audit.append(entry)
                self.tell(WishesSaved(self.disk_error))
            case SaveConfig(accepted, wishes):
                if not self.disk_error:
                    self.saved_wishes = wishes
                self.tell(ConfigSaved(accepted, self.disk_error))
            case ReadConfig(read_id):
                read = Accepted("text", self.file) if self.file else None
                self.tell(ConfigRead(read_id, read, *self.file_error))
            case ReadAuditFile(caller, entries_max):
                entries = tuple(reversed(self.audit))[:entries_max]
                self.tell(
                    AuditFileRead(caller, () if self.disk_error else entries, self.disk_error)
                )
            case _:
                raise AssertionError(effect)

    def _publish(self, message: Message) -> None:
        self.messages.append(message)
        assert type(message) in Aggregator.says, message
        if isinstance(message, Level):
            self.said[type(message), message.key()] = message
        elif isinstance(message, Retraction):
            self.said.pop((message.ENDS, message.key()), None)
