"""Reproducible chance: every draw is a pure function of (seed, name, id), so that a record looks the same
on every day and whichever datasets are asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _mix(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The finaliser of splitmix64: neighbouring ids give unrelated bits."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@dataclass(frozen=True)
class Chance:
    """A named stream of draws; `sub` gives an independent one."""

    key: str

    def sub(self, name: str) -> "Chance":
        return Chance(f"{self.key}/{name}")

    def bits(self, name: str, ids: npt.ArrayLike) -> npt.NDArray[np.uint64]:
        """64 random bits for each id."""
        salt = np.uint64(int.from_bytes(blake2b(f"{self.key}/{name}".encode(), digest_size=8).digest(), "big"))
        x = np.asarray(ids, dtype=np.int64).astype(np.uint64)
        return _mix(_mix(x * _GOLDEN + salt) + salt)

    def uniform(self, name: str, ids: npt.ArrayLike) -> Floats:
        """In [0, 1)."""
        return (self.bits(name, ids) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def integers(self, name: str, ids: npt.ArrayLike, low: npt.ArrayLike, high: npt.ArrayLike) -> Ints:
        """In [low, high); the bounds may be arrays."""
        lo, hi = np.asarray(low, dtype=np.int64), np.asarray(high, dtype=np.int64)
        steps = np.floor(self.uniform(name, ids) * np.maximum(hi - lo, 1)).astype(np.int64)
        return np.asarray(lo + steps, dtype=np.int64)

    def choose(self, name: str, ids: npt.ArrayLike, weights: Sequence[float] | Floats) -> Ints:
        """Index into weights, drawn in proportion to them."""
        edges = np.cumsum(np.asarray(weights, dtype=np.float64))
        draw = self.uniform(name, ids) * edges[-1]
        return np.asarray(np.minimum(np.searchsorted(edges, draw, side="right"), len(edges) - 1), dtype=np.int64)

    def happens(self, name: str, ids: npt.ArrayLike, rate: npt.ArrayLike) -> Mask:
        """True for about that share of the ids."""
        return np.asarray(self.uniform(name, ids) < np.asarray(rate, dtype=np.float64))


def rank_within(*keys: npt.ArrayLike, order: npt.ArrayLike) -> Ints:
    """0, 1, 2 … of each element among those with equal keys, in the given order."""
    columns = [np.asarray(k) for k in keys]
    n = len(columns[0])
    position = np.lexsort((np.asarray(order), *reversed(columns)))
    starts = np.zeros(n, dtype=bool)
    starts[:1] = True
    for k in columns:
        s = k[position]
        starts[1:] |= s[1:] != s[:-1]
    first = np.maximum.accumulate(np.where(starts, np.arange(n), 0))
    ranks = np.empty(n, dtype=np.int64)
    ranks[position] = np.arange(n) - first
    return ranks
