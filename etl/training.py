"""Trains the parameters of the person linkage from the library as it is: `python -m etl.training`, apart from the daily run.

u (how often two persons agree) is estimated by Splink over all pairs of a random sample with one record a person, m (how often one person's
records agree) from pairs of records that share a usable number. Writes person-<version>.json with what it was made from.
Nothing changes until an engineer puts that file in the place of schemas/linkage/person.json (docs/linkage.md).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import math
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from etl import errors, inputs, pipeline
from etl.errors import JichuError, UsageError
from etl.run import start
from etl.settings import now

if TYPE_CHECKING:  # a DAG file imports this module, and shall parse in no time
    import duckdb

# What pairs with one number cannot tell: of the number itself they say nothing, and whom a record stands beside follows from the links.
KEPT = ("number", "context")
FEWEST = 300  # pairs of one person's records; fewer teach nothing
PRIOR_M, PRIOR_U = 200, 20_000  # pairs that the parameters in place count for: a level never seen keeps a plausible share
RECORDS = 8  # of one person at most, so that nobody weighs for many
LEAST = 1e-7

SIDE = """
    select rid::varchar as unique_id, r.rid, w.proto, r.name, r.py, name_shape(r.name) as shape, k.alike, surname(r.name) as sur, r.name[2:] as given, r.own_birth as birth, r.own_sex as sex, r.phone, r.addr, r.addr2,
        r.place, null::varchar as id_like, null::ubigint[] as ctx, 0::bigint as skip
    from rec r join whose w using (rid) left join name_alike k on k.name = r.name
    where r.version = 0 and not r.former
"""


@errors.private
def train(out: Path | None = None, *, persons: int = 4000, seed: int = 1, as_of: str | None = None) -> dict[str, Any]:
    """Estimates from the current population library and writes the file (to `out`, else JICHU_HOME/linkage).

    `persons`: how many the samples hold; all pairs of them are looked at for u. The same library, seed and code give the same file but for
    its `made_at`. Returns {"file", "version", "pairs_m", "pairs_u", "moved"}; UsageError when the library is too small to learn from.
    """
    from etl import db
    from etl.engine import connect
    from etl.match.person import context, identified, model, prepare, sayings, scored

    run = start(as_of=as_of)
    library = run.registry.libraries["population"]
    with closing(db.connect(run.settings, autocommit=True)) as con, connect(run.settings) as duck:
        read = inputs.fingerprint(run.settings, run.registry, con, library)
        pipeline.lay_out(run, con, duck, library)
        prepare.records(duck)
        identified.groups(duck)
        context.own(duck)
        context.of_persons(duck)
        context.of_records(duck)
        sayings.names(duck)
        sayings.of_records(duck)
        duck.execute("create or replace table newly (a bigint, proto bigint)")
        sayings.of_persons(duck)
        scored.frequencies(duck, of="rec")
        _all_alike(duck)
        counts = _samples(duck, persons, seed)
        learnt = _estimate(duck, counts)
    told = model.parameters()
    comparisons = {
        name: told["comparisons"][name] if name in KEPT else _smoothed(told["comparisons"][name], learnt[name], counts)
        for name in model.LEVELS
    }
    _sane(comparisons)
    digest = hashlib.sha256(json.dumps([read, seed, persons, comparisons]).encode()).hexdigest()[:8]
    version = f"{run.settings.today:%Y%m%d}-{digest}"
    made = {
        "made_at": now().isoformat(timespec="seconds"),
        "business_date": str(run.settings.today),
        "inputs": read,
        "code": inputs.rules_version(),
        "seed": seed,
    }
    made |= {**counts, "kept": list(KEPT), "before": told["version"]}
    folder = out or run.settings.home / "linkage"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"person-{version}.json"
    file.write_text(
        _written({"version": version, "trained": made, "comparisons": comparisons, "thresholds": told["thresholds"]}), encoding="utf-8"
    )
    return {"file": str(file), "version": version, **counts, "moved": _moved(told["comparisons"], comparisons)}


def _all_alike(duck: duckdb.DuckDBPyConnection) -> None:
    """`name_alike` for the names of identified people as well, whom a run need not look up."""
    duck.execute("""
        create or replace table name_alike as
        with known as (select distinct name from rec where length(name) in (2, 3)),
        wrong as (select name, unnest(range(1, length(name) + 1)) as i from known),
        variant as (select w.name, w.name[:i - 1] || a.other || w.name[i + 1:] as other from wrong w join alike a on a.character = w.name[i])
        select v.name, list(distinct v.other) as alike from variant v semi join known k on k.name = v.other group by v.name
    """)


def _samples(duck: duckdb.DuckDBPyConnection, persons: int, seed: int) -> dict[str, int]:
    """`own` (records of the same people, some each) and `apart` (one record a person), chosen by hash: the same on every day and machine."""
    from etl.engine import count, literal

    duck.execute(
        f"create or replace table chosen as select distinct proto from whose order by md5(proto || {literal(str(seed))}) limit {persons}"
    )
    ranked = f"row_number() over (partition by w.proto order by md5(r.dataset || r.source_key || r.role || {literal(str(seed))})) as rank"
    duck.execute(
        f"create or replace table rank_of as select w.rid, {ranked} from rec r join whose w using (rid) where r.version = 0 and not r.former"
    )
    within = "join rank_of using (rid) semi join chosen using (proto)"
    duck.execute(f"create or replace table own as select * exclude (rank) from ({SIDE}) {within} where rank <= {RECORDS}")
    duck.execute(f"create or replace table apart as select * exclude (rank) from ({SIDE}) {within} where rank = 1")
    people = count(duck, "select count(*) from apart")
    pairs = count(duck, "select sum(n * (n - 1) // 2)::bigint from (select count(*) as n from own group by proto)")
    if pairs < FEWEST:
        raise UsageError(f"库中只有 {pairs} 对同号的记录，少于 {FEWEST} 对，不足以估计参数")
    return {"records": count(duck, "select count(*) from own"), "persons": people, "pairs_m": pairs, "pairs_u": people * (people - 1) // 2}


def _estimate(duck: duckdb.DuckDBPyConnection, counts: dict[str, int]) -> dict[str, dict[str, tuple[float, float]]]:
    """Splink's estimates: comparison → level → (m, u); what was never seen is 0."""
    u = _trained(duck, "apart", counts)
    m = _trained(duck, "own", None)
    return {name: {level: (m[name][level][0], u[name][level][1]) for level in m[name]} for name in m}


