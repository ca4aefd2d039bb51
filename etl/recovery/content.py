"""What a database holds, as one checksum per table: the same before a backup and after its restore."""

from typing import Any

from psycopg2.extensions import connection as Connection

from etl import db

# Candidates are made anew; reference systems belong to PostGIS. Text of values does not depend on who asks.
SETTINGS = "set local timezone = 'Asia/Shanghai'; set local datestyle = 'ISO, YMD'; set local intervalstyle = 'iso_8601'; set local bytea_output = 'hex'; set local extra_float_digits = 1"
TABLES = """
    select format('%I.%I', n.nspname, c.relname)
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'm') and not c.relispartition and n.nspname not in ('pg_catalog', 'information_schema', 'candidate')
      and n.nspname !~ '^pg_' and c.relpersistence = 'p'
      and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
    order by 1
"""
# the sum over the rows of both halves of the MD5 of a row's text: whatever the order of the rows
CHECKSUM = """
    select count(*), coalesce(sum(('x' || left(h, 16))::bit(64)::bigint), 0)::text || ':' || coalesce(sum(('x' || right(h, 16))::bit(64)::bigint), 0)::text
    from (select md5(row(t.*)::text) as h from {table} t) hashed
"""


def checksums(con: Connection) -> dict[str, list[Any]]:
    """Table → [rows, checksum] for every table and materialised view but candidates, as the caller's transaction sees them."""
    db.rows(con, SETTINGS)
    found: dict[str, list[Any]] = {}
    for (table,) in db.rows(con, TABLES):
        ((rows, checksum),) = db.rows(con, CHECKSUM.format(table=table))
        found[table] = [rows, checksum]
    return found


def differing(expected: dict[str, list[Any]], found: dict[str, list[Any]]) -> list[str]:
    """What differs, a Chinese phrase for each table."""
    told = []
    for table in sorted(set(expected) | set(found)):
        one, other = expected.get(table), found.get(table)
        if one is None or other is None:
            told.append(f"{table}（{'多出' if one is None else '缺少'}）")
        elif list(one) != list(other):
            told.append(f"{table}（备份时 {one[0]} 行，现 {other[0]} 行{'，内容不同' if one[0] == other[0] else ''}）")
    return told


# Roles that the dump's grants, policies and default rights name; without them a restore would lose what is refused to others.
ROLES = """
    select distinct r.rolname from pg_roles r join (
        select (aclexplode(relacl)).grantee from pg_class union select (aclexplode(nspacl)).grantee from pg_namespace
        union select (aclexplode(proacl)).grantee from pg_proc union select (aclexplode(attacl)).grantee from pg_attribute where attacl is not null
        union select (aclexplode(defaclacl)).grantee from pg_default_acl union select unnest(polroles) from pg_policy
        union select defaclrole from pg_default_acl
    ) named on named.grantee = r.oid
    where r.rolname !~ '^pg_' and r.rolname <> current_user and not r.rolsuper order by 1
"""


def roles(con: Connection) -> list[str]:
    """Every role but the owner that the database's rights name."""
    return [r[0] for r in db.rows(con, ROLES)]
