"""Households: who lives together, how old, and whose child or spouse each is."""

from dataclasses import dataclass

import numpy as np

from etl.demo.chance import Chance, Ints, Mask

HEAD, SPOUSE, CHILD, FATHER, MOTHER = 0, 1, 2, 5, 6
HEAD_AGES = ((22, 30, 0.11), (30, 40, 0.15), (40, 50, 0.19), (50, 60, 0.22), (60, 70, 0.18), (70, 80, 0.13), (80, 91, 0.05))
# none, one, two children at home, by the decade of the head's age from the twenties on
CHILDREN_AT_HOME = np.array(
    [[0.3, 0.6, 0.1], [0.12, 0.5, 0.38], [0.2, 0.5, 0.3], [0.5, 0.42, 0.08], [0.8, 0.18, 0.02], [0.92, 0.08, 0], [0.95, 0.05, 0]]
)


@dataclass(frozen=True)
class Members:
    """One element per person: household, place in it (slot), sex 1/2, days since 1970, kin (person numbers, -1 = nobody)."""

    household: Ints
    slot: Ints
    sex: Ints
    birth: Ints
    father: Ints
    mother: Ints
    spouse: Ints
    floating: Mask
    registered: Mask


def household_count(persons: int) -> int:
    """Enough households for that many persons."""
    return int(persons / 2.1) + 20


def _children(chance: Chance, homes: Ints, decade: Ints, married: Mask) -> Ints:
    """How many children a household would have at home; the unmarried seldom any."""
    shares = np.cumsum(CHILDREN_AT_HOME[decade], axis=1)[:, :2]
    wanted = (chance.uniform("children", homes)[:, None] > shares).sum(axis=1)
    return np.where(married | chance.happens("alone with children", homes, 0.25), wanted, 0)


def _ages(chance: Chance, homes: Ints, newcomers: Mask) -> tuple[Ints, Mask]:
    """Ages (days) and presence per household and slot: head, spouse, three children, father, mother."""
    bands = np.array([[a, b] for a, b, _ in HEAD_AGES])
    band = chance.choose("band", homes, [w for *_, w in HEAD_AGES])
    head = np.where(
        newcomers,
        20 + 40 * chance.uniform("young", homes),
        bands[band, 0] + chance.uniform("age", homes) * (bands[band, 1] - bands[band, 0]),
    )
    decade = np.clip((head // 10).astype(int) - 2, 0, 6)
    married = chance.happens("married", homes, np.where(newcomers, 0.25, np.array([0.35, 0.75, 0.82, 0.8, 0.75, 0.6, 0.3])[decade]))
    age = np.zeros((len(homes), 7))
    there = np.zeros((len(homes), 7), dtype=bool)
    age[:, HEAD], there[:, HEAD] = head, True
    age[:, SPOUSE], there[:, SPOUSE] = np.maximum(head + 8 * (chance.uniform("gap", homes) - 0.5), 20.5), married
    elder = np.where(married, np.minimum(head, age[:, SPOUSE]), head)
    wanted = np.where(newcomers, 0, _children(chance, homes, decade, married))
    third = (chance.uniform("third", homes) < 0.03) & (wanted == 2)
    for k in range(3):
        child = elder - (20 + 12 * chance.uniform(f"born{k}", homes) + 4.5 * k)
        age[:, CHILD + k] = child
        there[:, CHILD + k] = (wanted + third > k) & (child > 0) & (child < 55)
    parents = chance.choose("parents", homes, [0.86, 0.05, 0.03, 0.06])
    for slot, kinds in ((FATHER, (1, 2)), (MOTHER, (1, 3))):
        age[:, slot] = head + 20 + 10 * chance.uniform(f"parent{slot}", homes)
        there[:, slot] = np.isin(parents, kinds) & (age[:, slot] < 95) & ~newcomers
    return (age * 365.25).astype(np.int64), there


def _kin(household: Ints, slot: Ints, sex: Ints, persons: int) -> tuple[Ints, Ints, Ints]:
    """Father, mother, spouse of each person, from who stands beside him in the household."""
    homes = int(household.max()) + 1
    table = np.full((homes, 7), -1, dtype=np.int64)
    table[household, slot] = np.arange(persons)
    mine = table[household]
    head_male = sex[np.maximum(mine[:, HEAD], 0)] == 1
    man = np.where(head_male, mine[:, HEAD], mine[:, SPOUSE])
    woman = np.where(head_male, mine[:, SPOUSE], mine[:, HEAD])
    child = (slot >= CHILD) & (slot < FATHER)
    father = np.where(child, man, np.where(slot == HEAD, mine[:, FATHER], -1))
    mother = np.where(child, woman, np.where(slot == HEAD, mine[:, MOTHER], -1))
    partner = np.array([SPOUSE, HEAD, 0, 0, 0, MOTHER, FATHER])[slot]
    spouse = np.where(child, -1, mine[np.arange(persons), partner])
    return father, mother, spouse


def form(chance: Chance, persons: int, households: int, today: int) -> Members:
    """Exactly that many persons in the first of so many households; some are newcomers, some registered nowhere."""
    homes = np.arange(households)
    newcomers = chance.happens("newcomers", homes, 0.155)
    unregistered = ~newcomers & chance.happens("unregistered", homes, 0.035)
    age, there = _ages(chance.sub("home"), homes, newcomers)
    household, slot = (a[:persons] for a in np.nonzero(there))
    ids = np.arange(len(household))
    head_sex = np.where(chance.happens("head man", homes, 0.82), 1, 2)[household]
    own = np.where(chance.happens("boy", ids, 0.53), 1, 2)
    sex = np.select([slot == HEAD, slot == SPOUSE, slot == FATHER, slot == MOTHER], [head_sex, 3 - head_sex, 1 + 0 * ids, 2 + 0 * ids], own)
    father, mother, spouse = _kin(household, slot, sex, len(ids))
    floating = newcomers[household]
    birth = today - 3 - age[household, slot]
    return Members(household, slot, sex, birth, father, mother, spouse, floating, ~floating & ~unregistered[household])
