# SPDX-License-Identifier: Apache-2.0
"""A frontend in plain words: which pool serves, where the traffic of a backend goes.

There is no state; look at `frontend_changed`.
"""

from __future__ import annotations

from maglev.clients.demo.sentence import Rank, Sentence, Tone, listed, weighed
from maglev.messages import FrontendStatus

Weights = dict[str, int | None]


def frontend_changed(
    before: FrontendStatus | None, now: FrontendStatus, *, warming_up: bool
) -> list[Sentence]:
    """Return what happened to a frontend; nothing for one that was not known before.

    While the daemon is warming up weights come and go that nobody will ever see in VPP.
    """
    if before is None:
        return []
    said: list[Sentence] = []
    if now.state != before.state:
        said += _state(now)
    if warming_up:
        return said
    pool_before, pool_now = _active(before), _active(now)
    if pool_before != pool_now and now.state == "up":
        text = f"{now.name}: pool {pool_before} has nobody left, pool {pool_now} takes over"
        if _rank_of(now, pool_now) < _rank_of(now, pool_before):
            text = f"{now.name}: pool {pool_now} serves again, pool {pool_before} stands by"
        who = weighed(_carriers(_weights(now)))
        return [*said, _told(Tone.DOUBT, f"{text}: {who}")]
    return said + _weighed(before, now)


def _state(now: FrontendStatus) -> list[Sentence]:
    match now.state:
        case "down":
            return [_told(Tone.BAD, f"{now.name} is down: nobody is left to take its traffic")]
        case "up":
            return [_told(Tone.GOOD, f"{now.name} is up")]
        case _:
            return [_told(Tone.DOUBT, f"{now.name} is unknown: none of its backends was probed")]


def _weighed(before: FrontendStatus, now: FrontendStatus) -> list[Sentence]:
    """Return how traffic moves among the backends of one pool."""
    if now.state != "up" or before.state != "up":
        return []
    old, new = _weights(before), _weights(now)
    lost = [name for name, weight in old.items() if weight and new.get(name, 0) == 0]
    won = [name for name, weight in new.items() if weight and not old.get(name)]
    changed = [name for name, weight in new.items() if weight and old.get(name)]
    said: list[Sentence] = []
    stay = [name for name in changed if name not in won]
    if lost:
        whose = listed([f"{name}'s" for name in lost])
        said.append(_told(Tone.DOUBT, f"{now.name}: {whose} traffic goes to {listed(stay + won)}"))
    elif won:
        beside = f", beside {listed(stay)}" if stay else ""
        text = f"{now.name}: {listed(won)} {'get' if len(won) > 1 else 'gets'} traffic{beside}"
        said.append(_told(Tone.GOOD, text))
    for name in stay:
        if old[name] != new[name]:
            text = f"{now.name}: the weight of {name} is {new[name]} now, it was {old[name]}"
            said.append(_told(Tone.PLAIN, text))
    return said


def _weights(frontend: FrontendStatus) -> Weights:
    return {one.name: one.weight_effective for pool in frontend.pools for one in pool.backends}


def _carriers(weights: Weights) -> dict[str, int]:
    return {name: weight for name, weight in weights.items() if weight}


def _active(frontend: FrontendStatus) -> str:
    return next((pool.name for pool in frontend.pools if pool.active), "")


def _rank_of(frontend: FrontendStatus, name: str) -> int:
    names = [pool.name for pool in frontend.pools]
    return names.index(name) if name in names else len(names)


def _told(tone: Tone, text: str) -> Sentence:
    return Sentence(tone, Rank.FRONTEND, text)
