"""What people decide: a held delivery or library is released or discarded, refused rows are tried again after a mend.

The command line and the Airflow page (dags/decisions.py) call the same functions; every decision stands in ops.decision.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from etl import errors, observe, pipeline
from etl.errors import UsageError
from etl.run import Run, start
from etl.spec.registry import nearest

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

    from etl.hold import Pending
    from etl.load import Taken
    from etl.spec import Source

Say = Callable[[str], None]
RELEASED, DISCARDED = "released", "discarded"
ROWS = {"rows_in": "收到", "rows_quarantined": "将被隔离", "rows_removed": "不再出现"}


@observe.task
def decide(
    what: str,
    which: str = "",
    *,
    release: bool,
    by: str,
    why: str,
    via: str = "command",
    as_of: str | None = None,
    drop: Path | None = None,
    say: Say | None = None,
) -> dict[str, Any]:
    """Releases or discards what is held of a dataset or library; who and why are recorded with it.

    `which`: the delivery's id or date, or the publication's number; only needed where several are held. A released
    delivery is loaded, a released library published, in spite of what had held it, this once. AlreadyDecided when
    somebody was faster.
    """
    if not by.strip() or not why.strip():
        raise UsageError("要写明谁决定、为何：--by 与 --why 都不能为空")
    run = start(drop, as_of, say)
    known = [*run.registry.sources, *run.registry.libraries]
    if what not in known:
        raise UsageError(f"没有数据集或库 {what}；{nearest(what, known)}")
    note = _Note(what, RELEASED if release else DISCARDED, by.strip(), why.strip(), via)
    return (_library if what in run.registry.libraries else _delivery)(run, what, which, note)


class _Note:
    """A decision on its way into the books."""

    def __init__(self, what: str, decision: str, by: str, why: str, via: str):
        self.what, self.decision, self.by, self.why, self.via = what, decision, by, why, via

    def write(self, con: Connection, ident: str) -> None:
        """Within the caller's transaction."""
        from etl import hold

        hold.decided(con, self.what, ident, self.decision, self.by, self.why, self.via)


def _one(run: Run, what: str, which: str) -> Pending:
    """The one thing that is meant; the error names what is held instead, or who decided before."""
    from etl import db, hold

    held = hold.pending(run.settings, what)
    found = [p for p in held if p.id.startswith(which)]
    if len(found) == 1:
        return found[0]
    if which and not found:
        with db.transaction(run.settings) as con:
            hold.earlier(con, what, which)
    noun = "交付" if "/" in what else "候选"
    raise UsageError(f"{what} 没有挂起的{noun} {which}".rstrip() + f"；挂起的有：{'、'.join(p.id for p in held) or '无'}")


def _delivery(run: Run, dataset: str, which: str, note: _Note) -> dict[str, Any]:
    from etl import books, db

    source = run.registry.source(dataset)
    with db.lock(run.settings, "run", shared=True), db.lock(run.settings, source.name):
        held = _one(run, dataset, which)

        def decided(con: Connection) -> None:
            note.write(con, held.id)
            sql = "update ops.delivery set state = %s, decided_by = %s, decided_why = %s where dataset = %s and delivery_id = %s"
            db.rows(con, sql, ["loaded" if note.decision == RELEASED else "discarded", note.by, note.why, dataset, held.id])

        con = db.connect(run.settings)
        try:
            if note.decision == RELEASED:
                taken, rows = _landed(run, con, source, held.id)
                outcome = pipeline.apply(run, con, source, taken, rows, books.read(con, source), decided)
                observe.delivery(run, source, outcome)
                return outcome
            with con:
                decided(con)
            return {"delivery_id": held.id, "delivered_on": str(held.day), "state": "discarded"}
        finally:
            con.close()


def _landed(run: Run, con: Connection, source: Source, delivery: str) -> tuple[Taken, Path]:
    """The held delivery as it is on the books, and its rows: of its landing, else landed now."""
    from etl import books, db, extract, load

    sql = "select delivered_on, content_sha256, watermark, notes from ops.delivery where dataset = %s and delivery_id = %s"
    ((day, sha, watermark, notes),) = db.rows(con, sql, [source.name, delivery])
    landed = next((x for x in extract.replayable(source, run.settings) if x.delivery_id == delivery), None)
    if not landed:
        waiting = [w for w in extract.find(source, run.settings, since=books.read(con, source).watermark) if w.delivered_on == day]
        if not waiting:
            gone = db.rows(
                con,
                "select to_char(pruned_at, 'YYYY-MM-DD') from ops.pruned where dataset = %s and delivery_id = %s",
                [source.name, delivery],
            )
            when = f"已于 {gone[0][0]} 按保存期限删除（jichu prune）" if gone else "不在了"
            raise UsageError(f"{source.name} {delivery}：落地副本{when}，投递文件夹里也没有这次交付，无法放行")
        landed = extract.land(source, waiting[0], run.settings)
    return load.Taken(source.name, delivery, day, source.delivery.kind, sha, watermark, tuple(notes)), landed.rows


def _library(run: Run, name: str, which: str, note: _Note) -> dict[str, Any]:
    from etl import db

    with db.lock(run.settings, "run", shared=True):
        held = _one(run, name, which)
        if note.decision == DISCARDED:
            with db.transaction(run.settings) as con:
                note.write(con, held.id)
                db.rows(con, "update ops.publication set state = 'discarded' where sequence = %s", [held.id])
            return {"library": name, "state": "discarded"}
        seen = {(f["target"], f["check"]): int(f["rows"]) for f in held.failed}
        done = pipeline.renew(run, run.registry.libraries[name], seen, lambda con: note.write(con, held.id))
    if done["state"] == "held":
        raise UsageError(f"{name} 没有发布：放行之后又算出的候选有新的严重检查未过（{'、'.join(done['held'])}）；请看新挂起的候选")
    return done


