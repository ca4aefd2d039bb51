"""Who can receive: the instances that are declared, every county of the city's divisions, every park."""

import os

from psycopg2.extensions import connection as Connection

from etl import db
from etl.errors import UsageError
from etl.exchange.manifest import Party
from etl.exchange.offer import Scope
from etl.spec import Registry
from etl.spec.exchange import Exchange
from etl.spec.registry import nearest


def ourselves(declared: Exchange) -> Party:
    """This instance: schemas/exchange.yml, or JICHU_INSTANCE (`code` or `code:name`) where several instances share one set of files."""
    code, _, title = os.environ.get("JICHU_INSTANCE", "").partition(":")
    if not code:
        return Party(code=declared.instance.code, title=declared.instance.title)
    if not (len(code) == 6 and code.isdigit()):
        raise UsageError(f"JICHU_INSTANCE 应为六位区划代码（可加“:名称”），现为“{code}”")
    return Party(code=code, title=title or code)


def counties(con: Connection, registry: Registry, declared: Exchange) -> list[Scope]:
    """Every county that the divisions know, then every park of schemas/departments.yml whose county is one of them."""
    rows = db.rows(con, "select left(code, 6), name from geospatial.region where level = 'county' order by 1")
    found = [Scope(Party(code=code, title=name), declared.counties, code) for code, name in rows]
    known = {s.party.code for s in found}
    for name, department in registry.departments.items():
        parent = (department.parent or "").removeprefix("county_")
        code = name.removeprefix("county_")
        if parent in known and code not in known:
            found.append(Scope(Party(code=code, title=department.title), declared.counties, code, parent))
    return found


def find(con: Connection, registry: Registry, declared: Exchange, named: str) -> Scope:
    """The receiver that a name (province), a code (510000, 510502) or a title means; UsageError with the known ones."""
    ways: dict[str, Scope] = {}
    for name, receiver in declared.receivers.items():
        scope = Scope(Party(code=receiver.code, title=receiver.title), receiver)
        ways |= {name: scope, receiver.code: scope, receiver.title: scope}
    for scope in counties(con, registry, declared):
        ways |= {f"county_{scope.party.code}": scope, scope.party.code: scope, scope.party.title: scope}
    if named not in ways:
        raise UsageError(f"没有接收方 {named}；{nearest(named, ways)}")
    if ways[named].party.code == ourselves(declared).code:
        raise UsageError(f"{named} 就是本实例，不能发给自己")
    return ways[named]
