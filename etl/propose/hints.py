"""What a column's name tells: how the existing specs read columns of that name, words that names end with, pinyin initials."""

import re
import unicodedata
from dataclasses import dataclass, field
from functools import cache

from pypinyin import Style, lazy_pinyin

from etl.propose.words import ENGLISH, HINTS, IDENTIFIER, YES_NO
from etl.spec import Column, Registry

_BRACKET = re.compile(r"[（(\[【〔][^）)\]】〕]*[）)\]】〕]")
_UNIT = re.compile(r"[（(\[【]((?:万亿|亿|千万|百万|万|千)?(?:美元|元))[^）)\]】]*[）)\]】]")
_MEASURE = re.compile(
    r"[（(\[【](?:%|‰|人|户|个|亩|公顷|吨|公斤|千克|米|平方米|㎡|m2|立方米|公里|台|次|岁|年|床|辆|家|件|℃|mm|km|kg|万[人户亩吨立].*?)[）)\]】]"
)
LEAST = 2  # characters that an ending needs to count


@dataclass(frozen=True)
class Hint:
    """`rules`: rule (or code:<table>) → how strongly the name speaks for it (1 = the same name stands in a spec, less for an ending);
    `columns`: those specs' columns; `title`: what a name in pinyin initials may stand for."""

    rules: dict[str, float]
    columns: list[Column] = field(default_factory=list)
    unit: str | None = None
    title: str | None = None
    identifier: bool = False


@dataclass(frozen=True)
class Memory:
    """Column names of the specs that are there, plain, with what they were declared as."""

    known: dict[str, list[Column]]
    initials: dict[str, list[str]]


def remember(registry: Registry, without: str) -> Memory:
    """The columns of all specs but the one of this stem; delivered names and titles both."""
    known: dict[str, list[Column]] = {}
    for source in {s.stem: s for s in registry.sources.values() if s.stem != without}.values():
        for delivered, column in source.columns.items():
            if not delivered.startswith("@"):
                for name in dict.fromkeys(n for n in (plain(delivered), plain(column.title or "")) if n):
                    known.setdefault(name, []).append(column)
    initials: dict[str, list[str]] = {}
    for name in [*known, *HINTS]:
        if len(name) >= LEAST and not name.isascii():
            initials.setdefault(_initials(name), []).append(name)
    return Memory(known, initials)


def plain(name: str) -> str:
    """A column name as names are compared: half width, lower case, no blanks, no brackets and what they say."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return re.sub(r"[\s*＊:：]+", "", _BRACKET.sub("", folded)) or re.sub(r"\s+", "", folded)


def lowest(name: str) -> str:
    """The lowest level of a name of several (总量/第一产业); a stroke in brackets (万立方米/年) parts nothing."""
    return name if "/" in "".join(_BRACKET.findall(name)) else name.rpartition("/")[2]


def rule_of(column: Column) -> str:
    """A declared column's rule, with its table where it is a code."""
    return f"code:{column.codes}" if column.rule == "code" else column.rule


def hint(name: str, memory: Memory) -> Hint:
    """Everything that a delivered column's name says."""
    last = lowest(name)
    short, unit = plain(last), _UNIT.search(unicodedata.normalize("NFKC", last))
    columns, title = memory.known.get(short, []), None
    rules: dict[str, float] = {rule_of(column): 1.0 for column in columns}
    if not columns and short.isascii() and short.isalpha() and short in memory.initials:
        title = memory.initials[short][0]
        for full in memory.initials[short]:
            told = [rule_of(c) for c in memory.known.get(full, [])] + [HINTS[full]] * (full in HINTS)
            rules |= dict.fromkeys(told, 0.8)
    if not columns:
        _endings(short, memory, rules)
    if short.startswith(YES_NO) or short.endswith(YES_NO):
        rules["yes_no"] = 1.0
    if unit:
        rules.setdefault("amount", 0.9)
    elif _MEASURE.search(unicodedata.normalize("NFKC", last)):
        rules.setdefault("number", 0.9)
    named = short.endswith(IDENTIFIER) or any(title and title.endswith(e) for e in IDENTIFIER)
    return Hint(rules, columns, unit[1] if unit else None, title, named)


def _endings(name: str, memory: Memory, rules: dict[str, float]) -> None:
    """The longest ending that is a known name or word; a shorter one tells nothing beside it."""
    for start in range(max(len(name) - LEAST + 1, 0)):
        ending = name[start:]
        found = [HINTS[ending]] if ending in HINTS else []
        if len(ending) > LEAST and not ending.isascii():
            found += [rule_of(c) for c in memory.known.get(ending, []) if rule_of(c) != "text"]
        if found:
            rules |= dict.fromkeys(found, 0.7)
            return
    if name[-1:] in HINTS:
        rules[HINTS[name[-1:]]] = 0.4


@cache
def _initials(name: str) -> str:
    return "".join(lazy_pinyin(name, style=Style.FIRST_LETTER, errors="ignore")).lower()


def english(name: str) -> tuple[str, bool]:
    """A snake_case name for a delivered one, and whether it had to be written in pinyin."""
    short = plain(lowest(name))
    if short.isascii():
        out = re.sub(r"[^a-z0-9]+", "_", _BRACKET.sub("", lowest(name)).casefold().strip()).strip("_")
        return (out if out[:1].isalpha() else f"column_{out}".rstrip("_")), False
    parts, spelt, at = [], False, 0
    while at < len(short):
        word = next((short[at : at + n] for n in range(8, 0, -1) if short[at : at + n] in ENGLISH), None)
        if word:
            parts.append(ENGLISH[word])
            at += len(word)
            continue
        run = re.match(r"[a-z0-9]+", short[at:])
        if run:
            parts.append(run[0])
            at += len(run[0])
            continue
        if short[at].isalnum():
            spelt |= not short[at].isascii()
            parts.append("".join(lazy_pinyin(short[at], errors="default")).lower())
        at += 1
    joined = "_".join(dict.fromkeys(re.sub(r"[^a-z0-9]", "_", p).strip("_") for p in parts if p))
    return (joined if joined[:1].isalpha() else f"column_{joined}".rstrip("_")) or "column", spelt
