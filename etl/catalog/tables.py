"""Every published table and view as a resource: from PostgreSQL's own comments and types."""

import re
from collections import defaultdict
from dataclasses import replace
from fnmatch import fnmatchcase

from psycopg2.extensions import connection as Connection

from etl import db
from etl.catalog.datasets import Dates
from etl.catalog.model import Item, Resource
from etl.catalog.types import letter, precision, title
from etl.errors import UsageError
from etl.spec import Registry
from etl.spec.catalogue import Catalogue, Holdings

DUE = ("daily", "weekly", "monthly", "quarterly", "yearly", "irregular")  # the most frequent first
COLUMNS = """
    select n.nspname || '.' || k.relname, k.relkind::text, obj_description(k.oid, 'pg_class'), a.attname, format_type(a.atttypid, a.atttypmod), col_description(k.oid, a.attnum)
    from pg_class k join pg_namespace n on n.oid = k.relnamespace join pg_attribute a on a.attrelid = k.oid
    where n.nspname = any(%s) and k.relkind in ('r', 'p', 'v', 'm') and not k.relispartition and a.attnum > 0 and not a.attisdropped
    order by 1, a.attnum
"""
# a view's tables: what its rewrite rule depends on
READS = """
    select distinct vn.nspname || '.' || v.relname, tn.nspname || '.' || t.relname
    from pg_rewrite r join pg_class v on v.oid = r.ev_class join pg_namespace vn on vn.oid = v.relnamespace
    join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass and d.refobjid <> v.oid
    join pg_class t on t.oid = d.refobjid join pg_namespace tn on tn.oid = t.relnamespace
    where vn.nspname = any(%s) and tn.nspname = any(%s)
"""
# Of a table, the columns that its masked view has as well; of a table or view that analysts read themselves, all.
READABLE = """
    select n.nspname || '.' || k.relname, a.attname, 'masked.' || k.relname
    from pg_class k join pg_namespace n on n.oid = k.relnamespace join pg_class v on v.relname = k.relname and v.relnamespace = to_regnamespace('masked')
    join pg_attribute a on a.attrelid = v.oid and a.attnum > 0
    where n.nspname = any(%s)
    union all
    select n.nspname || '.' || k.relname, a.attname, n.nspname || '.' || k.relname
    from pg_class k join pg_namespace n on n.oid = k.relnamespace join pg_attribute a on a.attrelid = k.oid and a.attnum > 0
    join pg_roles r on r.rolname = 'jichu_analyst'
    where n.nspname = any(%s) and k.relkind in ('r', 'p', 'v', 'm') and has_table_privilege(r.oid, k.oid, 'select')
"""


def resources(con: Connection, registry: Registry, catalogue: Catalogue, codes: dict[str, str], dates: Dates) -> list[Resource]:
    """One resource per table, part of a table, or view of the libraries and themes. `dates`: library → first and last publication."""
    schemas = [*catalogue.libraries, "theme"]
    columns: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    about: dict[str, tuple[str, str]] = {}
    for table, kind, comment, column, column_type, said in db.rows(con, COLUMNS, [schemas]):
        if not comment or not said:
            raise UsageError(f"数据库里 {table}{'' if not comment else '.' + column} 没有注释；每张表、每一列都要有中文注释，目录由此生成")
        about[table] = ("table" if kind in "rp" else "view", comment)
        columns[table].append((column, column_type, said))
    readable = {(table, column): place for table, column, place in db.rows(con, READABLE, [schemas, schemas])}
    reads: dict[str, set[str]] = defaultdict(set)
    for view, table in db.rows(con, READS, [schemas, schemas]):
        reads[view].add(table)
    made: list[Resource] = []
    for table, (kind, comment) in about.items():
        whole = _whole(registry, catalogue, table, kind, comment, frozenset(reads[table]), codes, dates)
        listed = tuple(replace(_item(catalogue, table, c), readable_as=readable.get((table, c[0]))) for c in columns[table])
        made += _parts(catalogue, whole, table, listed) if table in catalogue.parts else [_with(whole, listed)]
    return made


def _holdings(catalogue: Catalogue, table: str) -> Holdings:
    schema, name = table.split(".")
    if schema != "theme":
        return catalogue.libraries[schema]
    for prefix, held in catalogue.themes.items():
        if name.startswith(prefix):
            return held
    raise UsageError(f"专题视图 {table} 的名称不以任何专题的前缀开头；schemas/catalog.yml 的 themes 有：{'、'.join(catalogue.themes)}")


