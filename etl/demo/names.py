"""Invented names: surnames by frequency, given names by sex and generation, a few of minorities with a middle dot."""

import numpy as np
import numpy.typing as npt

from etl.demo import text
from etl.demo.chance import Chance, Ints
from etl.demo.text import Text
from etl.demo.words import words

ERAS = ("old", "middle", "new")


def zipf(n: int, flat: float) -> npt.NDArray[np.float64]:
    """Falling weights of a frequency list."""
    return np.asarray(1.0 / (np.arange(n) + flat), dtype=np.float64)


def surnames(chance: Chance, ids: Ints) -> Ints:
    """The first hundred cover most of the people, as in the census."""
    return chance.choose("surname", ids, zipf(len(words()["surnames"]), 6) ** 1.25)


def _given(chance: Chance, ids: Ints, sex: Ints, era: Ints) -> Text:
    """One or two characters; one person in 60 has a rare one."""
    pools = words()["given"]
    result = text.same("", len(ids))
    for e, name in enumerate(ERAS):
        for s in ("1", "2"):
            chars = text.pool(pools[name][s])
            weights = zipf(len(chars), 14)
            first = text.pick(chars, chance.choose(f"{name}{s}a", ids, weights))
            second = text.pick(chars, chance.choose(f"{name}{s}b", ids, weights))
            both = text.where(chance.happens("single", ids, 0.19), first, text.join(first, second))
            result = text.where((era == e) & (sex == int(s)), both, result)
    rare = text.pool(list(words()["rare"]))
    with_rare = text.join(
        text.pick(text.pool(pools["new"]["1"]), chance.integers("beside", ids, 0, 40)),
        text.pick(rare, chance.integers("rare", ids, 0, len(rare))),
    )
    return text.where(chance.happens("has rare", ids, np.where(era == 2, 0.025, 0.006)), with_rare, result)


def full_names(chance: Chance, ids: Ints, surname: Ints, sex: Ints, birth_year: Ints, dotted: npt.NDArray[np.bool_]) -> Text:
    """Surname and given name; `dotted` persons have a name such as 吉克·日哈."""
    era = np.searchsorted([1968, 1996], birth_year, side="right")
    plain = text.join(text.pick(list(words()["surnames"]), surname), _given(chance, ids, sex, era))
    family, given = words()["minority_family"], words()["minority_given"]
    other = text.join(
        text.pick(family, chance.integers("family", ids, 0, len(family))),
        "·",
        text.pick(given, chance.integers("given", ids, 0, len(given))),
    )
    return text.where(dotted, other, plain)
