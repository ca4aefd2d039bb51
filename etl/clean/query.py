"""The SQL that cleans one landing: delivered texts, the rules' steps stage by stage, outputs, what the columns of a row say of each other."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from etl.clean.rules import Rule, rule_of, scale
from etl.engine import literal, quote
from etl.spec import Column, Registry, Source

CONTEXT = ("@title", "@sheet", "@file")


@dataclass(frozen=True)
class Reading:
    """One declared column on its way: `c<n>` is its delivered text, `c<n>_<k>` the result of step k, `c<n>_p` its problem."""

    number: int
    delivered: str
    column: Column
    rule: Rule
    in_key: bool
    today: date
    present: frozenset[str] = field(default_factory=frozenset)

    @property
    def source(self) -> str:
        """The trimmed delivered text; NULL where the landing does not have the column."""
        return f"blank_trim({quote(self.delivered)})" if self.delivered in self.present else "null::varchar"

    @property
    def name(self) -> str:
        return f"c{self.number}"

    @property
    def of_context(self) -> bool:
        """Whether it is a period told by a title, a sheet's or a file's name, not by a delivered column."""
        return self.column.rule == "period_in_text" and self.delivered.startswith("@")

    @property
    def period(self) -> str:
        """The period of its context column, else of the others, in the relation that `periods` makes."""
        places = [self.delivered, *(c for c in CONTEXT if c != self.delivered)]
        told = [f"period_value({quote(f'{p} period')})" for p in places if p in self.present]
        return f"coalesce({', '.join(told)}, null)" if told else "null::varchar"

    @property
    def key_part(self) -> str:
        """Its part of source_key: the delivered text; the period where that is what the column tells."""
        return f"{self.name}_{len(self.rule.steps)}" if self.column.rule == "period_in_text" else self.name

    @property
    def table(self) -> str | None:
        """The code table that its text is looked up in."""
        return self.column.codes if self.rule.lookup == "@" else self.rule.lookup

    def sql(self, template: str) -> str:
        """The template with this column's names and options."""
        places = {str(k + 1): f"{self.name}_{k + 1}" for k in range(len(self.rule.steps))}
        options = {
            "d": self.name,
            "period": f"{self.name}_period",
            "found": f"{self.name}_found",
            "today": f"date '{self.today}'",
            "required": str(self.column.required).lower(),
            "in_key": str(self.in_key).lower(),
            "scale": str(scale(self.column)),
        }
        return re.sub(r"\{(\w+)\}", lambda m: (places | options)[m[1]], template)


def readings(source: Source, today: date, present: frozenset[str]) -> list[Reading]:
    """The declared columns in declared order."""
    return [Reading(n, d, c, rule_of(d, c), d in source.key, today, present) for n, (d, c) in enumerate(source.columns.items())]


def staged(source: Source, columns: list[Reading], landing: str, present: frozenset[str]) -> str:
    """A select with row_number, the delivered texts (c<n>), all steps, and what a row needs as a whole."""
    whole = [f"{content(source, columns, present)} as row_hash", f"{rest(source, present)} as rest_columns"]
    if "@shape" in present:
        whole.append('"@shape" as shape_found')
    told = [c for c in columns if c.of_context]
    whole += [f"{c.name}_period" for c in told]
    texts = [f"{c.source} as {c.name}" for c in columns]
    sql = f"select row_number, {', '.join(whole + texts)} from {periods(told, landing, present)}"
    for k in range(max((len(c.rule.steps) for c in columns), default=0)):
        steps = [f"{c.sql(c.rule.steps[k])} as {c.name}_{k + 1}" for c in columns if k < len(c.rule.steps)]
        sql = f"select *, {', '.join(steps)} from ({sql})"
        if k == 0:
            sql = looked_up(columns, sql)
    return sql


def periods(told: list[Reading], landing: str, present: frozenset[str]) -> str:
    """The landing, with c<n>_period for every period that a title, sheet or file name tells."""
    if not told:
        return landing
    texts = ", ".join(f"period_text({quote(p)}) as {quote(f'{p} period')}" for p in CONTEXT if p in present)
    values = ", ".join(f"{c.period} as {c.name}_period" for c in told)
    return f"(select *, {values} from (select *{', ' + texts if texts else ''} from {landing}))"


def looked_up(columns: list[Reading], sql: str) -> str:
    """The same with c<n>_found: the code that the code table gives for the text of step 1."""
    coded = [c for c in columns if c.table]
    if not coded:
        return sql
    found = ", ".join(f"t{c.number}.code as {c.name}_found" for c in coded)
    joins = " ".join(
        f"left join clean_spelling t{c.number} on t{c.number}.code_table = {literal(c.table)} and t{c.number}.spelling = s.{c.name}_1"
        for c in coded
    )
    return f"select s.*, {found} from ({sql}) s {joins}"


def content(source: Source, columns: list[Reading], present: frozenset[str]) -> str:
    """md5 as UUID over the delivered text of content columns, apart by U+001F, empty for NULL.

    Content: declared columns without running numbers; with `rest`, the undeclared ones by name; the geometry.
    A period told by a title or a file name counts as the period, not as that text: a renamed file changes no row.
    """
    parts = []
    for c in columns:
        if c.delivered in source.running_number or (c.delivered not in present and not c.delivered.startswith("@")):
            continue
        if c.of_context:
            parts.append(f"{c.name}_period")
        elif c.delivered in present:
            parts.append(quote(c.delivered))
    if source.rest:
        parts += [quote(n) for n in undeclared(source, present)]
    if source.geometry and "@geometry" in present:
        parts.append('hex("@geometry")')
    text = " || chr(31) || ".join(f"coalesce({p}, '')" for p in parts)
    return f"md5({text or literal('')})::uuid"


def undeclared(source: Source, present: frozenset[str]) -> list[str]:
    """Delivered columns that the source does not declare, by name."""
    return sorted(n for n in present if not n.startswith("@") and n != "row_number" and n not in source.columns)


def rest(source: Source, present: frozenset[str]) -> str:
    """The undeclared columns as one JSON object, column name → delivered text."""
    names = undeclared(source, present) if source.rest else []
    pairs = ", ".join(f"{literal(n)}, {quote(n)}" for n in names)
    return f"json_object({pairs})" if source.rest else "null"


def outputs(registry: Registry, columns: list[Reading]) -> Iterator[str]:
    """Every cleaned column of the declared columns, cast to its declared type."""
    for c in columns:
        for suffix, kind in registry.rules[c.column.rule].outputs.items():
            yield f"cast({c.sql(c.rule.outputs[suffix])} as {kind}) as {quote(c.column.as_ + suffix)}"


def source_key(columns: list[Reading], source: Source) -> str:
    """The key columns' parts joined by `|`; NULL when one is empty."""
    by_name = {c.delivered: c for c in columns}
    return " || '|' || ".join(by_name[k].key_part for k in source.key)
