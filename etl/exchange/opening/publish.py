"""Publishing the open data sets: query, hide, write, describe. A release is whole or not there."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import psycopg2
import pyarrow as pa
import pyarrow.parquet as pq
from psycopg2.extensions import connection as Connection

from etl import db, engine, store
from etl.dcat import CONTEXT, RIGHTS, day, frequency, publisher, us, zh
from etl.engine import quote
from etl.errors import UsageError
from etl.exchange.opening import files
from etl.exchange.opening.tables import HIDDEN, HIDDEN_TITLE, counts
from etl.exchange.transport import way
from etl.settings import Settings
from etl.spec import Registry
from etl.spec import opendata as declaration
from etl.spec.opendata import Open, OpenSet

MEDIA = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet", "gpkg": "application/geopackage+sqlite3"}


@dataclass(frozen=True)
class Published:
    """One set as it was published. `suppressed`: cells hidden of `rows`."""

    name: str
    title: str
    rows: int
    suppressed: int
    files: tuple[str, ...]


def open_data(settings: Settings, registry: Registry, out: Path, say: Callable[[str], None] = lambda text: None) -> list[Published]:
    """Writes every set of schemas/open.yml into `out`: `<set>/<set>.csv|.parquet|.gpkg`, `<set>/说明.md`, and `catalog.jsonld` (DCAT).

    All sets are read in one snapshot of the database. Raises UsageError when a query does not give the declared columns.
    """
    declared = declaration.load()
    con = db.connect(settings)
    try:
        con.set_session(isolation_level="REPEATABLE READ", readonly=True)
        business = db.rows(con, "select theme.business_day()")[0][0]
        with store.private_folder(out) as folder:
            done = []
            for name, each in declared.sets.items():
                table = _table(settings, con, declared, name, each)
                done.append(_write(folder / name, name, each, declared, table, business))
                say(f"{each.title}：{done[-1].rows} 行" + (f"，隐去 {done[-1].suppressed} 格" if each.counts else ""))
            _catalogue(folder, declared, registry, done, business)
            _settle(folder, out)
        return done
    finally:
        con.close()


def _table(settings: Settings, con: Connection, declared: Open, name: str, each: OpenSet) -> pa.Table:
    query = declared.query(name)
    try:
        shape = _shape(con, query)
    except psycopg2.Error as e:
        raise UsageError(f"sql/open/{name}.sql：PostgreSQL 不认（{e.pgcode}）：{(e.diag.message_primary or '').strip()}") from None
    if list(shape) != list(each.columns):
        raise UsageError(f"sql/open/{name}.sql 给出的列是 {'、'.join(shape)}，schemas/open.yml 声明的是 {'、'.join(each.columns)}")
    if each.counts:
        return counts(name, each, db.rows(con, query), declared.k, declared.round_to)
    with engine.connect(settings) as duck:
        target = engine.folder(duck) / "open.parquet"
        ways = {n: way(n, kind) for n, kind in shape.items()}
        listed = ", ".join(f"{w.out} as {quote(n)}" for n, w in ways.items())
        db.copy_out(con, f"select {listed} from ({query}) x", {n: w.duck for n, w in ways.items()}, target, duck)
        return pq.read_table(target)


def _shape(con: Connection, query: str) -> dict[str, str]:
    """Columns of a query and their PostgreSQL types."""
    with con.cursor() as c:
        c.execute(f"select * from ({query}) x limit 0")
        described = [(d.name, d.type_code) for d in c.description or ()]
    return {n: db.rows(con, "select format_type(%s, null)", [oid])[0][0] for n, oid in described}


def _write(folder: Path, name: str, each: OpenSet, declared: Open, table: pa.Table, business: date) -> Published:
    folder.mkdir()
    titles = each.columns | ({HIDDEN: HIDDEN_TITLE} if each.counts else {})
    files.csv(table, titles, folder / f"{name}.csv")
    files.parquet(table, titles, folder / f"{name}.parquet")
    if files.GEOMETRY in table.column_names:
        files.geopackage(table, name, str(business), folder / f"{name}.gpkg")
    suppressed = sum(table.column(HIDDEN).to_pylist()) if each.counts else 0
    written = tuple(sorted(p.name for p in folder.iterdir()))
    (folder / "说明.md").write_text(_said(each, declared, titles, table, suppressed, business), encoding="utf-8")
    return Published(name, each.title, table.num_rows, suppressed, written)


def _said(each: OpenSet, declared: Open, titles: dict[str, str], table: pa.Table, suppressed: int, business: date) -> str:
    """The page that explains a set to whoever downloads it."""
    rule = (
        f"小于 {declared.k} 的计数与能由它推得的计数已隐去（数值为空，“{HIDDEN_TITLE}”为是），本期隐去 {suppressed} 格，共 {table.num_rows} 格；"
        f"显示的计数四舍五入到 {declared.round_to} 的倍数，因此合计与各项之和可能略有出入。"
        if each.counts
        else f"{each.harmless}。"
    )
    lines = [
        f"# {each.title}",
        "",
        f"{each.abstract}。",
        "",
        f"- 数据截至 {business}，更新周期：{each.update_cycle}",
        f"- 行数：{table.num_rows}",
    ]
    lines += [f"- 隐私：{rule}", f"- 使用条件：{declared.licence}", "", "| 列 | 中文名 | 类型 |", "| --- | --- | --- |"]
    lines += [f"| {f.name} | {titles[f.name]} | {f.type} |" for f in table.schema]
    lines += ["", "CSV 为 UTF-8（带 BOM），表头是中文名；Parquet、GeoPackage 的列名是英文名。坐标为 CGCS2000（EPSG:4490），经度在前。", ""]
    return "\n".join(lines)


def _catalogue(folder: Path, declared: Open, registry: Registry, done: list[Published], business: date) -> None:
    """catalog.jsonld: the release as a DCAT catalogue; the files are named relative to it."""
    catalogue = {
        "@context": CONTEXT,
        "@id": "urn:jichu:open",
        "@type": "dcat:Catalog",
        "dct:title": zh(declared.title),
        "dct:description": zh("汇总、匿名的公共数据：小格与可推得的格已隐去"),
        "dct:publisher": us(),
        "dct:modified": day(business),
        "dct:language": "zh-CN",
        "dcat:dataset": [_dataset(folder, declared, registry, p, business) for p in done],
    }
    (folder / "catalog.jsonld").write_text(json.dumps(catalogue, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _dataset(folder: Path, declared: Open, registry: Registry, made: Published, business: date) -> dict[str, Any]:
    each = declared.sets[made.name]
    department = registry.departments[each.provider]
    return {
        "@id": f"urn:jichu:open:{made.name}",
        "@type": "dcat:Dataset",
        "dct:identifier": made.name,
        "dct:title": zh(each.title),
        "dct:description": zh(f"{each.abstract}。列：{'、'.join(each.columns.values())}"),
        "dct:publisher": publisher(each.provider, department.title, department.code or None),
        "dcat:keyword": [zh(k) for k in each.keywords],
        "dct:accrualPeriodicity": frequency(each.update_cycle),
        "dct:accessRights": {"@id": RIGHTS + "PUBLIC"},
        "dct:license": {"@type": "dct:LicenseDocument", "rdfs:label": zh(declared.licence)},
        "dct:modified": day(business),
        "dcat:distribution": [
            {
                "@id": f"urn:jichu:open:{made.name}#{file.rsplit('.', 1)[1]}",
                "@type": "dcat:Distribution",
                "dct:title": zh(file),
                "dct:format": file.rsplit(".", 1)[1],
                "dcat:mediaType": MEDIA[file.rsplit(".", 1)[1]],
                "dcat:byteSize": (folder / made.name / file).stat().st_size,
                "dcat:accessURL": {"@id": f"{made.name}/{file}"},
                "dcat:downloadURL": {"@id": f"{made.name}/{file}"},
                "dct:license": {"@type": "dct:LicenseDocument", "rdfs:label": zh(declared.licence)},  # where CKAN looks for it
            }
            for file in made.files
        ],
    }


def _settle(folder: Path, out: Path) -> None:
    """Puts the release in its place; sets that are no longer published vanish with the catalogue that named them."""
    gone = [
        p.parent
        for p in out.glob("*/说明.md")
        if not (folder / p.parent.name).exists() and not p.parent.name.startswith(store.PRIVATE_PREFIX)
    ]
    for made in sorted(folder.iterdir()):
        target = out / made.name
        if target.is_dir():
            shutil.rmtree(target)
        made.replace(target)
    for old in gone:
        shutil.rmtree(old)
