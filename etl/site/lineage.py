"""Where a library column comes from and where a delivered column goes: read from the specs and derived.yml, nothing guessed."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import yaml
from pydantic import Field

from etl.spec import Library, Registry, Source
from etl.spec.base import Declared
from etl.spec.library import Believe
from etl.spec.registry import LOADER
from etl.workbench import mapping

FILE = Path(__file__).parent / "derived.yml"


class Derived(Declared):
    """How a column is made that is not simply the input field of its name. `from`: input.field; `via`: schema.table.column."""

    from_: list[str] = Field(default_factory=list, alias="from")
    believe: list[str] = Field(default_factory=list)
    via: list[str] = Field(default_factory=list)
    texts: bool = Field(default=False, description="由每一个地址列而来")
    how: str


class Derivations(Declared):
    """derived.yml."""

    columns: dict[str, Derived]
    everywhere: dict[str, str]
    used_for_matching: list[str]


@dataclass(frozen=True)
class Origin:
    """A delivered column on its way into a library: `delivered` → rule → `cleaned` → `input`.`field` in `role`. A constant has no delivered column."""

    stem: str
    datasets: tuple[str, ...]
    delivered: str
    rule: str
    cleaned: str
    input: str
    field: str
    role: str
    constant: str | None = None
    place: int | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """The same delivered column in the same field, whatever the role."""
        return self.stem, self.cleaned or f"={self.constant}", self.field


@dataclass(frozen=True)
class Believed:
    """An order of belief that a column follows."""

    name: str
    rule: Believe


@dataclass(frozen=True)
class Made:
    """A library column (`path` = schema.table.column): where it comes from and how."""

    path: str
    how: str
    origins: tuple[Origin, ...] = ()
    via: tuple[str, ...] = ()
    believed: tuple[Believed, ...] = ()

    @property
    def table(self) -> str:
        return self.path.rsplit(".", 1)[0]

    @property
    def column(self) -> str:
        return self.path.rsplit(".", 1)[1]


@dataclass(frozen=True)
class Lineage:
    """Both directions: `columns` by path, `forward` by (stem, cleaned column)."""

    columns: dict[str, Made]
    forward: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()

    def of_table(self, table: str) -> list[Made]:
        """The columns of a table, as they were given."""
        return [m for m in self.columns.values() if m.table == table]


@cache
def derivations(file: Path = FILE) -> Derivations:
    """derived.yml."""
    return Derivations.model_validate(yaml.load(file.read_text(encoding="utf-8"), Loader=LOADER))  # noqa: S506 – a safe loader, in C


def trace(registry: Registry, columns: dict[str, list[str]]) -> Lineage:
    """The lineage of every library table. `columns`: schema.table → its columns as the database has them."""
    origins = _origins(registry)
    texts = tuple(_texts(registry))
    made: dict[str, Made] = {}
    unknown: list[str] = []
    for library in registry.ordered_libraries():
        for table in library.tables:
            for column in columns.get(table, []):
                found = _made(library, table, column, origins, texts)
                if found is None:
                    unknown.append(f"{table}.{column}")
                made[f"{table}.{column}"] = found or Made(f"{table}.{column}", f"由 etl/merge/{library.name}.py 算出")
    forward: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for m in made.values():
        for o in m.origins:
            if o.cleaned:
                forward[o.stem, o.cleaned][m.path] = None
    return Lineage(made, {k: tuple(v) for k, v in forward.items()}, tuple(unknown))


def _made(library: Library, table: str, column: str, origins: dict[str, tuple[Origin, ...]], texts: tuple[Origin, ...]) -> Made | None:
    """One column; None when neither an input field of its name nor derived.yml tells of it."""
    path, named = f"{table}.{column}", table.split(".")[1]
    told = derivations()
    derived = told.columns.get(path) or (told.columns.get(f"{table}.*") if column not in told.everywhere else None)
    fields = derived.from_ if derived else [f"{named}.{column}"]
    known = [f"{library.name}.{f}" for f in fields if f.split(".")[1] in library.inputs.get(f.split(".")[0], _NO_INPUT).fields]
    if derived is None and not known:
        return Made(path, told.everywhere[column]) if column in told.everywhere else None
    believe = library.believe.get(named, {})
    names = derived.believe if derived and derived.believe else [column]
    believed = tuple(Believed(n, believe[n]) for n in names if n in believe)
    found = [o for f in known for o in origins.get(f, ())]
    if derived and derived.texts:
        found = list(texts)
    given = {f.split(".")[1] for f in fields}
    placed = sorted((_placed(o, believed, given) for o in found), key=lambda o: (o.place is None, o.place or 0, o.stem, o.field, o.cleaned))
    how = derived.how if derived else "取自同名字段" + ("，按可信次序" if believed else "")
    return Made(path, how, tuple(_distinct(placed)), tuple(derived.via) if derived else (), believed)


class _NoInput:
    fields: dict[str, str] = {}  # noqa: RUF012 – never written


_NO_INPUT = _NoInput()


def _placed(origin: Origin, believed: tuple[Believed, ...], fields: set[str]) -> Origin:
    """The origin with its place (1 = most believed) in the order of its own field, or in those that are no field's own (id_birth)."""
    own = [b for b in believed if b.name == origin.field]
    for b in own or [b for b in believed if b.name not in fields]:
        for n, pattern in enumerate(b.rule.order, 1):
            if any(fnmatchcase(d, pattern) for d in origin.datasets):
                return Origin(**{**origin.__dict__, "place": n})
    return origin


