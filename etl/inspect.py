"""Looking without touching: mistakes in what is declared, and deliveries that wait."""

import logging
import re

from etl import db, spec
from etl.errors import JichuError
from etl.settings import ROOT, Settings
from etl.spec.registry import nearest


def problems() -> list[str]:
    """Every mistake in schemas/, expectations/ and sql/, each with its file, key and the known alternatives."""
    from etl.spec import catalogue, exchange, opendata, suite

    registry = spec.load()
    found = [*registry.problems, *suite.problems(), *catalogue.problems(catalogue.load(), registry)]
    found += [*exchange.problems(exchange.load(), registry), *opendata.problems(opendata.load(), registry)]
    bare = [s for s in registry.sources.values() if not (ROOT / "expectations" / f"{s.stem}.yml").exists()]
    found += [f"schemas/sources/{s.stem}.yml：没有检查；请写 expectations/{s.stem}.yml" for s in bare]
    for library in registry.libraries.values():
        found += _beliefs(registry, library)
    found += _sql()
    return sorted(set(found))


# Statements that the parser takes as commands: their bodies are PostgreSQL's own to judge, at migration.
OPAQUE = re.compile(r"\s*(--[^\n]*\n\s*)*(do\b|comment on function|create( or replace)? function)", re.IGNORECASE)


def _sql() -> list[str]:
    """SQL that does not parse: column rules by DuckDB itself, the rest as PostgreSQL's dialect."""
    import duckdb
    import sqlglot
    from sqlglot.errors import SqlglotError

    from etl.clean import prepare

    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    found = []
    try:
        with duckdb.connect() as con:
            prepare(con)
    except duckdb.Error as e:
        found.append(f"sql/rules：{str(e).splitlines()[0]}")
    for path in sorted(p for folder in ("migrations", "themes", "open") for p in (ROOT / "sql" / folder).glob("*.sql")):
        try:
            whole = path.read_text(encoding="utf-8")
            sqlglot.tokenize(whole, read="postgres")  # quotes and comments that do not end
            for statement in re.split(r";\s*\n(?=\S)", re.sub(r"\$\$.*?\$\$", "''", whole, flags=re.DOTALL)):
                if not OPAQUE.match(statement):
                    sqlglot.parse(statement, read="postgres")
        except SqlglotError as e:
            found.append(f"{path.relative_to(ROOT)}：SQL 写法有误：{str(e).splitlines()[0]}")
    return found


def _beliefs(registry: spec.Registry, library: spec.Library) -> list[str]:
    """Datasets named in `believe` must exist, so that nobody believes a misspelt source."""
    import fnmatch

    found = []
    for name, fields in library.believe.items():
        for field, rule in fields.items():
            strange = [p for p in rule.order if not fnmatch.filter(registry.sources, p) and not _is_wrong(p)]
            where = f"schemas/libraries/{library.name}.yml：believe.{name}.{field}.order"
            found += [f"{where}：没有数据集 {p}；{nearest(p, registry.sources)}" for p in strange]
    return found


def _is_wrong(dataset: str) -> bool:
    """Whether it is declared, but not rightly: its own file's problems say so."""
    return (ROOT / "schemas" / "sources" / f"{dataset}.yml").exists()


def waiting(settings: Settings) -> list[str]:
    """Deliveries that are not complete, and what is held or was refused, one line each; how to decide on what is held."""
    from etl import extract, hold

    registry = spec.load()
    lines = [
        f"等待：{s.name} {folder.name} 还没有 _SUCCESS" for s in registry.sources.values() for folder in extract.incomplete(s, settings)
    ]
    if not _known(settings):
        return lines
    held = hold.pending(settings)
    lines += [f"挂起：{p.what} {p.id} {p.reason}" for p in held]
    if held:
        lines.append("　　　决定：jichu release|discard 数据集或库 [编号] --by 姓名 --why 理由，或 Airflow 页面的“待决事项”")
    refused = db.query(settings, "select dataset, delivery_id, reason from ops.delivery where state = 'rejected' order by loaded_at")
    return lines + [f"拒收：{dataset} {delivery} {reason}" for dataset, delivery, reason in refused]


def unusual(settings: Settings) -> list[str]:
    """What no rule forbids and somebody should know: late, short, empty and repeated deliveries, deliveries unlike the
    dataset's own past, and shapes that drift; one line each."""
    from etl import deadlines

    if not _known(settings):
        return []
    lines = [f"期限：{dataset} {'；'.join(said)}" for dataset, said in deadlines.unpunctual(settings).items()]
    odd = db.query(
        settings,
        """
        with last as (
            select distinct on (dataset) dataset, delivery_id from ops.delivery where state = 'loaded' and kind <> 'replay'
            order by dataset, sequence desc
        )
        select l.dataset, l.delivery_id, string_agg(distinct r.because, '；') from last l
        join quality.result r on r.target = l.dataset and r.delivery_id = l.delivery_id and r.expectation like 'past~_%%' escape '~' and not r.success
        group by 1, 2 order by 1
        """,
        [],
    )
    lines += [f"异常：{dataset} {delivery} {because}" for dataset, delivery, because in odd]
    drift = db.query(settings, "select dataset, kind, column_name, detail, rows from ops.drift where is_open order by 1, 2, 3, 4")
    lines += [f"漂移：{dataset} {DRIFT[kind].format(column, told, rows)}" for dataset, kind, column, told, rows in drift]
    flooded = db.query(
        settings,
        "select rule, refused_values, refused_pairs, refused->0->>'value' from match.blocking b where refused_pairs > 0 "
        "and publication = (select max(publication) from match.blocking x where x.library = b.library) order by 1, 2",
        [],
    )
    return lines + [
        f"关联：分块规则 {rule} 超出预算，{values} 个取值（最大的 {most}）的 {pairs} 对没有打分" for rule, values, pairs, most in flooded
    ]


DRIFT = {
    "extra_column": "多出列“{0}”（只留在落地副本）",
    "renamed_column": "列“{0}”写作“{1}”（已按约定读取）",
    "missing_column": "缺少列“{0}”（{1}），整次拒收",
    "refused_code": "列“{0}”有代码表里没有的“{1}”，隔离 {2} 行；补别名后 jichu replay",
    "unknown_code": "列“{0}”有代码表里没有的“{1}”，{2} 行按空值装载",
}


def _known(settings: Settings) -> bool:
    """Whether there is a database of the newest shape to ask; looking changes nothing."""
    from etl import migrate

    try:
        return bool(settings.database_url) and migrate.current(settings)
    except JichuError:
        return False
