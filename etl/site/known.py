"""All that the pages are made of, and where each thing's page is."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

from psycopg2.extensions import connection as Connection

from etl import db
from etl.settings import ROOT
from etl.site import checks, database, history, lineage, read, words
from etl.site.checks import Check
from etl.site.database import Column, Database
from etl.site.facts import Fill, History, Score, Weights
from etl.site.lineage import Lineage
from etl.site.read import Books
from etl.spec import Registry, Source

GUIDE = ROOT / "docs" / "analysts-guide.md"
RESOURCES = "select subject, resource_code, name, provider, share_type, share_condition, open, update_cycle, abstract, department from catalog.resource"
DISPUTED = {"population": "person", "legal_entity": "entity"}  # the table whose fields departments disagree on


@dataclass(frozen=True)
class Resource:
    """An information resource of the catalogue."""

    subject: str
    code: str
    name: str
    provider: str
    share_type: int
    condition: str | None
    open: int
    cycle: str
    abstract: str
    department: str

    @property
    def shared(self) -> str:
        return words.SHARE[self.share_type]


@dataclass(frozen=True)
class Seen:
    """A check as it was met by one target. `history` None: it was never run."""

    check: Check
    target: str
    history: History | None
    open: int = 0

    @property
    def state(self) -> str:
        return self.history.state if self.history else "never"

    @property
    def failed(self) -> int:
        return self.history.last.failed if self.history else 0

    @property
    def checked(self) -> int:
        return self.history.last.checked if self.history else 0

    @property
    def moved(self) -> bool:
        """Whether it was looked at more than once and ever missed: what was always met is no trend."""
        shares = self.history.shares if self.history else []
        return len(shares) > 1 and any(v < 100 for _, v in shares)

    @property
    def order(self) -> tuple[Any, ...]:
        """The failed first, the gravest first, the most rows first."""
        states = ("failed", "broken", "passed", "idle", "never")
        return states.index(self.state), list(words.SEVERITIES).index(self.check.severity), -self.failed, self.check.name


@dataclass(frozen=True)
class Known:
    """Everything read; what follows from it is worked out once."""

    registry: Registry
    today: date
    database: Database
    books: Books
    lineage: Lineage
    checks: list[Check]
    scores: dict[tuple[str, str, str], Score]
    lines: dict[str, history.Line]
    fills: dict[str, Fill]
    staged: dict[str, dict[str, Fill]]
    resources: dict[str, Resource]
    items: dict[tuple[str, str], list[str]]
    questions: list[tuple[str, str]]

    def line(self, scope: str, name: str, computed: history.Line | None = None) -> history.Line:
        """Total scores as they were kept; `computed`: from what the books say, for the days before any was kept."""
        kept = self.books.kept.get((scope, name), [])
        before = [(day, value) for day, value in computed or [] if not kept or day < kept[0][0]]
        return (before + kept)[-26:]

    # ── names ────────────────────────────────────────────────────────────────────────────────────────────────────

    def title(self, dataset: str) -> str:
        """A dataset's Chinese name."""
        source = self.registry.sources.get(dataset)
        return source.title if source else dataset

    def department(self, name: str) -> str:
        """A department's Chinese name."""
        declared = self.registry.departments.get(name)
        return declared.title if declared else name

    def whose(self, dataset: str) -> str:
        """A dataset with its department."""
        return f"{self.department(dataset.split('/')[0])} · {self.title(dataset)}"

    def library(self, name: str) -> str:
        """A library's or schema's Chinese name."""
        known = self.registry.libraries.get(name)
        return known.title if known else words.title(self.database.schemas.get(name, name)) or name

    def owners(self, stem: str) -> str:
        """Who delivers in a form."""
        alike = self.stems[stem]
        first = self.department(alike[0].department)
        return first if len(alike) == 1 else f"{first}等 {len(alike)} 个部门"

    def target(self, name: str) -> tuple[str, str]:
        """(what is said of it, page) of a dataset or a library table."""
        if name in self.registry.sources:
            return self.whose(name), dataset_page(name)
        table = self.database.tables.get(name)
        said = f"{self.library(name.split('.')[0])} · {words.title(table.comment) if table else name}"
        return said, library_page(self.library_of(name)) if self.library_of(name) else table_page(name)

    def library_of(self, table: str) -> str:
        """The library that publishes a table; empty for none."""
        return next((x.name for x in self.registry.libraries.values() if table in x.tables), "")

    def field(self, library: str, name: str) -> str:
        """A field of a library in Chinese, as the comment on its column says."""
        table = self.database.tables.get(f"{library}.{DISPUTED.get(library, '')}")
        said = next((c.comment for c in table.columns if c.name == name), "") if table else ""
        return f"{words.title(said)}（{name}）" if said else name

    def order_name(self, pattern: str) -> str:
        """A place in an order of belief."""
        if "*" in pattern:
            alike = [s for s in self.registry.sources.values() if fnmatchcase(s.name, pattern)]
            return self.owners(alike[0].stem) + "·" + alike[0].title if alike else pattern
        return self.whose(pattern).replace(" · ", "·")

    def column_link(self, path: str) -> str:
        """Where a published column is told: its lineage where it has one, else the dictionary."""
        table = path.rsplit(".", 1)[0]
        return (lineage_page(table) if path in self.lineage.columns else table_page(self.database.main(table))) + f"#{path}"

    def reached(self, stem: str, names: Iterable[str]) -> list[tuple[str, str]]:
        """The library columns that cleaned columns reach: (path, what is written); what every address text reaches is told once."""
        paths = list(dict.fromkeys(p for n in names for p in self.lineage.forward.get((stem, n), ())))
        texts = [p for p in paths if (d := lineage.derivations().columns.get(p)) and d.texts]
        return [(p, f"{p} 等 {len(texts)} 列" if p in texts[:1] and len(texts) > 1 else p) for p in paths if p not in texts[1:]]

    # ── what follows ─────────────────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def stems(self) -> dict[str, list[Source]]:
        return lineage.by_stem(self.registry)

    @cached_property
    def seen(self) -> dict[str, list[Seen]]:
        """Target → its checks, the worst first; checks that only the results know are among them."""
        by_target: dict[str, list[Seen]] = defaultdict(list)
        results = {(h.target, h.name): h for each in self.books.results.values() for h in each}
        opened = {(f.dataset, f.column, f.problem): f.open for each in self.books.findings.values() for f in each}
        for check in self.checks:
            for target in check.targets:
                n = opened.get((target, check.delivered or "", check.problem), 0) if check.rule else 0
                by_target[target].append(Seen(check, target, results.pop((target, check.name), None), n))
        for (target, name), h in sorted(results.items()):
            check = Check(
                target.replace(".", "/"), name, (target,), (), h.column or None, h.because or name, "", h.dimension, h.severity, checks.claim_page(target, name)
            )  # fmt: skip
            by_target[target].append(Seen(check, target, h))
        return {t: sorted(each, key=lambda s: s.order) for t, each in by_target.items()}

    @cached_property
    def on_column(self) -> dict[str, list[Seen]]:
        """schema.table.column → the checks of that library column."""
        out: dict[str, list[Seen]] = defaultdict(list)
        for target, each in self.seen.items():
            if target in self.database.tables:
                names = {c.name for c in self.database.tables[target].columns}
                for s in each:
                    for column in names.intersection(s.check.columns):
                        out[f"{target}.{column}"].append(s)
        return dict(out)

    @cached_property
    def staging(self) -> dict[str, str]:
        """staging.<table> → stem."""
        return {f"staging.{alike[0].table}": stem for stem, alike in self.stems.items()}

    def score(self, scope: str, name: str, dimension: str = words.TOTAL) -> Score | None:
        """A score, where there is one."""
        return self.scores.get((scope, name, dimension))

    def codes(self, source: Source, delivered: str) -> str:
        """The code table of a delivered column; empty for none."""
        column = source.columns.get(delivered)
        name = (column.codes or column.rule) if column else ""
        return name if name in self.registry.codes else ""

    def codes_of(self, path: str, column: Column) -> str:
        """The code table of a column of a library table: that of the delivered columns it is taken from, or of its name."""
        made = self.lineage.columns.get(path)
        named = column.name.removesuffix("_code")
        if column.name.endswith("_code") and named in self.registry.codes:
            return named
        for o in made.origins if made else ():
            if o.field == column.name and (found := self.codes(self.stems[o.stem][0], o.delivered)):
                return found
        return ""

    def delivered(self, source: Source, name: str) -> str:
        """A delivered column in the department's words."""
        column = source.columns.get(name)
        return words.column(name, column.title if column else None)


