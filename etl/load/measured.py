"""How good the linkage of this run is, written beside its publication: match.quality_run, match.blocking. Counts and shares only."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
from psycopg2.extensions import connection as Connection

from etl import db
from etl.engine import count, folder
from etl.settings import Settings

ALARM = {"person": 200, "entity": 50_000}  # records of one from which on somebody should look; an employer is named by all its people
Z = 1.959964  # of a 95 % interval
SMOOTHED = 1e-4  # the least share in a stability index: a level that never occurs has no logarithm


def write(con: Connection, duck: duckdb.DuckDBPyConnection, library: str, kind: str, settings: Settings, sequence: int) -> None:
    """Writes the figures of one publication (or of a candidate that was held), before the members of today replace yesterday's."""
    found = _counted(duck, kind)
    found |= {"model": None, **_drift(con, duck, library)} if kind == "person" else {"model": None}
    if kind == "person":
        found["model"] = duck.execute("select version from matched.model").fetchall()[0][0]
        _blocking(con, duck, library, sequence)
    found |= judged(con, kind, found["model"] or "", settings)
    found |= {"library": library, "publication": sequence, "published_on": settings.today, "alarm_size": ALARM[kind]}
    names = list(found)
    db.rows(
        con,
        f"insert into match.quality_run ({', '.join(names)}) values ({', '.join(['%s'] * len(names))}) on conflict (library, publication) do nothing",
        [json.dumps(v, ensure_ascii=False) if isinstance(v, dict) else v for v in found.values()],
    )


def _counted(duck: duckdb.DuckDBPyConnection, kind: str) -> dict[str, Any]:
    """Sizes, records by rule, and how many records have another id than at the last publication."""
    member, ident = f"matched.{kind}_member", f"{kind}_id"
    duck.execute(f"""
        create or replace temp table moved_id as
        select p.{ident} as before, m.{ident} as now, count(*) as records
        from published.{kind}_member p join {member} m using (dataset, source_key, role) group by all
    """)
    ((records, clusters, largest, over),) = duck.execute(f"""
        select coalesce(sum(n), 0)::bigint, count(*), coalesce(max(n), 0), count(*) filter (where n > {ALARM[kind]}) from (select count(*) as n from {member} group by {ident})
    """).fetchall()
    ((known, moved),) = duck.execute(
        "select coalesce(sum(records), 0)::bigint, coalesce(sum(records) filter (where before <> now), 0)::bigint from moved_id"
    ).fetchall()
    rules = dict(duck.execute(f"select coalesce(rule, ''), count(*) from {member} group by 1 order by 1").fetchall())
    return {
        "records": records,
        "clusters": clusters,
        "edges": rules,
        "records_known": known,
        "records_moved": moved,
        "share_moved": moved / known if known else 0.0,
        "merged": count(duck, "select count(*) from matched.redirected"),
        "split": count(duck, "select count(*) from (select before from moved_id group by before having count(distinct now) > 1)"),
        "largest": largest,
        "over_alarm": over,
    }


def _blocking(con: Connection, duck: duckdb.DuckDBPyConnection, library: str, sequence: int) -> None:
    duck.execute(
        f"create or replace temp view shipped as select '{library}' as library, {sequence} as publication, stage, rule, pairs, budget, refused_pairs, refused_values, refused from matched.blocking"
    )
    db.copy_in(con, duck, "shipped", "match.blocking", folder(duck))


# ── drift ────────────────────────────────────────────────────────────────────────────────────────────────────────

Shares = Mapping[str, Mapping[str, float]]


def stability(observed: Mapping[str, float], expected: Mapping[str, float]) -> float:
    """Population stability index of two distributions over levels: below 0.1 nothing, above 0.25 something has changed."""
    total = 0.0
    for level in {*observed, *expected}:
        o, e = max(observed.get(level, 0.0), SMOOTHED), max(expected.get(level, 0.0), SMOOTHED)
        total += (o - e) * math.log(o / e)
    return total


