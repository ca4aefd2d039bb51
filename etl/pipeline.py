"""The whole story: ingest each dataset, integrate each library, report to each owner. The only module that knows the order.

`jichu run` and the Airflow DAGs call the same functions. Nothing heavy is imported until it is needed, so that a DAG
file that imports this module parses in no time.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from etl import observe, spec
from etl.errors import DeliveryRefused, JichuError, of_the_machine, where
from etl.run import Run, start
from etl.spec import Library, Source

if TYPE_CHECKING:
    import duckdb
    from psycopg2.extensions import connection as Connection

    from etl.books import Books
    from etl.check import Outcome
    from etl.extract import Waiting
    from etl.load import Change, Taken
    from etl.workbench import Workbench

    Decided = Callable[[Connection], None]  # writes a person's decision within the transaction that carries it out

log = logging.getLogger("jichu")
TOLD = {
    "rows_in": "收",
    "rows_new": "新",
    "rows_changed": "变",
    "rows_unchanged": "同",
    "rows_duplicate": "重",
    "rows_quarantined": "隔离",
    "rows_removed": "去",
}


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


# ── one dataset ──────────────────────────────────────────────────────────────────────────────────────────────────


@observe.task
def ingest(dataset: str, as_of: str | None = None) -> dict[str, Any]:
    """Takes every waiting delivery of a dataset, oldest first (the DAG's task). Returns states and counts."""
    from etl import db

    run = start(as_of=as_of)
    with db.lock(run.settings, "run", shared=True):
        return {"dataset": dataset, "deliveries": _ingest(run, run.registry.source(dataset))}


def _ingest(run: Run, source: Source) -> list[dict[str, Any]]:
    from etl import books, db, extract, load

    done: list[dict[str, Any]] = []
    with db.lock(run.settings, source.name), db.session(run.settings) as con:
        known = books.read(con, source)
        for waiting in extract.find(source, run.settings, since=known.watermark):
            mark = extract.fingerprint(source, waiting)
            if known.settled(waiting.delivered_on, mark):
                continue
            if known.held:
                break  # later deliveries wait for the decision
            day = waiting.delivered_on
            taken = load.Taken(source.name, f"{day:%Y%m%d}-{(mark or 'unread')[:8]}", day, source.delivery.kind, mark or "", None)
            try:
                known.admit(source, day, mark)
                outcome = _take(run, con, source, waiting, known)
            except DeliveryRefused as e:
                run.proceed()
                state = "held" if e.code == "changed_after_load" else "rejected"
                load.reject(con, taken, state, str(e))
                outcome = {"delivery_id": taken.delivery_id, "delivered_on": str(day), "state": state, "reason": str(e)}
            if outcome:
                done.append(outcome)
                observe.delivery(run, source, outcome)
                run.say(_told(source, outcome))
            known = books.read(con, source)
    return done


def _take(run: Run, con: Connection, source: Source, waiting: Waiting, books: Books) -> dict[str, Any] | None:
    """Lands one delivery and applies it. None when it turns out to be on the books already."""
    from etl import extract, load

    with run.stage(source.name, "land") as told:
        landed = extract.land(source, waiting, run.settings)
        told["rows"] = landed.rows_in
    same_day = any(d == landed.delivered_on and state == "loaded" for d, _, state, _ in books.entries)
    if any(i == landed.delivery_id for _, i, _, _ in books.entries) or (same_day and landed.rows_in == 0):
        return None
    taken = load.Taken(
        source.name, landed.delivery_id, landed.delivered_on, source.delivery.kind, landed.content_sha256, landed.watermark, landed.notes
    )
    return apply(run, con, source, taken, landed.rows, books)


def apply(
    run: Run, con: Connection, source: Source, taken: Taken, rows: Path, books: Books, decided: Decided | None = None
) -> dict[str, Any]:
    """clean → account → check → commit, or held with its reason. `decided`: a person said to load it as it is; that is
    written in the same transaction."""
    from etl import check, clean, engine, hold, load, migrate, tickets
    from etl.account import account

    migrate.staging(con, run.registry, source)
    con.commit()
    with engine.session(run.settings) as duck:
        scratch = engine.folder(duck)
        cleaned = scratch / "cleaned.parquet"
        try:
            with run.stage(source.name, "clean") as told:
                memo = clean.memo(run.settings, run.registry, source) if taken.kind == "full" else None
                cleaned = clean.clean(duck, run.registry, source, rows, cleaned, run.settings.today, memo)
                if memo:
                    clean.remember(cleaned, memo)
                told["rows"] = engine.count(duck, f"select count(*) from read_parquet('{cleaned}')")
            with run.stage(source.name, "account"):
                before = load.snapshot(run.settings, con, duck, run.registry, source)
                counted = account(duck, cleaned, before, full=taken.kind == "full", day=taken.delivered_on)
            with run.stage(source.name, "profile"):  # a retry of a few refused rows is like no delivery
                profile = check.look(duck, cleaned, run.registry, source, taken.delivered_on) if taken.kind != "replay" else None
                outcomes = check.unlike(source, profile, check.history(con, source, taken.delivered_on)) if profile else []
            told_so = {"delivery_id": taken.delivery_id, "delivered_on": str(taken.delivered_on), **counted.as_dict()}
            reason = None if decided else _too_different(source, taken.kind, counted, books)
            if reason:
                seen = hold.reasons(duck) + check.listed(check.failed(outcomes))
                load.reject(con, taken, "held", reason, counted, lambda c: hold.put(c, source.name, taken.delivery_id, seen))
                return told_so | {"state": "held", "reason": reason}
            with run.stage(source.name, "check"):
                load.changes(duck, taken, cleaned, before, vintages=source.delivery.vintages)
                waiting = load.candidate(con, duck, source, scratch)
                outcomes += _checked(run, source, waiting, duck, cleaned)
            run.proceed()  # where a check was interrupted it looks broken
            critical = check.critical(outcomes)
            if critical and not decided:
                reason = "too_many_bad: 严重检查未过：" + "；".join(f"{o.expectation}（{o.failed} 行）：{o.because}" for o in critical)
                seen = check.listed(critical)
                load.reject(con, taken, "held", reason, counted, lambda c: hold.put(c, source.name, taken.delivery_id, seen))
                return told_so | {"state": "held", "reason": reason}

            def beside(c: Connection) -> None:
                load.write_results(c, outcomes, taken.delivery_id)
                tickets.follow_dataset(c, run.registry, source.name, taken.delivery_id, run.settings.today)
                if profile:
                    check.keep(c, source, taken.delivery_id, profile)
                if decided:
                    decided(c)

            with run.stage(source.name, "commit") as told:
                load.commit(con, duck, source, taken, counted, rows, cleaned, scratch, beside)
                load.keep_snapshot(run.settings, con, duck, run.registry, source, before, taken)
                told["rows"] = counted.rows_new + counted.rows_changed
        finally:
            cleaned.unlink(missing_ok=True)
    return told_so | {"state": "loaded"}


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
    counts = " ".join(f"{word}{outcome[name]}" for name, word in TOLD.items()) if outcome["state"] == "loaded" else outcome["reason"]
    return f"{source.name} {outcome['delivered_on']} {words} {counts}"


# ── one library ──────────────────────────────────────────────────────────────────────────────────────────────────


@observe.task
def integrate(library: str, as_of: str | None = None) -> dict[str, Any]:
    """Matches, merges, checks and publishes a library (the DAG's task). Returns what was written."""
    from etl import db

    run = start(as_of=as_of)
    with db.lock(run.settings, "run", shared=True):
        return renew(run, run.registry.libraries[library])


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


def renew(
    run: Run, library: Library, released: Mapping[tuple[str, str], int] | None = None, decided: Decided | None = None
) -> dict[str, Any]:
    """Computes a library anew unless nothing it depends on has changed, and publishes it or holds the candidate.

    `released`: the failures that a person has seen and lets pass this once, (table, check) → rows; what fails besides, or
    in more rows, holds again. `decided` writes that down in the transaction that publishes.
    """
    from etl import check, db, engine, inputs

    with db.lock(run.settings, f"library {library.name}"), db.session(run.settings, autocommit=True) as con:
        read = inputs.fingerprint(run.settings, run.registry, con, library)
        last = db.rows(con, "select state, inputs from ops.publication where library = %s order by sequence desc limit 1", [library.name])
        if last == [("published", read)]:
            return {"library": library.name, "state": "unchanged"}
        with engine.connect(run.settings) as duck:
            bench = lay_out(run, con, duck, library)
            for step in _steps(library.name):
                with run.stage(library.name, f"{step.__module__.split('.')[1]}.{step.__name__}"):
                    step(bench)
            changes, outcomes = _publish(run, duck, library, read, released or {}, decided)
    held = [f"{o.target} {o.expectation}" for o in check.critical(outcomes)] if not changes else []
    wrote = "，".join(f"{c.table} 写 {c.written} 删 {c.deleted}" for c in changes if c.written or c.deleted)
    run.say(f"{library.title} {'挂起：' + '、'.join(held) if held else '已发布：' + (wrote or '内容没有变化')}")
    tables = {c.table: [c.written, c.deleted] for c in changes}
    outcome = {"library": library.name, "state": "published" if changes else "held", "held": held, "tables": tables}
    observe.publication(run, library, outcome)
    return outcome


def lay_out(run: Run, con: Connection, duck: duckdb.DuckDBPyConnection, library: Library) -> Workbench:
    """The library under construction, with all that it is computed from."""
    from etl import db, inputs, load
    from etl.workbench import Workbench, lay, read_published

    bench, folder = Workbench(duck, run.settings, run.registry, library), run.settings.home / "cache" / load.instance(con)
    with run.stage(library.name, "read"):
        fed = {s.name: s for n in library.inputs for s, _ in run.registry.feeding(f"{library.name}.{n}")}
        if library.name == "geospatial":  # every department's address texts
            fed |= {s.name: s for s in run.registry.sources.values() if any(c.rule == "address" for c in s.columns.values())}
        known = {r[0] for r in db.rows(con, "select distinct dataset from ops.delivery where state = 'loaded'")}
        snapshots = {n: load.snapshot(run.settings, con, duck, run.registry, s) for n, s in sorted(fed.items()) if n in known}
        past = {n: load.past(run.settings, con, duck, run.registry, fed[n]) for n in snapshots}
        shelves = {t: inputs.shelf(run.settings, con, library, t, folder) for t in library.reads}
        lay(bench, snapshots, past, {t: read_published(run.registry, con, duck, t, shelf) for t, shelf in shelves.items()})
    return bench


def _publish(
    run: Run,
    duck: duckdb.DuckDBPyConnection,
    library: Library,
    read: str,
    released: Mapping[tuple[str, str], int],
    decided: Decided | None,
) -> tuple[list[Change], list[Outcome]]:
    """The candidate is checked, then published in one transaction with what stands beside it, or held (no changes)."""
    from etl import check, db, hold, load, tickets

    found_of: dict[str, list[Outcome]] = {}

    def outcomes() -> list[Outcome]:
        return [o for t in library.tables for o in found_of.get(t, [])]

    def suite(table: str, candidate: str) -> str | None:  # in several threads
        found = found_of[table] = _suite(run, table.replace(".", "/"), table, candidate)
        critical = check.critical(found)
        if all(o.failed <= released.get((o.target, o.expectation), -1) for o in critical):
            return None
        return "；".join(f"{table} {o.expectation}（{o.failed} 行）：{o.because}" for o in critical)

    def beside(c: Connection) -> None:
        load.beside.write(c, duck, library.name, run.settings)  # edges, members, disagreements
        check.concerned(c, run.registry, library, outcomes(), run.settings.today, candidate=False)
        tickets.follow_library(c, run.registry, library.name, run.settings.today)
        load.write_results(c, outcomes(), None)
        if decided:
            decided(c)

    def refused(c: Connection, sequence: int | None) -> None:  # what the checks said is kept all the same, and told
        check.concerned(c, run.registry, library, outcomes(), run.settings.today, candidate=True)
        tickets.follow_library(c, run.registry, library.name, run.settings.today)
        load.write_results(c, outcomes(), None)
        if sequence:
            load.beside.measure(c, duck, library.name, run.settings)
            hold.put(c, library.name, str(sequence), check.listed(check.critical(outcomes())))

    with db.transaction(run.settings) as c:  # checks ask who says what
        tickets.declare_sources(c, run.registry, library.name)
    with run.stage(library.name, "publish") as told:
        changes = load.publish(run.settings, duck, library, read, suite, beside, refused)
        told["rows"] = sum(c.written for c in changes)
    return changes, outcomes()


# ── everything ───────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Summary:
    """What a whole run did: outcomes per dataset and library, and whether anything wants a person's eye."""

    deliveries: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    libraries: dict[str, dict[str, Any]] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    waiting: list[str] = field(default_factory=list)  # what an earlier run held or refused, and nobody has settled yet
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        states = [d["state"] for each in self.deliveries.values() for d in each] + [x["state"] for x in self.libraries.values()]
        return 1 if self.failures else 3 if {"rejected", "held"} & set(states) else 0


@observe.task
def run(drop: Path | None = None, only: Sequence[str] = (), as_of: str | None = None, say: Callable[[str], None] | None = None) -> Summary:
    """The whole pipeline in dependency order in this process. `only`: those datasets and everything downstream of them."""
    from etl import db, extract

    this, began = start(drop, as_of, say), time.monotonic()
    chosen = [this.registry.source(n) for n in dict.fromkeys(only)] or list(this.registry.sources.values())
    summary = Summary()
    with db.lock(this.settings, "run") as held:
        summary.skipped = [s.name for s in chosen if not extract.reachable(s, this.settings)]
        _ingest_all(this, [s for s in chosen if s.name not in summary.skipped], summary, held)
        for library in this.registry.ordered_libraries():
            with _apart(this, summary, library.name, held):
                summary.libraries[library.name] = renew(this, library)
        if not summary.failures and _behind(this):
            _catalogue(this)
        for stranger in extract.strangers(this.registry, this.settings):
            this.say(f"投递文件夹里有不认识的数据集：{stranger}")
    summary.waiting = _still_waiting(this, summary)
    summary.seconds = time.monotonic() - began
    return summary


def _still_waiting(run: Run, summary: Summary) -> list[str]:
    """What is held, and datasets whose newest delivery was refused, unless this run has said so itself."""
    from etl import db, hold

    told = {n for n, each in summary.deliveries.items() if any(d["state"] != "loaded" for d in each)}
    told |= {n for n, x in summary.libraries.items() if x["state"] == "held"}
    newest = "select distinct on (dataset) dataset, delivery_id, state from ops.delivery order by dataset, sequence desc"
    refused = [(dataset, ident, "拒收") for dataset, ident, state in db.query(run.settings, newest) if state == "rejected"]
    held = [(p.what, p.id, "挂起") for p in hold.pending(run.settings)]
    return [f"{what} {ident}（{state}）" for what, ident, state in held + refused if what not in told]


def _ingest_all(run: Run, chosen: Sequence[Source], summary: Summary, held: Callable[[], None]) -> None:
    """Every dataset of `chosen`, several at a time. The summary tells of them in that order, whichever was done first."""
    from etl import abreast, engine

    at_once = abreast.places(run.settings, len(chosen))
    alike = replace(run, settings=abreast.share(run.settings, at_once), say=abreast.in_turn(run.say))

    def one(source: Source, proceed: Callable[[], None]) -> None:
        mine = replace(alike, proceed=proceed)
        with _apart(mine, summary, source.name, held):
            summary.deliveries[source.name] = _ingest(mine, source)

    with engine.keeping():
        abreast.each(_largest_first(run, chosen), one, at_once)
    summary.deliveries = {s.name: summary.deliveries[s.name] for s in chosen if s.name in summary.deliveries}
    summary.failures = {s.name: summary.failures[s.name] for s in chosen if s.name in summary.failures}


def _largest_first(run: Run, chosen: Sequence[Source]) -> list[Source]:
    """So that no large one is left alone at the end: by the rows of its last delivery, before the first by the size of its files. A database
    or an API of which nothing is known yet comes first: departments open theirs for large registers."""
    from etl import db, extract

    last = "select distinct on (dataset) dataset, rows_in from ops.delivery where state = 'loaded' and kind <> 'replay' order by dataset, sequence desc"
    rows: dict[str, float] = dict(db.query(run.settings, last))

    def size(source: Source) -> float:
        known = rows.get(source.name)
        return extract.estimate(source, run.settings) if known is None else known

    return sorted(chosen, key=size, reverse=True)


@contextmanager
def _apart(run: Run, summary: Summary, name: str, held: Callable[[], None]) -> Iterator[None]:
    """One dataset's or library's defect must not stop the others; a lost connection or a full disk is nobody's, and stops the run."""
    held()
    try:
        yield
    except JichuError:
        raise
    except Exception as e:
        run.proceed()  # what fails when it is broken off is no failure
        held()
        if said := of_the_machine(e):
            raise JichuError(said) from None
        log.error("%s: %s", name, type(e).__name__)
        log.debug("%s", where(e))
        summary.failures[name] = type(e).__name__


@observe.task
def catalogue(out: str | None = None, as_of: str | None = None) -> dict[str, Any]:
    """Brings themes and catalogue up to what is published (the DAG's task); with `out` exports the catalogue there."""
    from etl import catalog

    this = start(as_of=as_of)
    done: dict[str, Any] = _catalogue(this)
    if out:
        done["files"] = [str(f) for f in catalog.export(this.settings, Path(out))]
    return done


def _behind(run: Run) -> bool:
    """Whether something was published since catalogue and counties were last brought up to date: by this run, or one that was killed."""
    from etl import db

    sql = """
        select coalesce(max(p.published_at) > (select max(at) from ops.stage where what = 'exchange' and stage = 'counties'), count(*) > 0)
        from ops.publication p where p.state = 'published'
    """
    return bool(db.query(run.settings, sql)[0][0])


def _catalogue(run: Run) -> dict[str, Any]:
    from etl import catalog, check, exchange

    with run.stage("quality", "scores"):
        check.keep_scores(run.settings, check.scores(run.settings.database_url, run.settings.today), run.settings.today)
    with run.stage("catalog", "refresh"):
        done = {"themes": catalog.themes(run.settings), **catalog.refresh(run.settings, run.registry)}
    with run.stage("exchange", "counties"):  # what a county may see follows from the catalogue
        return {**done, "counties": exchange.build_counties(run.settings, run.registry)}


@observe.task
def site(out: str | None = None, as_of: str | None = None) -> dict[str, Any]:
    """Builds the quality site and the data dictionary (JICHU_HOME/site, or `out`)."""
    from etl import check
    from etl import site as pages
    from etl.check.scores import weights

    this, began = start(as_of=as_of), time.monotonic()
    scores = check.scores(this.settings.database_url, this.settings.today)
    built = pages.build(this.settings, this.registry, Path(out) if out else this.settings.home / "site", scores, weights())
    seconds = round(time.monotonic() - began, 2)
    return {"pages": built.pages, "bytes": built.size, "index": str(built.folder / "index.html"), "seconds": seconds}


@observe.task
def unpunctual(as_of: str | None = None) -> dict[str, list[str]]:
    """Dataset → late, short, empty or repeated, in words (the DAG's task)."""
    from etl import deadlines

    return deadlines.unpunctual(start(as_of=as_of).settings)


@observe.task
def report(
    owner: str | None = None, out: str | None = None, send: bool = False, as_of: str | None = None, leaders: bool = False
) -> dict[str, Any]:
    """Builds the owners' quality reports, or the `leaders`' page of the month, and with `send` mails them (the DAG's task)."""
    from etl import check
    from etl import report as reports

    this = start(as_of=as_of)
    folder = Path(out) if out else this.settings.home / "reports" / f"{this.settings.today:%Y%m%d}"
    scores = check.scores(this.settings.database_url, this.settings.today)
    check.keep_scores(this.settings, scores, this.settings.today)
    if leaders:
        built = [reports.leaders(this.settings, this.registry, folder, scores)]
    else:
        built = reports.build(this.settings, this.registry, owner, folder, scores)
    sent = reports.send(this.settings, this.registry, built) if send else []
    states = [s.state for s in sent]
    told = {state: states.count(state) for state in ("sent", "queued", "quiet", "already")}
    return {"reports": len(built), **told, "folder": str(folder)}