def cycle(registry: Registry, catalogue: Catalogue, libraries: set[str]) -> str:
    """The update cycle of what is made of these libraries: that of the most frequent dataset that feeds one of them."""
    fixed = [held.update_cycle for n, held in catalogue.libraries.items() if n in libraries and held.update_cycle]
    due = [s.delivery.due for s in registry.sources.values() for f in s.feeds if f.to.split(".")[0] in libraries]
    said = [catalogue.cycles[d] for d in DUE if d in due][:1]
    order = [catalogue.cycles[d] for d in DUE if d in catalogue.cycles]
    return min(fixed + said, key=order.index, default=catalogue.cycles["irregular"])


def _whole(
    registry: Registry,
    catalogue: Catalogue,
    table: str,
    kind: str,
    comment: str,
    reads: frozenset[str],
    codes: dict[str, str],
    dates: Dates,
) -> Resource:
    """The resource of a whole table, without its items."""
    held = _holdings(catalogue, table)
    libraries = {t.split(".")[0] for t in reads} or {table.split(".")[0]}
    terms = catalogue.terms(table, personal=False)
    days = [dates[n] for n in libraries if n in dates]
    department = registry.departments[held.provider]
    main = table.removesuffix("_history")
    return Resource(
        subject=table,
        kind=kind,
        name=_name(held.title, table, comment),
        front=held.code,
        classification="/".join(held.path),
        department=held.provider,
        provider=department.title,
        provider_code=codes.get(held.provider),
        abstract=comment + "。",
        format=catalogue.formats["table"],
        share_type=terms.share_type,
        share_condition=terms.share_condition,
        share_mode=catalogue.modes["table"],
        open=int(terms.open),
        open_condition=terms.open_condition,
        basis=terms.because,
        update_cycle=held.update_cycle or cycle(registry, catalogue, libraries),
        published_on=min((d[0] for d in days), default=None),
        updated_on=max((d[1] for d in days), default=None),
        related=reads | ({main} - {table}),
    )


def _name(library: str, table: str, comment: str) -> str:
    """`法人库：单位`; a theme's views are called by their whole first sentence, a history is said to be one."""
    if table.startswith("theme."):
        return re.split("[；。]", comment, maxsplit=1)[0]
    name = f"{library}：{title(comment)}"
    return name + "（历史版本）" if table.endswith("_history") and "历史版本" not in name else name


def _with(whole: Resource, items: tuple[Item, ...]) -> Resource:
    """The resource with its items, which its abstract names."""
    return replace(whole, abstract=f"{whole.abstract}信息项：{'、'.join(i.name for i in items)}。", items=items)


def _parts(catalogue: Catalogue, whole: Resource, table: str, items: tuple[Item, ...]) -> list[Resource]:
    """A table whose base items are shared on other terms than the rest: each part a resource of its own, every column in exactly one."""
    taken = {c for part in catalogue.parts[table].values() for c in part.columns}
    if unknown := sorted(taken - {i.column_name for i in items}):
        raise UsageError(f"schemas/catalog.yml：parts.{table}：没有列 {'、'.join(unknown)}")
    made = []
    for name, part in catalogue.parts[table].items():
        subject = f"{table}#{name}"
        terms = catalogue.terms(subject, personal=False)
        own = tuple(i for i in items if (i.column_name in part.columns if part.columns else i.column_name not in taken))
        made.append(
            replace(
                _with(whole, own),
                subject=subject,
                name=part.title,
                share_type=terms.share_type,
                share_condition=terms.share_condition,
                open=int(terms.open),
                open_condition=terms.open_condition,
                basis=terms.because,
                related=whole.related | {f"{table}#{n}" for n in catalogue.parts[table] if n != name},
            )
        )
    return made


def _item(catalogue: Catalogue, table: str, column: tuple[str, str, str]) -> Item:
    name, kind, comment = column
    path = f"{table}.{name}"
    money = any(fnmatchcase(path, pattern) for pattern in catalogue.money_columns)
    data_type = letter(catalogue, kind, path, money=money)
    digits = re.search(r"(\d+) 位", comment)  # a code's comment says how long it is
    length = precision(kind) or ((digits[1] if digits else catalogue.lengths.get(name)) if data_type == "C" else None)
    return Item(title(comment), data_type, length, table, name, comment, catalogue.code_table(path))
