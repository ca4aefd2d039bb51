"""Moments at which a run is killed: a stage of the undisturbed run's timetable and a random time within it, by a seed.

The production code knows nothing of it: the end of a stage is seen in the run's log, and the process is killed from outside.
"""

import random
import time
from collections import defaultdict
from dataclasses import dataclass

from world import Stage, Watched, World


@dataclass(frozen=True)
class Moment:
    """During the stage number `place` of the timetable, when `share` of its usual time has passed."""

    number: int
    place: int
    stage: Stage
    share: float

    def __str__(self) -> str:
        return f"{self.number:3} {self.stage.what} {self.stage.stage} at {self.share:.0%} of {self.stage.seconds:.2f} s"


def chosen(world: World, count: int, chance: random.Random, first: int = 1) -> list[Moment]:
    """So many moments: every kind of stage in turn before any comes twice, of whichever dataset."""
    kinds: dict[str, list[int]] = defaultdict(list)
    for place, stage in enumerate(world.stages):
        kinds[stage.kind].append(place)
    turn: list[list[int]] = []
    while len(turn) < count:
        again = list(kinds.values())
        chance.shuffle(again)
        turn += again
    made = []
    for number, places in enumerate(turn[:count], first):
        place = chance.choice(places)
        made.append(Moment(number, place, world.stages[place], chance.random()))
    return made


def chains(moments: list[Moment], length: int) -> list[list[Moment]]:
    """Moments that one world can suffer in a row: each later in the timetable than the one before, `length` at most."""
    rest, out = sorted(moments, key=lambda m: (m.place, m.share)), []
    number = -(-len(rest) // length)
    for k in range(number):
        out.append(rest[k::number])
    return out


def reach(world: World, moment: Moment, done: set[tuple[str, str]]) -> Watched:
    """Runs until the moment. `done`: stages that ended in earlier runs of this world."""
    run = world.run(JICHU_LOCK_WAIT="60")
    before = world.stages[moment.place - 1] if moment.place else None
    if before and (before.what == moment.stage.what or not _settled(before, done)):
        run.wait_for(before.name)
        time.sleep(moment.share * moment.stage.seconds)
    else:  # this stage is the first thing that this run has to do
        time.sleep(world.startup + moment.share * moment.stage.seconds)
    return run


def strike(world: World, moment: Moment, done: set[tuple[str, str]]) -> tuple[str, Watched]:
    """Runs until the moment and kills. Says when it was; `done` grows."""
    run = reach(world, moment, done)
    said = run.kill()
    done.update(s.name for s in run.stages)
    return said, run


def _settled(stage: Stage, done: set[tuple[str, str]]) -> bool:
    """Whether the dataset or library of this stage was finished in an earlier run, so that no run does it again."""
    last = "commit" if "/" in stage.what else "publish"
    return (stage.what, last) in done