def _distinct(origins: list[Origin]) -> Iterator[Origin]:
    """One origin per delivered column and field: the roles are told together."""
    roles: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    first: dict[tuple[str, str, str], Origin] = {}
    for o in origins:
        first.setdefault(o.key, o)
        if o.role not in roles[o.key]:
            roles[o.key].append(o.role)
    for key, o in first.items():
        yield Origin(**{**o.__dict__, "role": "、".join(roles[key])})


def by_stem(registry: Registry) -> dict[str, list[Source]]:
    """Spec file → the sources of the departments that deliver in its form."""
    out: dict[str, list[Source]] = defaultdict(list)
    for s in registry.sources.values():
        out[s.stem].append(s)
    return dict(sorted(out.items()))


def cleaned_by(registry: Registry, source: Source) -> dict[str, tuple[str, str]]:
    """Cleaned column → (delivered column, rule)."""
    out = {c.as_ + suffix: (name, c.rule) for name, c in source.columns.items() for suffix in registry.rules[c.rule].outputs}
    if source.rest:
        out[source.rest] = ("其余各列", "text")
    if source.geometry:
        out["geom"] = ("@geometry", "geometry")
    return out


def _origins(registry: Registry) -> dict[str, tuple[Origin, ...]]:
    """library.input.field → the delivered columns (and constants) that fill it."""
    out: dict[str, list[Origin]] = defaultdict(list)
    for stem, alike in by_stem(registry).items():
        source, names = alike[0], tuple(s.name for s in alike)
        delivered = cleaned_by(registry, source)
        for feed in source.feeds:
            library, given = feed.to.split(".")
            fields = registry.libraries[library].inputs[given].fields
            for name, column in mapping(registry, source, feed, fields).items():
                if name in fields and column in delivered and name not in feed.constants:
                    head, rule = delivered[column]
                    out[f"{feed.to}.{name}"].append(Origin(stem, names, head, rule, column, given, name, feed.role))
            for name, value in feed.constants.items():
                out[f"{feed.to}.{name}"].append(Origin(stem, names, "", "", "", given, name, feed.role, constant=value))
    return {k: tuple(v) for k, v in out.items()}


def _texts(registry: Registry) -> Iterator[Origin]:
    """Every address column of every source: they are matched to standard addresses."""
    for stem, alike in by_stem(registry).items():
        for name, c in alike[0].columns.items():
            if c.rule == "address" and c.role:
                yield Origin(stem, tuple(s.name for s in alike), name, c.rule, c.as_, "address_text", "text", c.role)


def unfed(registry: Registry, lineage: Lineage) -> list[str]:
    """Input fields that a source fills, that reach no column and are not said to serve matching: library.input.field."""
    used = {f"{o.input}.{o.field}" for m in lineage.columns.values() for o in m.origins} | set(derivations().used_for_matching)
    return sorted(f for f in _origins(registry) if ".".join(f.split(".")[1:]) not in used)


def standard(comment: str) -> str:
    """The standard that a comment names: GB/T 2261.1-2003; empty when none."""
    found = re.findall(r"(?:GB(?:/T|/Z)?|GS|SF|WS|GA(?:/T)?|CJ/T)\s?[\d.]+(?:-\d{4})?", comment)
    return "、".join(dict.fromkeys(found))
