"""Candidate pairs: two records that share what a blocking rule asks for.

What is shared is looked for among numbers: names, phones and addresses as hashes of 64 bits, which are joined in half the time of their
texts. Two values of one hash would only make a candidate more, and candidates are compared by what they say.
"""

import re
from dataclasses import dataclass

import duckdb

from etl.match.person import model
from etl.spread import Part


def number(text: str) -> str:
    """SQL: a text as a number; NULL stays NULL."""
    return f"case when {text} is not null then hash({text}) end"


# What blocking rules read of a row that Splink compares (`scored.SIDE`).
NUMBERS = {c: number(c) for c in ("name", "py", "phone", "addr", "addr2", "town", "sur", "given")} | {
    c: c for c in ("birth", "house", "id_head", "id_tail", "mask")
}


@dataclass(frozen=True)
class Rule:
    """A blocking rule taken apart: the columns that must be equal, and what is asked of the left side alone."""

    text: str
    left: tuple[str, ...]
    right: tuple[str, ...]
    only: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> "Rule":
        """From its SQL, `l.x = r.y and …`."""
        terms = [t.strip() for t in text.split(" and ")]
        equal = [m for t in terms if (m := re.fullmatch(r"l\.(\w+) = r\.(\w+)", t))]
        return cls(text, tuple(m[1] for m in equal), tuple(m[2] for m in equal), tuple(t for t in terms if re.fullmatch(r"l\.\w+", t)))

    @property
    def name(self) -> str:
        """The columns, as they are written down."""
        pairs = [a if a == b else f"{a}={b}" for a, b in zip(self.left, self.right, strict=True)]
        return " + ".join([*pairs, *(t.removeprefix("l.") for t in self.only)]) + ("" if "(" not in self.text else " + name_apart")

    def columns(self, side: str) -> tuple[str, ...]:
        """What must be equal, of side `l` or `r`."""
        return self.left if side == "l" else self.right

    def key(self, side: str) -> str:
        """SQL: the value of a record under this rule as one text; NULL when a part of it is."""
        return " || chr(1) || ".join(f"{side}.{c}::varchar" for c in self.columns(side))

    def block(self, side: str) -> str:
        """SQL: the same as one number, of a row of numbers."""
        return f"hash({', '.join(f'{side}.{c}' for c in self.columns(side))})"

    def told(self, side: str) -> str:
        """SQL: whether a record has every part of it."""
        return " and ".join(f"{side}.{c} is not null" for c in self.columns(side))


RULES = tuple(Rule.of(text) for text in model.BLOCKING)


def numbered(rows: str) -> str:
    """SQL: rows as Splink compares them → rid, mark, what of them the rules read, as numbers, and what rules ask beside that."""
    return f"select rid, mark, shape, name_is_rare, name_is_uncommon, skip, {', '.join(f'{sql} as {c}' for c, sql in NUMBERS.items())} from {rows}"


def keys(*sides: str) -> str:
    """SQL: the values of a compared row under every rule, as a list of texts; of side `l`, `r`, or as both."""
    blocks = [_key(i, rule, side, NUMBERS) for side in sides for i, rule in enumerate(RULES)]
    return f"list_filter([{', '.join(blocks)}], lambda block: block is not null)"


def _key(i: int, rule: Rule, side: str, columns: dict[str, str]) -> str:
    """SQL: a record's value under a rule, apart from every other rule's; NULL when a part of it is."""
    return " || chr(1) || ".join([f"'{i}'", *(f"({columns[c]})::varchar" for c in rule.columns(side))])


def pairs(con: duckdb.DuckDBPyConnection, rules: list[str], part: Part, *, within: bool) -> None:
    """Table `pair_here` (l, r: rid) from `side_l` and `side_r`, or within `side_l`: the pairs that a rule finds, once each. One that several rules
    find, in several parts, is of the part of the first. Which of two records of one side is the left one follows from what they say."""
    con.execute(f"create or replace temp table block_l as {numbered('side_l')}")
    if not within:
        con.execute(f"create or replace temp table block_r as {numbered('side_r')}")
    order = " where (l.mark, l.rid) < (r.mark, r.rid)" if within else ""
    found = " union all ".join(
        f"select l.rid as l, r.rid as r, {i} as rule from block_l l join block_{'l' if within else 'r'} r on {text}{order}"
        for i, text in enumerate(rules)
    )
    if part.of == 1:
        made = f"select distinct l, r from ({found})"
    else:
        owns = " ".join(f"when {i} then {part.owns(_key(i, rule, 'l', {c: f'b.{c}' for c in NUMBERS}))}" for i, rule in enumerate(RULES))
        first = f"select l, r, min(rule) as rule from ({found}) group by l, r"
        made = f"select p.l, p.r from ({first}) p join block_l b on b.rid = p.l where case p.rule {owns} end"
    con.execute(f"create or replace table pair_here as {made}")
    con.execute(f"drop table block_l{'' if within else '; drop table block_r'}")