def know(con: Connection, registry: Registry, today: date, scores: Sequence[Score], weights: Weights) -> Known:
    """Reads everything; the connection's transaction is one state of the database."""
    found = database.read(con)
    listed = checks.catalogue(registry, {t.path: {c.name: c.comment for c in t.columns} for t in found.tables.values()})
    books = read.read(con, registry, [(t, c.name) for c in listed if c.rule for t in c.targets], today)
    fills, staged = read.fill(con, found, registry)
    found = database.declared(found, registry)
    items: dict[tuple[str, str], list[str]] = defaultdict(list)
    for table, column, code in db.rows(con, "select table_name, column_name, resource_code from catalog.item order by 3"):
        items[table, column].append(code)
    return Known(
        registry=registry,
        today=today,
        database=found,
        books=books,
        lineage=lineage.trace(registry, {t.path: [c.name for c in t.columns] for t in found.tables.values()}),
        checks=listed,
        scores={(s.scope, s.name, s.dimension): s for s in scores},
        lines=history.of_datasets(books.claims, weights),
        fills=fills,
        staged=staged,
        resources={r[0]: Resource(*r) for r in db.rows(con, RESOURCES)},
        items=dict(items),
        questions=questions(),
    )


def questions() -> list[tuple[str, str]]:
    """(title, SQL) of the analysts' guide; none where the documents are not installed."""
    if not GUIDE.is_file():
        return []
    text = words.unnumbered(GUIDE.read_text(encoding="utf-8"))
    return [
        (title.strip(), sql.strip())
        for part in text.split("\n### ")[1:]
        for title, sql in [(part.split("\n", 1)[0], "\n\n".join(re.findall(r"```sql\n(.*?)```", part, re.DOTALL)))]
        if sql
    ]


# ── where things are ─────────────────────────────────────────────────────────────────────────────────────────────


def dataset_page(name: str) -> str:
    return f"datasets/{name.replace('/', '.')}.html"


def department_page(name: str) -> str:
    return f"departments/{name}.html"


def library_page(name: str) -> str:
    return f"libraries/{name}.html"


def table_page(path: str) -> str:
    return f"dictionary/{path}.html"


def lineage_page(path: str) -> str:
    return f"lineage/{path}.html"