@observe.task
def replay(dataset: str, as_of: str | None = None, say: Say | None = None) -> dict[str, Any]:
    """Tries the open quarantined rows again, after a rule or a code table was mended; counted like a delivery."""
    from etl import books, db, engine, load
    from etl.replay import requeue

    run = start(as_of=as_of, say=say)
    source = run.registry.source(dataset)
    with db.lock(run.settings, "run", shared=True), db.lock(run.settings, source.name):
        con = db.connect(run.settings)
        try:
            with engine.connect(run.settings) as duck:
                rows, tried = requeue(con, duck, source, run.settings.home)
                pruned = _pruned(con, dataset)
                if not tried:
                    return {"dataset": dataset, "state": "nothing", "rows_in": 0, "pruned": pruned}
                stamp, day = hashlib.sha256(rows.read_bytes()).hexdigest(), run.settings.today
                taken = load.Taken(dataset, f"{day:%Y%m%d}-replay-{run.run_id[:8]}", day, "replay", stamp, None)
                outcome = pipeline.apply(run, con, source, taken, rows, books.read(con, source), lambda con: None)
                observe.delivery(run, source, outcome)
            return {"dataset": dataset, "pruned": pruned, **outcome}
        finally:
            con.close()


def _pruned(con: Connection, dataset: str) -> list[str]:
    """Deliveries of a dataset whose landing is gone, the latest last: what they refused is tried from the record kept with the refusal."""
    from etl import db

    return [
        r[0] for r in db.rows(con, "select delivery_id from ops.pruned where dataset = %s order by delivered_on, delivery_id", [dataset])
    ]


# ── the Airflow page ─────────────────────────────────────────────────────────────────────────────────────────────


@errors.private
def questions(as_of: str | None = None) -> list[dict[str, str]]:
    """What is held and nobody is being asked about yet, each as a question: what, id, subject and body (Markdown), without
    any person's data. From now on it counts as asked about."""
    from etl import hold

    run = start(as_of=as_of)
    return [{"what": p.what, "ident": p.id, "subject": _subject(run, p), "body": _body(run, p)} for p in hold.claim(run.settings)]


@errors.private
def still_open(what: str, ident: str) -> bool:
    """Whether a question still waits for its answer; nobody else asks it while this is called every few minutes."""
    from etl import hold

    return hold.still_asked(start().settings, what, ident)


@observe.task
def answer(what: str, ident: str, *, release: bool, by: str, why: str, as_of: str | None = None) -> dict[str, Any]:
    """Carries out an answer given on the Airflow page, then takes the dataset's later deliveries. What was decided meanwhile
    is not decided again: `state` is then `already`, and `said` says by whom."""
    from etl.hold import AlreadyDecided

    try:
        outcome = decide(what, ident, release=release, by=by, why=why, via="airflow", as_of=as_of)
    except AlreadyDecided as e:
        outcome = {"state": "already", "said": str(e)}
    if "/" in what:
        outcome["later"] = pipeline.ingest(what, as_of)["deliveries"]
    return outcome


def _title(run: Run, p: Pending) -> str:
    if p.kind == "library":
        return run.registry.libraries[p.what].title
    source = run.registry.source(p.what)
    return f"{run.registry.departments[source.department].title}《{source.title}》"


def _subject(run: Run, p: Pending) -> str:
    return f"{_title(run, p)}{f' {p.day} 的交付' if p.kind == 'delivery' else '的候选'}挂起：{p.reason.split(': ')[0].split('（')[0]}"


def _body(run: Run, p: Pending) -> str:
    """What an engineer must know to decide: what is held and why, how many rows, what either answer does."""
    told = [
        f"**{_title(run, p)}** `{p.what}`，{'交付' if p.kind == 'delivery' else '发布记录'} `{p.id}`，{p.held_at:%Y-%m-%d %H:%M} 挂起。",
        p.reason,
    ]
    counted = {word: getattr(p, name) for name, word in ROWS.items()}
    if p.kind == "delivery" and p.rows_in:
        told.append("，".join(f"{word} {rows:,} 行" for word, rows in counted.items()) + "。")
    if p.failed:
        lines = [
            f"| {f.get('target') or ''} | {f['check']} | {f['column'] or ''} | {f['rows'] or ''} | {f['because'] or ''} |" for f in p.failed
        ]
        told.append("\n".join(["| 表 | 未过的检查或隔离原因 | 列 | 行数 | 说明 |", "| --- | --- | --- | ---: | --- |", *lines]))
    if p.kind == "delivery":
        told.append("**放行**：照样装载，坏行仍隔离，随后的交付接着装载。**弃用**：当作没有来过，随后的交付接着装载。")
    else:
        told.append(
            "**放行**：照样发布，只此一次，下次仍要检查。**弃用**：不发布，分析人员仍用上一次的内容；输入变化后重新计算、重新检查。"
        )
    told.append(f"也可以用命令：`jichu release|discard {p.what} {p.id} --by 姓名 --why 理由`；那样决定之后，这里几分钟内自行结束。")
    return "\n\n".join(told)
