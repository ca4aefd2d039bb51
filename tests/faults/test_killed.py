"""kill -9 at many moments of a whole run, in every stage of every kind, then again: as if nothing had been.

`python -m pytest tests/faults --moments 50` (docs/operations.md); not part of `make test`.
"""

import random

import pytest
from moments import chains, chosen, strike
from world import Worlds

pytestmark = [pytest.mark.faults, pytest.mark.timeout(7200)]
IN_A_ROW = 6  # times that one world is killed before it is left alone


@pytest.mark.parametrize(("kind", "share"), [("cold", 0.5), ("week", 0.5)], ids=["a first load", "a second week"])
def test_a_run_killed_at_any_moment_and_run_again_comes_to_the_same(
    worlds: Worlds, kind: str, share: float, moments: int, seed: int, told: list[str]
) -> None:
    wanted = max(1, round(moments * share))
    chance = random.Random(f"{seed} {kind}")
    hit = 0
    while hit < wanted:
        for chain in chains(chosen(worlds.undisturbed(kind), wanted - hit, chance, hit + 1), IN_A_ROW):
            world, done = worlds.copy(kind), set[tuple[str, str]]()
            struck = [(moment, *strike(world, moment, done)) for moment in chain]
            for moment, when, _ in struck:
                told.append(f"{kind}: {moment}: killed {when}")
                hit += when != "too late"
            world.finishes()
            told.append(f"{kind}: {world.name} is as the undisturbed one")
            worlds.drop(world)
    assert hit >= wanted
