"""Each county's and park's own schema of views, `county_<code>`: its own residents and entities, masked, and nobody else's."""

import hashlib
from datetime import date

import psycopg2
from psycopg2.extensions import connection as Connection

from etl import db
from etl.engine import literal, quote
from etl.errors import UsageError
from etl.exchange import receivers
from etl.exchange.offer import Offer, Scope, offers
from etl.settings import Settings
from etl.spec import Registry
from etl.spec import exchange as declaration
from etl.spec.exchange import Exchange


def build(settings: Settings, registry: Registry) -> dict[str, str]:
    """Builds what is new or declared otherwise, and lets each county's role, where there is one, read its own. Idempotent.

    Returns code → built or unchanged. Raises UsageError when the catalogue is empty or somebody's view stands on one that has to be rebuilt.
    """
    declared = declaration.load()
    done: dict[str, str] = {}
    with db.transaction(settings) as con:
        db.rows(con, "select pg_advisory_xact_lock(hashtext('jichu counties'))")
        for scope in receivers.counties(con, registry, declared):
            done[scope.party.code] = _county(con, declared, scope, settings.today)
            db.rows(con, "select exchange.open_county(%s)", [scope.party.code])
    return done


def readers(settings: Settings) -> dict[str, bool]:
    """County → whether its role exists and may read."""
    sql = "select c.code, coalesce(has_schema_privilege(r.rolname, 'county_' || c.code, 'usage'), false) from exchange.county c left join pg_roles r on r.rolname = 'county_' || c.code"
    return dict(db.query(settings, sql + " order by 1"))


def _county(con: Connection, declared: Exchange, scope: Scope, day: date) -> str:
    made, _ = offers(con, declared, scope, day)
    code, schema = scope.party.code, f"county_{scope.party.code}"
    statements = [s for offer in made for s in _view(schema, offer, scope)]
    fingerprint = hashlib.sha256("\n".join([scope.party.title, *statements]).encode()).hexdigest()
    if db.rows(con, "select 1 from exchange.county where code = %s and fingerprint = %s", [code, fingerprint]):
        return "unchanged"
    db.rows(con, f"create schema if not exists {quote(schema)}")
    db.rows(
        con,
        f"comment on schema {quote(schema)} is {literal(f'{scope.party.title}自己的数据：居住或户籍在本地的人、本地的单位与地址，脱敏；别处的一行也没有')}",
    )
    for (view,) in db.rows(con, "select relname from pg_class where relnamespace = %s::regnamespace and relkind = 'v'", [schema]):
        try:
            db.rows(con, f"drop view {quote(schema)}.{quote(view)}")
        except psycopg2.errors.DependentObjectsStillExist:
            raise UsageError(f"{schema}.{view} 的定义变了，但有别的视图建在它上面：先删去那个视图再运行") from None
    for statement in statements:
        db.rows(con, statement)
    sql = "insert into exchange.county (code, title, fingerprint) values (%s, %s, %s) on conflict (code) do update set title = excluded.title, fingerprint = excluded.fingerprint, at = now()"
    db.rows(con, sql, [code, scope.party.title, fingerprint])
    return "built"


def _view(schema: str, offer: Offer, scope: Scope) -> list[str]:
    """A view and its comments. A security barrier: no function of the reader sees a row before the county's own condition has let it through."""
    name = f"{quote(schema)}.{quote(offer.subject.split('.')[1])}"
    said = f"{scope.party.title}：{offer.title}（{offer.subject} 中本地的行；{offer.basis}）"
    columns = [f"comment on column {name}.{quote(c.name)} is {literal(c.title + ('（脱敏）' if c.mask else ''))}" for c in offer.columns]
    return [f"create view {name} with (security_barrier) as {offer.select}", f"comment on view {name} is {literal(said)}", *columns]