def _drift(con: Connection, duck: duckdb.DuckDBPyConnection, library: str) -> dict[str, Any]:
    """Levels among the accepted links beside the model's m, and beside those of the last publication."""
    seen: dict[str, dict[str, float]] = {}
    expected: dict[str, dict[str, float]] = {}
    for comparison, level, share, m in duck.execute("select comparison, level, share, expected from matched.level_share").fetchall():
        seen.setdefault(comparison, {})[level] = round(share, 6)
        expected.setdefault(comparison, {})[level] = m
    drift = {c: round(stability(seen[c], expected[c]), 4) for c in sorted(seen)}
    last = db.rows(
        con,
        "select q.levels from match.quality_run q join ops.publication p on p.sequence = q.publication "
        "where q.library = %s and p.state = 'published' order by q.publication desc limit 1",
        [library],
    )
    since = [stability(seen[c], last[0][0][c]) for c in seen if c in last[0][0]] if last else []
    return {
        "levels": seen,
        "drift": drift,
        "drift_most": max(drift.values(), default=None),
        "drift_since_last": round(max(since), 4) if since else None,
    }


# ── what people said of the sample ───────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Stratum:
    """Pairs of one kind: how many there are, how many were judged, how many of these are one party."""

    linked: bool
    size: int
    judged: int
    same: int


def wilson(share: float, n: float) -> tuple[float, float]:
    """The 95 % interval of a share that n independent trials gave (Wilson, 1927); (0, 1) of none."""
    if n <= 0:
        return 0.0, 1.0
    middle, spread = share + Z * Z / (2 * n), Z * math.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
    return max(0.0, (middle - spread) / (1 + Z * Z / n)), min(1.0, (middle + spread) / (1 + Z * Z / n))


def estimate(strata: Iterable[Stratum]) -> tuple[float, float, float] | None:
    """(share, low, high) over all strata, each weighed by its size; None when nothing was judged.

    The interval is Wilson's with the number of judgements that a simple sample would need to be as certain (Kish); a stratum in which
    nobody judged anything is left out of both.
    """
    known = [s for s in strata if s.judged]
    if not known:
        return None
    whole = sum(s.size for s in known)
    share = sum(s.size / whole * s.same / s.judged for s in known)
    effective = 1 / sum((s.size / whole) ** 2 / s.judged for s in known)
    return share, *wilson(share, effective)


def judged(con: Connection, kind: str, model: str, settings: Settings) -> dict[str, Any]:
    """Precision and recall as the judgements of sampled pairs tell them (this model version's samples alone).

    Recall is that among the pairs that were compared: what no blocking rule finds is in no sample.
    """
    strata = [
        Stratum(*row)
        for row in db.rows(
            con,
            "select s.linked, max(s.stratum_size), count(*) filter (where j.verdict in ('same', 'different')), count(*) filter (where j.verdict = 'same') "
            "from match.sample s left join match.judgement j on j.kind = s.kind and j.left_record = s.left_record and j.right_record = s.right_record "
            "and j.withdrawn_at is null and (j.until is null or j.until >= %s) where s.kind = %s and s.model = %s group by s.stratum, s.linked",
            [settings.today, kind, model],
        )
    ]
    found: dict[str, Any] = {"sampled": sum(s.judged for s in strata)}
    if right := estimate(s for s in strata if s.linked):
        found |= dict(zip(("precision_estimate", "precision_low", "precision_high"), right, strict=True))
        near = [s for s in strata if not s.linked]
        if missed := estimate(near):
            links, candidates = sum(s.size for s in strata if s.linked and s.judged), sum(s.size for s in near if s.judged)
            found |= dict(
                zip(
                    ("recall_estimate", "recall_high", "recall_low"),
                    (_recall(links * right[0], candidates * m) for m in missed),
                    strict=True,
                )
            )
    return found


def _recall(found: float, missed: float) -> float:
    return found / (found + missed) if found + missed else 1.0
