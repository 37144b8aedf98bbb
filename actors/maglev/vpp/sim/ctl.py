# SPDX-License-Identifier: Apache-2.0
"""`python -m maglev.vpp.sim.ctl`: look into a simulated VPP and tamper with it by hand.

Each verb is one method of Control with its answer made readable.  There is no state; look at
`_VERBS` for all there is.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

from maglev.vpp.sim.control import Control, ControlError
from maglev.vpp.sim.definitions import Version
from maglev.vpp.sim.faults import ANY_MESSAGE, Action, Garbage
from maglev.vpp.sim.plane import ENCAPS

ENVIRONMENT = "MAGLEV_VPP_SIM_CONTROL"

Options = argparse.Namespace
Run = Callable[[Control, Options], Iterable[str] | None]
Arguments = Sequence[tuple[str, dict[str, Any]]]


def main() -> None:
    """Carry out one verb; exit 1 with the reason on stderr if it was refused."""
    options = _parser().parse_args()
    try:
        with Control(options.control) as control:
            for line in options.run(control, options) or ():
                print(line)
    except (OSError, ControlError) as why:
        sys.exit(f"{options.control}: {why}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m maglev.vpp.sim.ctl",
        description="Look into a simulated VPP and tamper with it.",
    )
    known = os.environ.get(ENVIRONMENT)
    parser.add_argument(
        "--control",
        type=Path,
        default=known and Path(known),
        required=not known,
        help=f"its control socket; or environment {ENVIRONMENT}",
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for name, help, run, arguments in _VERBS:
        verb = verbs.add_parser(name, help=help)
        for argument, details in arguments:
            verb.add_argument(argument, **details)
        verb.set_defaults(run=run)
    return parser


def _show(control: Control, options: Options) -> Iterator[str]:
    state = control.state()
    yield (
        f"VPP {state['version']}  pid {state['pid']}  up {state['uptime_s']:.0f} s"
        f"  boots {state['boots']}  calls {state['calls']}"
    )
    yield f"callers: {', '.join(state['callers']) or 'none'}"
    if state["hung"]:
        yield "hung: answers nothing until resumed"
    if state["delay_ms"]:
        yield f"delay: {state['delay_ms']:g} ms"
    for rule in state["rules"]:
        first, last = rule["nth"] - rule["seen"], rule["nth"] + rule["times"] - 1 - rule["seen"]
        yield f"fault: {rule['action']} {rule['message']}, calls {max(first, 1)}..{last} from now"
    conf = state["conf"]
    yield "conf: " + "  ".join(f"{name} {value}" for name, value in conf.items())
    for vip in state["vips"]:
        yield ""
        yield from _vip(vip)


def _vip(vip: dict[str, Any]) -> Iterator[str]:
    marks = " src_ip_sticky" * vip["src_ip_sticky"] + ("" if vip["used"] else " removed")
    yield f"[{vip['index']}] {vip['vip']}  {vip['encap']}{marks}"
    for one in vip["ases"]:
        state = "" if one["used"] else "  removed"
        told = f"weight {one['weight']:>3}  buckets {one['buckets']:>4}"
        yield f"      {one['address']:<39}  {told}{state}"


def _calls(control: Control, options: Options) -> Iterator[str]:
    calls = control.changes(options.since) if options.changes else control.calls(options.since)
    for call in calls:
        n, at_s, message = call.pop("n"), call.pop("at_ns") / 1e9, call.pop("message")
        told = "  ".join(f"{name} {value}" for name, value in call.items())
        yield f"{n:>6}  {at_s:.6f}  {message}  {told}"


def _fail(control: Control, options: Options) -> None:
    control.fail(
        options.message,
        action=options.action,
        nth=options.nth,
        times=options.times,
        retval=options.retval,
        garbage=options.garbage,
        applied=options.applied,
    )


def _vip_of(options: Options) -> str:
    return f"{options.prefix} {options.protocol} {options.port}"


_VIP: Arguments = (
    ("prefix", {"help": "192.0.2.1/32"}),
    ("protocol", {"choices": ("tcp", "udp", "any")}),
    ("port", {"type": int, "help": "0 for all"}),
)
_AS: Arguments = (*_VIP, ("address", {}))

_VERBS: tuple[tuple[str, str, Run, Arguments], ...] = (
    ("show", "VIPs, ASes, weights, buckets, faults", _show, ()),
    (
        "log",
        "calls received",
        _calls,
        (
            ("--since", {"type": int, "default": 0, "help": "number of the first call to show"}),
            ("--changes", {"action": "store_true", "help": "only those that change something"}),
        ),
    ),
    (
        "weight",
        "give an AS a weight, or add it with one",
        lambda control, o: control.set_weight(_vip_of(o), o.address, o.weight),
        (*_AS, ("weight", {"type": int})),
    ),
    ("del-as", "delete an AS", lambda control, o: control.del_as(_vip_of(o), o.address), _AS),
    (
        "add-vip",
        "add a VIP",
        lambda control, o: control.add_vip(_vip_of(o), o.encap, src_ip_sticky=o.sticky),
        (
            *_VIP,
            ("--encap", {"choices": ENCAPS, "default": "gre4"}),
            ("--sticky", {"action": "store_true"}),
        ),
    ),
    ("del-vip", "delete a VIP", lambda control, o: control.del_vip(_vip_of(o)), _VIP),
    (
        "cli",
        "run a line of VPP's own command line",
        lambda control, o: [control.cli(" ".join(o.line)).rstrip("\n")],
        (("line", {"nargs": "+"}),),
    ),
    (
        "fail",
        "do something wrong at the Nth call of a message",
        _fail,
        (
            ("action", {"choices": get_args(Action)}),
            ("message", {"nargs": "?", "default": ANY_MESSAGE}),
            ("--nth", {"type": int, "default": 1}),
            ("--times", {"type": int, "default": 1}),
            ("--retval", {"type": int, "default": -1, "help": "of a refusal"}),
            ("--garbage", {"choices": get_args(Garbage), "default": "unknown"}),
            ("--applied", {"action": "store_true", "help": "the call takes effect all the same"}),
        ),
    ),
    (
        "restart",
        "die and start again",
        lambda control, o: control.restart(version=o.version, forget=not o.keep, away_s=o.away_s),
        (
            ("--version", {"choices": get_args(Version)}),
            ("--keep", {"action": "store_true", "help": "forget nothing"}),
            ("--away-s", {"type": float, "default": 0.0, "help": "seconds without VPP"}),
        ),
    ),
    (
        "delay",
        "delay every reply",
        lambda control, o: control.delay(o.ms),
        (("ms", {"type": float}),),
    ),
    ("hang", "read and answer nothing", lambda control, o: control.hang(), ()),
    ("resume", "go on after hang", lambda control, o: control.resume(), ()),
    ("close", "close all connections", lambda control, o: control.close_callers(), ()),
    ("clear", "take back all faults", lambda control, o: control.clear(), ()),
)

if __name__ == "__main__":
    main()
