"""The header of a table drawn for people: found by the declared columns, one to three rows deep, merged cells resolved."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from etl.extract.columns import Names, plain, trimmed

DEEPEST = 3


class Merge(NamedTuple):
    """A merged range, from 0, both ends within."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True)
class Header:
    """Rows `start` to `end` (not included) of the sheet; `names`: one per column, "" where the header says nothing."""

    start: int
    end: int
    names: list[str]
    matched: int


def find(head: Sequence[Sequence[str]], merges: Sequence[Merge], depth: int, names: Names) -> Header | None:
    """The header among the first rows of a sheet: the place where most declared columns stand.

    Of equals: the declared depth, then one whose top row holds a declared name itself, then the upper one.
    None when no declared column stands anywhere.
    """
    best: tuple[tuple[int, int, int, int], Header] | None = None
    for tried in [depth, *(d for d in range(1, DEEPEST + 1) if d != depth)]:
        for start in range(len(head) - tried + 1):
            top = [n for n in head[start] if n]
            if len(top) < 2 and len(names.declared) > 1:
                continue  # a title: one cell, perhaps merged over all columns
            found = flattened(head, start, tried, merges, names)
            matched = len({k for n in found if n and (k := names.known(n))})
            own = any(names.known(n) for n in top)
            rank = (matched, tried == depth, own, -start)
            if matched and (best is None or rank > best[0]):
                best = (rank, Header(start, start + tried, found, matched))
    return best[1] if best else None


def flattened(head: Sequence[Sequence[str]], start: int, depth: int, merges: Sequence[Merge], names: Names) -> list[str]:
    """One name per column: the lowest level where that is unambiguous, else all levels joined by “/”."""
    width = max(len(r) for r in head[start : start + depth])
    levels = [[trimmed(v) for v in r] + [""] * (width - len(r)) for r in head[start : start + depth]]
    _spread(levels, start, merges)
    paths = [_path(level[c] for level in levels) for c in range(width)]
    if depth == 1:
        return [p[0] if p else "" for p in paths]
    lowest = Counter(plain(p[-1]) for p in paths if p)
    ambiguous = names.source.rest is not None or any(n > 1 for n in lowest.values())
    return [_name(p, lowest, ambiguous, names) for p in paths]


def _name(path: list[str], lowest: Counter[str], ambiguous: bool, names: Names) -> str:
    if not path:
        return ""
    if names.known(path[-1]) and lowest[plain(path[-1])] == 1:
        return path[-1]
    return "/".join(path) if ambiguous or names.known("/".join(path)) else path[-1]


def _spread(levels: list[list[str]], start: int, merges: Sequence[Merge]) -> None:
    """A merged cell's text stands in every cell it covers; upper levels without merges reach to the next text."""
    covered = [m for m in merges if start <= m.top < start + len(levels)]
    for m in covered:
        for r in range(m.top - start, min(m.bottom - start + 1, len(levels))):
            for c in range(m.left, min(m.right + 1, len(levels[0]))):
                levels[r][c] = levels[m.top - start][m.left]
    if not covered:
        for upper, lower in pairwise(levels):
            for c in range(1, len(upper)):
                if not upper[c] and lower[c]:
                    upper[c] = upper[c - 1]


def _path(parts: Iterable[str]) -> list[str]:
    """The levels above one column, without blanks and repetitions."""
    out: list[str] = []
    for part in parts:
        if part and (not out or out[-1] != part):
            out.append(part)
    return out
