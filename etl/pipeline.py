"""The whole story: ingest each dataset, integrate each library, report to each owner. The only module that knows the order.

`jichu run` and the Airflow DAGs call the same functions. Nothing heavy is imported until it is needed, so that a DAG
file that imports this module parses in no time.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from etl import settings as settings_module
from etl import spec
from etl.errors import DeliveryRefused, JichuError, where
from etl.settings import Settings
from etl.spec import Library, Registry, Source

if TYPE_CHECKING:
    import duckdb
    from psycopg2.extensions import connection as Connection

    from etl.extract import Waiting

log = logging.getLogger("jichu")


# ── what there is ────────────────────────────────────────────────────────────────────────────────────────────────


def sources() -> list[Source]:
    """Every dataset, sorted by name."""
    return list(spec.load().sources.values())


def libraries() -> list[Library]:
    """Every library, each after those it reads."""
    return spec.load().ordered_libraries()


def departments() -> dict[str, str]:
    """Department → its Chinese name."""
    return {n: d.title for n, d in spec.load().departments.items()}


@dataclass
class Run:
    """One run: its settings, what it says while it works, and how long each stage took."""

    settings: Settings
    registry: Registry
    say: Callable[[str], None] = lambda text: None
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])

    @contextmanager
    def stage(self, what: str, name: str) -> Iterator[dict[str, int]]:
        """Times a stage into ops.stage; the caller puts the rows it handled into the dictionary."""
        from etl import db

        started, told = time.monotonic(), {"rows": 0}
        yield told
        seconds = time.monotonic() - started
        log.info("%s %s: %s rows, %.2f s", what, name, told["rows"], seconds)
        db.query(
            self.settings,
            "insert into ops.stage (run_id, what, stage, rows, seconds) values (%s, %s, %s, %s, %s)",
            [self.run_id, what, name, told["rows"], round(seconds, 3)],
        )


def start(drop: Path | None = None, as_of: str | None = None, say: Callable[[str], None] | None = None) -> Run:
    """A run on a database of the newest shape."""
    import os

    from etl import migrate

    os.umask(0o077)  # whatever this process writes holds personal data: for its own user alone
    settings = settings_module.load(drop, as_of)
    migrate.migrate(settings)
    registry = spec.load()
    for problem in registry.problems:
        log.warning(problem)
    return Run(settings, registry, say or (lambda text: None))


# ── one dataset ──────────────────────────────────────────────────────────────────────────────────────────────────


def ingest(dataset: str, as_of: str | None = None) -> dict[str, Any]:
    """Takes every waiting delivery of a dataset, oldest first (the DAG's task). Returns states and counts."""
    from etl import db

    run = start(as_of=as_of)
    with db.lock(run.settings, "run", shared=True):
        return {"dataset": dataset, "deliveries": _ingest(run, run.registry.source(dataset))}


def _ingest(run: Run, source: Source) -> list[dict[str, Any]]:
    from etl import db, extract, load

    done: list[dict[str, Any]] = []
    with db.lock(run.settings, source.name):
        con = db.connect(run.settings)
        try:
            books = _books(con, source)
            for waiting in extract.find(source, run.settings, since=books.watermark):
                mark = extract.fingerprint(source, waiting)
                if books.settled(waiting.delivered_on, mark):
                    continue
                if books.held:
                    break  # later deliveries wait for the decision
                taken = load.Taken(
                    source.name,
                    f"{waiting.delivered_on:%Y%m%d}-{(mark or 'unread')[:8]}",
                    waiting.delivered_on,
                    source.delivery.kind,
                    mark or "",
                    None,
                )
                try:
                    books.admit(source, waiting, mark)
                    outcome = _take(run, con, source, waiting, books)
                except DeliveryRefused as e:
                    state = "held" if e.code == "changed_after_load" else "rejected"
                    load.reject(con, taken, state, str(e))
                    outcome = {"delivery_id": taken.delivery_id, "delivered_on": str(taken.delivered_on), "state": state, "reason": str(e)}
                if outcome:
                    done.append(outcome)
                    run.say(_told(source, outcome))
                books = _books(con, source)
        finally:
            con.close()
    return done


@dataclass(frozen=True)
class Books:
    """What ops.delivery knows of a dataset."""

    entries: tuple[tuple[date, str, str, str], ...]  # delivered_on, delivery_id, state, content_sha256
    watermark: str | None
    last_rows: int | None

    @property
    def held(self) -> bool:
        return any(state == "held" for _, _, state, _ in self.entries)

    @property
    def newest(self) -> date | None:
        return max((d for d, _, state, _ in self.entries if state == "loaded"), default=None)

    def settled(self, day: date, mark: str | None) -> bool:
        """These very bytes of that day are on the books already, whatever became of them."""
        return mark is not None and any(d == day and sha == mark for d, _, _, sha in self.entries)

    def admit(self, source: Source, waiting: Waiting, mark: str | None) -> None:
        """Refuses what comes too late or was changed behind our back."""
        day = waiting.delivered_on
        if mark and any(d == day and state == "loaded" and sha != mark for d, _, state, sha in self.entries):
            raise DeliveryRefused("changed_after_load", f"{day} 的交付装载之后文件又被改动；请放行（按新内容装载）或弃用")
        if source.delivery.kind == "full" and self.newest and day < self.newest:
            raise DeliveryRefused("superseded", f"{day} 的全量交付早于已装载的 {self.newest}，不再采用")


def _books(con: Connection, source: Source) -> Books:
    from etl import db

    entries = db.rows(
        con,
        "select delivered_on, delivery_id, state, content_sha256 from ops.delivery where dataset = %s and kind <> 'replay' order by sequence",
        [source.name],
    )
    last = db.rows(
        con,
        "select rows_in, watermark from ops.delivery where dataset = %s and state = 'loaded' and kind <> 'replay' order by sequence desc limit 1",
        [source.name],
    )
    watermark = db.rows(con, "select max(watermark) from ops.delivery where dataset = %s and state = 'loaded'", [source.name])[0][0]
    con.commit()
    return Books(tuple(entries), watermark, last[0][0] if last else None)


def _take(run: Run, con: Connection, source: Source, waiting: Waiting, books: Books, *, decided: bool = False) -> dict[str, Any] | None:
    """Lands one delivery and applies it. None when it turns out to be on the books already."""
    from etl import extract, load

    with run.stage(source.name, "land") as told:
        landed = extract.land(source, waiting, run.settings)
        told["rows"] = landed.rows_in
    same_day = any(d == landed.delivered_on and state == "loaded" for d, _, state, _ in books.entries)
    if not decided and (any(i == landed.delivery_id for _, i, _, _ in books.entries) or (same_day and landed.rows_in == 0)):
        return None
    taken = load.Taken(
        source.name, landed.delivery_id, landed.delivered_on, source.delivery.kind, landed.content_sha256, landed.watermark, landed.notes
    )
    return _apply(run, con, source, taken, landed.rows, books, decided=decided)


def _apply(run: Run, con: Connection, source: Source, taken: Any, rows: Path, books: Books, *, decided: bool) -> dict[str, Any]:
    """clean → account → check → commit, or held with its reason."""
    from etl import check, clean, engine, load, migrate
    from etl.account import account

    migrate.staging(con, run.registry, source)
    con.commit()
    with engine.connect(run.settings) as duck:
        scratch = engine.folder(duck)
        cleaned = scratch / "cleaned.parquet"
        try:
            with run.stage(source.name, "clean") as told:
                clean.clean(duck, run.registry, source, rows, cleaned, run.settings.today)
                told["rows"] = engine.count(duck, f"select count(*) from read_parquet('{cleaned}')")
            with run.stage(source.name, "account"):
                before = load.snapshot(run.settings, con, duck, run.registry, source)
                counted = account(duck, cleaned, f"read_parquet('{before}')", full=taken.kind == "full", day=taken.delivered_on)
            reason = None if decided else _too_different(source, taken.kind, counted, books)
            if reason:
                load.reject(con, taken, "held", reason, counted)
                return {
                    "delivery_id": taken.delivery_id,
                    "delivered_on": str(taken.delivered_on),
                    "state": "held",
                    "reason": reason,
                    **counted.as_dict(),
                }
            with run.stage(source.name, "check"):
                load.changes(duck, taken, cleaned, before, vintages=source.delivery.vintages)
                waiting = load.candidate(con, duck, source, scratch)
                outcomes = _checked(run, source, waiting, duck, cleaned)
            failed = check.critical(outcomes)
            if failed and not decided:
                reason = "too_many_bad: 严重检查未过：" + "；".join(f"{o.expectation}（{o.failed} 行）：{o.because}" for o in failed)
                load.reject(con, taken, "held", reason, counted)
                return {
                    "delivery_id": taken.delivery_id,
                    "delivered_on": str(taken.delivered_on),
                    "state": "held",
                    "reason": reason,
                    **counted.as_dict(),
                }
            with run.stage(source.name, "commit") as told:
                load.commit(
                    con, duck, source, taken, counted, rows, cleaned, scratch, lambda c: load.write_results(c, outcomes, taken.delivery_id)
                )
                load.keep_snapshot(run.settings, con, duck, run.registry, source, before, taken)
                told["rows"] = counted.rows_new + counted.rows_changed
        finally:
            cleaned.unlink(missing_ok=True)
    return {"delivery_id": taken.delivery_id, "delivered_on": str(taken.delivered_on), "state": "loaded", **counted.as_dict()}


def _suite(run: Run, stem: str, target: str, candidate: str) -> list[Any]:
    """The outcomes of a suite on a candidate table; none where there is no suite."""
    from etl import check
    from etl.spec.suite import load_suite

    suite = load_suite(stem)
    return check.run(suite, target, run.settings.database_url, "candidate", candidate, today=run.settings.today) if suite else []


def _checked(run: Run, source: Source, candidate: str, duck: duckdb.DuckDBPyConnection, cleaned: Path) -> list[Any]:
    """What the dataset's suite says of its new and changed rows, and what the column rules found in all of them."""
    from etl.check import findings

    return _suite(run, source.stem, source.name, candidate) + findings.result_rows_from_findings(duck, cleaned, run.registry, source)


def _too_different(source: Source, kind: str, counted: Any, books: Books) -> str | None:
    """Why a delivery must be looked at by a person before it is applied."""
    terms = source.delivery
    if kind == "full" and books.last_rows and counted.rows_in < books.last_rows * (1 - terms.fewer_rows):
        return f"fewer_rows: 本次 {counted.rows_in} 行，上次 {books.last_rows} 行，少于约定的 {1 - terms.fewer_rows:.0%}"
    if counted.rows_in and counted.rows_quarantined > counted.rows_in * terms.too_many_bad:
        return f"too_many_bad: {counted.rows_in} 行中有 {counted.rows_quarantined} 行被隔离，超过约定的 {terms.too_many_bad:.0%}"
    return None


def _told(source: Source, outcome: dict[str, Any]) -> str:
    """One line of progress: no personal data, only counts."""
    words = {"loaded": "已装载", "held": "挂起", "rejected": "拒收"}[outcome["state"]]
    if outcome["state"] == "loaded":
        counts = " ".join(
            f"{w}{outcome[k]}"
            for w, k in (
                ("收", "rows_in"),
                ("新", "rows_new"),
                ("变", "rows_changed"),
                ("同", "rows_unchanged"),
                ("重", "rows_duplicate"),
                ("隔离", "rows_quarantined"),
                ("去", "rows_removed"),
            )
        )
        return f"{source.name} {outcome['delivered_on']} {words} {counts}"
    return f"{source.name} {outcome['delivered_on']} {words} {outcome['reason']}"


# ── decisions of people ──────────────────────────────────────────────────────────────────────────────────────────


def decide(
    dataset: str,
    delivery: str,
    *,
    release: bool,
    by: str,
    why: str,
    as_of: str | None = None,
    drop: Path | None = None,
    say: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Releases or discards a held delivery; who and why are recorded."""
    from etl import db, extract, load
    from etl.errors import UsageError

    run = start(drop, as_of, say)
    source = run.registry.source(dataset)
    with db.lock(run.settings, "run", shared=True), db.lock(run.settings, source.name):
        con = db.connect(run.settings)
        try:
            found = db.rows(
                con,
                "select delivery_id, delivered_on, content_sha256, watermark, notes from ops.delivery where dataset = %s and delivery_id like %s and state = 'held'",
                [dataset, delivery.replace("%", "") + "%"],
            )
            if len(found) != 1:
                held = [r[0] for r in db.rows(con, "select delivery_id from ops.delivery where dataset = %s and state = 'held'", [dataset])]
                raise UsageError(f"{dataset} 没有挂起的交付 {delivery}；挂起的有：{'、'.join(held) or '无'}")
            delivery_id, day, sha, watermark, notes = found[0]
            if release:
                landed = [x for x in extract.replayable(source, run.settings) if x.delivery_id == delivery_id]
                if landed:
                    rows = landed[0].rows
                else:
                    waiting = [w for w in extract.find(source, run.settings, since=_books(con, source).watermark) if w.delivered_on == day]
                    if not waiting:
                        raise UsageError(f"{dataset} {delivery_id}：落地副本和投递文件夹里都已没有这次交付，无法放行")
                    rows = extract.land(source, waiting[0], run.settings).rows
                taken = load.Taken(dataset, delivery_id, day, source.delivery.kind, sha, watermark, tuple(notes))
                outcome = _apply(run, con, source, taken, rows, _books(con, source), decided=True)
            else:
                outcome = {"delivery_id": delivery_id, "delivered_on": str(day), "state": "discarded"}
            with con:
                db.rows(
                    con,
                    "update ops.delivery set state = %s, decided_by = %s, decided_why = %s where dataset = %s and delivery_id = %s",
                    ["loaded" if release else "discarded", by, why, dataset, delivery_id],
                )
            return outcome
        finally:
            con.close()


def replay(dataset: str, as_of: str | None = None, say: Callable[[str], None] | None = None) -> dict[str, Any]:
    """Tries the open quarantined rows again, after a rule or a code table was mended; counted like a delivery."""
    from etl import db, engine, load
    from etl.replay import requeue

    run = start(as_of=as_of, say=say)
    source = run.registry.source(dataset)
    with db.lock(run.settings, "run", shared=True), db.lock(run.settings, source.name):
        con = db.connect(run.settings)
        try:
            with engine.connect(run.settings) as duck:
                rows, tried = requeue(con, duck, source)
                if not tried:
                    return {"dataset": dataset, "state": "nothing", "rows_in": 0}
                stamp = hashlib.sha256(rows.read_bytes()).hexdigest()
                day = run.settings.today
                taken = load.Taken(dataset, f"{day:%Y%m%d}-replay-{run.run_id[:8]}", day, "replay", stamp, None)
                outcome = _apply(run, con, source, taken, rows, _books(con, source), decided=True)
            return {"dataset": dataset, **outcome}
        finally:
            con.close()


# ── one library ──────────────────────────────────────────────────────────────────────────────────────────────────


def integrate(library: str, as_of: str | None = None) -> dict[str, Any]:
    """Matches, merges, checks and publishes a library (the DAG's task). Returns what was written."""
    from etl import db

    run = start(as_of=as_of)
    with db.lock(run.settings, "run", shared=True):
        return _integrate(run, run.registry.libraries[library])


def _steps(library: str) -> Sequence[Callable[[Any], None]]:
    """The steps of each library, in order."""
    if library == "population":
        from etl.match import person
        from etl.merge import population

        return [person.link, population.build]
    if library == "legal_entity":
        from etl.match import entity
        from etl.merge import legal_entity

        return [entity.link, legal_entity.build]
    if library == "geospatial":
        from etl.match.address import match_feed
        from etl.merge import geospatial

        return [match_feed, geospatial.build]
    from importlib import import_module

    return [import_module(f"etl.merge.{library}").build]


def _integrate(run: Run, library: Library) -> dict[str, Any]:
    from etl import check, db, engine, load
    from etl.workbench import Workbench, lay, read_published

    with db.lock(run.settings, f"library {library.name}"):
        con = db.connect(run.settings, autocommit=True)
        try:
            inputs = _inputs(run, con, library)
            if db.rows(
                con,
                "select 1 from ops.publication where library = %s and state = 'published' and inputs = %s and sequence = (select max(sequence) from ops.publication where library = %s)",
                [library.name, inputs, library.name],
            ):
                return {"library": library.name, "state": "unchanged"}
            folder = run.settings.home / "cache" / load.instance(con)
            with engine.connect(run.settings) as duck:
                bench = Workbench(duck, run.settings, run.registry, library)
                with run.stage(library.name, "read"):
                    fed = {s.name: s for n in library.inputs for s, _ in run.registry.feeding(f"{library.name}.{n}")}
                    if library.name == "geospatial":  # every department's address texts
                        fed |= {s.name: s for s in run.registry.sources.values() if any(c.rule == "address" for c in s.columns.values())}
                    known = {r[0] for r in db.rows(con, "select distinct dataset from ops.delivery where state = 'loaded'")}
                    snapshots = {n: load.snapshot(run.settings, con, duck, run.registry, s) for n, s in sorted(fed.items()) if n in known}
                    past = {n: load.past(run.settings, con, duck, run.registry, fed[n]) for n in snapshots}
                    shelves = {t: _shelf(run, con, library, t, folder) for t in library.reads}
                    lay(bench, snapshots, past, {t: read_published(run.registry, con, duck, t, shelf) for t, shelf in shelves.items()})
                for step in _steps(library.name):
                    with run.stage(library.name, f"{step.__module__.split('.')[1]}.{step.__name__}"):
                        step(bench)
                outcomes: list[Any] = []

                def suite(table: str, candidate: str) -> str | None:
                    found = _suite(run, table.replace(".", "/"), table, candidate)
                    outcomes.extend(found)
                    return "；".join(f"{table} {o.expectation}（{o.failed} 行）：{o.because}" for o in check.critical(found)) or None

                with run.stage(library.name, "publish") as told:

                    def beside(c: Connection) -> None:
                        _also(c, duck, library, run)
                        load.write_results(c, outcomes, None)

                    changes = load.publish(run.settings, duck, library, inputs, suite, beside)
                    told["rows"] = sum(c.written for c in changes)
                if not changes:  # held: what the checks said is kept all the same
                    with db.transaction(run.settings) as results:
                        load.write_results(results, outcomes, None)
        finally:
            con.close()
    held = [f"{o.target} {o.expectation}" for o in check.critical(outcomes)]
    run.say(
        f"{library.title} {'挂起：' + '、'.join(held) if held else '已发布：' + '，'.join(f'{c.table} 写 {c.written} 删 {c.deleted}' for c in changes if c.written or c.deleted)}"
    )
    return {
        "library": library.name,
        "state": "held" if held else "published",
        "held": held,
        "tables": {c.table: [c.written, c.deleted] for c in changes},
    }


def _also(con: Connection, duck: duckdb.DuckDBPyConnection, library: Library, run: Run) -> None:
    """What belongs to a library's publication beside its tables: edges, members, disagreements."""
    from etl.load import beside

    beside.write(con, duck, library.name, run.settings)


def _inputs(run: Run, con: Connection, library: Library) -> str:
    """Fingerprint of all that a library is computed from."""
    from etl import db

    feeding = sorted({s.name for n in library.inputs for s, _ in run.registry.feeding(f"{library.name}.{n}")})
    where = "true" if library.name == "geospatial" else "dataset = any(%s)"
    applied = db.rows(
        con,
        f"select dataset, max(sequence) from ops.delivery where state = 'loaded' and {where} group by dataset order by dataset",
        [] if library.name == "geospatial" else [feeding],
    )
    upstream = db.rows(
        con,
        "select library, max(sequence) from ops.publication where state = 'published' and library = any(%s) group by library order by library",
        [library.after],
    )
    judged = _judged(run, con, library)
    booked = db.rows(con, "select max(sequence) from ops.delivery")[0][0] if "ops.delivery" in library.reads else None
    told = [applied, upstream, judged, booked, str(run.settings.today) if library.daily else "", _rules_version()]
    return hashlib.sha256(json.dumps(told, default=str).encode()).hexdigest()


def _judged(run: Run, con: Connection, library: Library) -> list[tuple[Any, ...]]:
    """The judgements of people that stand today and bear on a library's links: added, withdrawn or run out, the library is computed anew."""
    from etl import db
    from etl.load import beside

    return db.rows(
        con,
        "select id, kind, left_record, right_record, verdict, until from match.judgement where kind = %s and verdict <> 'undecided' "
        "and withdrawn_at is null and (until is null or until >= %s) order by id",
        [beside.KIND.get(library.name), run.settings.today],
    )


def _shelf(run: Run, con: Connection, library: Library, table: str, folder: Path) -> Path:
    """Where the copy of a published table lies. Judgements come between publications, so theirs is told by what they say."""
    if table != "match.judgement":
        return folder / "published"
    return folder / "judgement" / hashlib.sha256(repr(_judged(run, con, library)).encode()).hexdigest()[:16]


def _rules_version() -> str:
    """Changes when anything declared changes, or how we link and merge: a mended rule is applied at the next run."""
    digest, root = hashlib.sha256(), settings_module.ROOT
    for path in sorted(
        [*(root / "schemas").rglob("*.*"), *(root / "etl" / "match").rglob("*.py"), *(root / "etl" / "merge").rglob("*.py")]
    ):
        if path.suffix in (".yml", ".csv", ".json", ".py"):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


# ── everything ───────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Summary:
    """What a whole run did: outcomes per dataset and library, and whether anything wants a person's eye."""

    deliveries: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    libraries: dict[str, dict[str, Any]] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        states = [d["state"] for each in self.deliveries.values() for d in each] + [x["state"] for x in self.libraries.values()]
        return 1 if self.failures else 3 if {"rejected", "held"} & set(states) else 0


def run(drop: Path | None = None, only: Sequence[str] = (), as_of: str | None = None, say: Callable[[str], None] | None = None) -> Summary:
    """The whole pipeline in dependency order in this process. `only`: those datasets and everything downstream of them."""
    from etl import db, extract

    this, began = start(drop, as_of, say), time.monotonic()
    chosen = [this.registry.source(n) for n in only] or list(this.registry.sources.values())
    summary = Summary()
    with db.lock(this.settings, "run"):
        for source in chosen:
            if not extract.reachable(source, this.settings):
                summary.skipped.append(source.name)
                continue
            try:
                summary.deliveries[source.name] = _ingest(this, source)
            except JichuError:
                raise
            except Exception as e:  # one dataset's defect must not stop the others
                log.error("%s: %s", source.name, type(e).__name__)
                log.debug("%s", where(e))
                summary.failures[source.name] = f"{type(e).__name__}"
        for library in this.registry.ordered_libraries():
            try:
                summary.libraries[library.name] = _integrate(this, library)
            except JichuError:
                raise
            except Exception as e:
                log.error("%s: %s", library.name, type(e).__name__)
                log.debug("%s", where(e))
                summary.failures[library.name] = f"{type(e).__name__}"
        if not summary.failures and any(x["state"] == "published" for x in summary.libraries.values()):
            _catalogue(this)
        for stranger in extract.strangers(this.registry, this.settings):
            this.say(f"投递文件夹里有不认识的数据集：{stranger}")
    summary.seconds = time.monotonic() - began
    return summary


def catalogue(out: str | None = None, as_of: str | None = None) -> dict[str, Any]:
    """Brings themes and catalogue up to what is published (the DAG's task); with `out` exports the catalogue there."""
    from etl import catalog

    this = start(as_of=as_of)
    done: dict[str, Any] = _catalogue(this)
    if out:
        done["files"] = [str(f) for f in catalog.export(this.settings, Path(out))]
    return done


def _catalogue(run: Run) -> dict[str, Any]:
    from etl import catalog

    with run.stage("catalog", "refresh"):
        themes = catalog.themes(run.settings)
        return {"themes": themes, **catalog.refresh(run.settings, run.registry)}


def report(owner: str | None = None, out: str | None = None, send: bool = False, as_of: str | None = None) -> dict[str, Any]:
    """Builds the owners' quality reports and, with `send`, mails them (the DAG's task)."""
    from etl import check
    from etl import report as reports

    this = start(as_of=as_of)
    folder = Path(out) if out else this.settings.home / "reports" / f"{this.settings.today:%Y%m%d}"
    built = reports.build(this.settings, this.registry, owner, folder, check.scores(this.settings.database_url, this.settings.today))
    sent = reports.send(this.settings, this.registry, built) if send else []
    states = [s.state for s in sent]
    return {"reports": len(built), "sent": states.count("sent"), "queued": states.count("queued"), "folder": str(folder)}