def _trained(duck: duckdb.DuckDBPyConnection, table: str, counts: dict[str, int] | None) -> dict[str, dict[str, tuple[float, float]]]:
    from splink import DuckDBAPI, Linker

    from etl.match.person import model, scored

    logging.getLogger("splink").setLevel(logging.ERROR)
    options = model.settings(1000) | {"link_type": "dedupe_only"}
    for comparison in options["comparisons"]:
        for level in comparison["comparison_levels"]:
            for known in ("m_probability", "u_probability"):
                level.pop(known, None)
    api = DuckDBAPI(connection=duck)
    linker = Linker(api.register(table, dataset_display_name=table), options, log_level=None)
    for column in scored.FREQUENT:
        linker.table_management.register_term_frequency_lookup(api.register(f"tf_{column}_lookup"), column)
    if counts:  # every pair of the sample: nothing is left to chance
        linker.training.estimate_u_using_random_sampling(max_pairs=2.0 * counts["pairs_u"] + 1e4, seed=1, min_count_per_level=None)
    else:
        linker.training.estimate_m_from_label_column("proto")
    saved = linker.misc.save_model_to_json()
    return {
        c["output_column_name"]: {lv["label_for_charts"]: _shares(lv) for lv in c["comparison_levels"] if not lv.get("is_null_level")}
        for c in saved["comparisons"]
    }


def _shares(level: dict[str, Any]) -> tuple[float, float]:
    m, u = level.get("m_probability"), level.get("u_probability")
    return float(m) if isinstance(m, int | float) else 0.0, float(u) if isinstance(u, int | float) else 0.0


def _smoothed(before: dict[str, list[float]], learnt: dict[str, tuple[float, float]], counts: dict[str, int]) -> dict[str, list[float]]:
    """Estimates, with the parameters in place as so many pairs more; each column adds up to one."""
    n, k = counts["pairs_m"], counts["pairs_u"]
    m = {level: max((n * learnt[level][0] + PRIOR_M * was[0]) / (n + PRIOR_M), LEAST) for level, was in before.items()}
    u = {level: max((k * learnt[level][1] + PRIOR_U * was[1]) / (k + PRIOR_U), LEAST) for level, was in before.items()}
    return {level: [_round(m[level] / sum(m.values())), _round(u[level] / sum(u.values()))] for level in before}


def _round(share: float) -> float:
    return float(f"{share:.4g}")


def _sane(comparisons: dict[str, dict[str, list[float]]]) -> None:
    """Refuses parameters that turn evidence about: an equal value must speak for one person, a different one against it."""
    for name, levels in comparisons.items():
        first, last = levels["exact"], levels["else"]
        if first[0] <= first[1] or last[0] >= last[1]:
            raise JichuError(f"估计出的参数不合情理：比较 {name} 相同反而是反对的证据，或不同反而是支持的；没有写出文件")


def _moved(before: dict[str, Any], after: dict[str, Any]) -> dict[str, float]:
    """By how many bits each level's weight moved, those by half a bit or more."""
    weight = {(c, lv): math.log2(m / u) for c, levels in before.items() for lv, (m, u) in levels.items()}
    found = {f"{c}.{lv}": round(math.log2(m / u) - weight[c, lv], 2) for c, levels in after.items() for lv, (m, u) in levels.items()}
    return {level: bits for level, bits in found.items() if abs(bits) >= 0.5}


def _written(parameters: dict[str, Any]) -> str:
    """As schemas/linkage/person.json is written: a comparison a line, so that a diff can be read."""
    lines = ",\n".join(f"    {json.dumps(name)}: {json.dumps(levels)}" for name, levels in parameters["comparisons"].items())
    head, limits = json.dumps(parameters["trained"], ensure_ascii=False), json.dumps(parameters["thresholds"])
    return f'{{\n  "version": {json.dumps(parameters["version"])},\n  "trained": {head},\n  "comparisons": {{\n{lines}\n  }},\n  "thresholds": {limits}\n}}\n'


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m etl.training",
        description="由现有人口库估计人口关联的参数，写成新文件；放到 schemas/linkage/person.json 之前什么也不变",
    )
    parser.add_argument("--out", type=Path, help="写到哪个文件夹；默认 JICHU_HOME/linkage")
    parser.add_argument("--persons", type=int, default=4000, help="抽多少人")
    parser.add_argument("--seed", type=int, default=1, help="随机种子")
    asked = parser.parse_args()
    try:
        done = train(asked.out, persons=asked.persons, seed=asked.seed)
    except JichuError as e:
        raise SystemExit(f"训练：{e}") from None
    sys.stdout.write(
        f"已写 {done['file']}：同号记录 {done['pairs_m']} 对，不同人 {done['pairs_u']} 对；权重变动半比特以上的 {len(done['moved'])} 项：{done['moved']}\n"
    )


if __name__ == "__main__":
    main()
