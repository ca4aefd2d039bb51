"""Taking a package in: verified, in its turn, in one transaction, and proved by a checksum that equals the sender's."""

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import duckdb
import psycopg2
from psycopg2.extensions import connection as Connection

from etl import db, engine, store
from etl.engine import columns, count, literal, quote
from etl.exchange import receivers, trust
from etl.exchange.manifest import Manifest, Receipt, Resource, canonical
from etl.exchange.package import Opened, opened
from etl.exchange.transport import checksum_in_postgres, way
from etl.exchange.trust import PackageRefused
from etl.settings import Settings
from etl.spec import exchange as declaration


@dataclass(frozen=True)
class Received:
    """What became of a package. `again`: it had been taken in before, and nothing was changed."""

    manifest: Manifest
    again: bool
    rows: int
    seconds: float
    receipt: Path


def receive(settings: Settings, path: Path, out: Path | None = None) -> Received:
    """Takes a package into schema `received` and writes the receipt beside it (or into `out`). The same package twice changes nothing.

    Raises PackageRefused, with nothing changed, when signature, digests, receiver, shape, sequence or checksum are not right.
    """
    started = time.monotonic()
    us, signer = receivers.ourselves(declaration.load()), trust.signer()
    with opened(path, us.code) as package, db.lock(settings, f"received {package.manifest.sender.code}"), engine.connect(settings) as duck:
        manifest = package.manifest
        con = db.connect(settings)
        try:
            again = _again(con, package)
            if not again:
                with con:
                    _in_turn(con, manifest)
                    _apply(con, duck, package)
            checksums = dict(
                db.rows(con, "select subject, checksum from exchange.received_table where sender = %s", [manifest.sender.code])
            )
        finally:
            con.close()
        told = {r.subject: r.checksum for r in manifest.resources} if again else checksums
        receipt = _receipt(package, us.code, signer, told, (out or path.parent) / f"{path.stem}.receipt.json")
        rows = sum(manifest.rows(f"rows_{w}") for w in ("inserted", "updated", "deleted"))
        return Received(manifest, again, 0 if again else rows, time.monotonic() - started, receipt)


def _again(con: Connection, package: Opened) -> bool:
    """Whether this very package was taken in before; another one under its number is refused."""
    found = db.rows(con, "select manifest_sha256 from exchange.received where package_id = %s", [str(package.manifest.package_id)])
    con.rollback()
    if found and found[0][0] != package.sha256:
        raise PackageRefused("这个包的编号以前收过，内容却不同，不收")
    return bool(found)


def _in_turn(con: Connection, manifest: Manifest) -> None:
    """An increment follows the package that we hold, a full one is newer than it."""
    sql = 'select package_id, sequence, created_at from exchange.received where sender = %s order by "order" desc limit 1'
    found = db.rows(con, sql, [manifest.sender.code])
    if not found:
        if manifest.kind == "increment":
            raise PackageRefused(
                f"这是第 {manifest.sequence} 包（增量），而本库还没有装过 {manifest.sender.title} 的全量包：请对方先发全量"
            )
        return
    holding, sequence, created_at = UUID(found[0][0]), found[0][1], found[0][2]
    if manifest.created_at <= created_at:
        raise PackageRefused(f"这个包制作于 {manifest.created_at:%Y-%m-%d %H:%M:%S}，早于本库已装的，不再采用")
    if manifest.kind == "increment" and manifest.previous != holding:
        raise PackageRefused(
            f"次序不接：这是第 {manifest.sequence} 包，接在第 {manifest.previous_sequence} 包之后，而本库装到的是另一链或第 {sequence} 包；"
            "先装中间的包，或把本库最近的回执交给对方重出"
        )


def _apply(con: Connection, duck: duckdb.DuckDBPyConnection, package: Opened) -> None:
    """Every table of the package, then the books. Within the caller's transaction."""
    manifest = package.manifest
    scratch = engine.folder(duck)
    _book(con, package)
    if manifest.kind == "full":
        _withdrawn(con, manifest)
    for number, resource in enumerate(manifest.resources):
        file = scratch / f"received_{number}.parquet"
        package.extract(resource.csv, None)
        package.extract(resource.parquet, file)
        _verified(duck, resource, file, manifest.kind)
        _load(con, duck, manifest, resource, file, scratch)
        file.unlink()


def _verified(duck: duckdb.DuckDBPyConnection, resource: Resource, file: Path, kind: str) -> None:
    """The Parquet file has the declared columns in their types, the declared changes, and a key in every row."""
    relation = f"read_parquet('{file}')"
    where = resource.parquet.name
    try:
        have = columns(duck, relation)
        counted = dict(duck.execute(f"select change_type, count(*) from {relation} group by 1").fetchall())
        keyless = count(duck, f"select count(*) from {relation} where {' or '.join(f'{quote(k)} is null' for k in resource.key)}")
    except duckdb.Error:
        raise PackageRefused(f"{where} 不是能读的 Parquet，或缺声明的列") from None
    want = {"change_type": "VARCHAR"} | {c.name: way(c.name, c.type).duck for c in resource.columns}
    geometries = {c.name for c in resource.columns if c.type.startswith("geometry")}
    if list(have) != list(want) or any(have[n] != want[n] for n in want if n not in geometries):
        raise PackageRefused(f"{where} 的列或类型与清单声明的结构不同")
    told = {"I": resource.rows_inserted, "U": resource.rows_updated, "D": resource.rows_deleted}
    if counted != {k: n for k, n in told.items() if n} or (kind == "full" and set(counted) - {"I"}):
        raise PackageRefused(f"{where} 的行数与清单所说的不同")
    if keyless or not set(resource.key) <= {c.name for c in resource.columns}:
        raise PackageRefused(f"{where} 有没有主键的行")


def table_name(sender: str, subject: str) -> str:
    """The table in schema `received` that holds a sender's table."""
    return f"s{sender}_{subject.replace('.', '_')}"


def _load(con: Connection, duck: duckdb.DuckDBPyConnection, manifest: Manifest, resource: Resource, file: Path, scratch: Path) -> None:
    """Applies the changes and proves the result."""
    table = f"received.{quote(table_name(manifest.sender.code, resource.subject))}"
    _shape(con, manifest, resource, table)
    ways = {c.name: way(c.name, c.type) for c in resource.columns}
    db.rows(
        con,
        f"create temp table incoming (change_type text, {', '.join(f'{quote(n)} {w.carrier}' for n, w in ways.items())}) on commit drop",
    )
    names = ", ".join(map(quote, ways))
    duck.execute(f"create or replace temp view incoming as select change_type, {_as_loaded(resource)} from read_parquet('{file}')")
    db.copy_in(con, duck, "incoming", "incoming", scratch)
    if manifest.kind == "full":
        db.rows(con, f"delete from {table}")
    else:
        on = " and ".join(f"t.{quote(k)} = i.{quote(k)}" for k in resource.key)
        db.rows(con, f"delete from {table} t using incoming i where {on}")
    try:
        db.rows(
            con, f"insert into {table} ({names}) select {', '.join(w.back for w in ways.values())} from incoming where change_type <> 'D'"
        )
    except psycopg2.IntegrityError:
        raise PackageRefused(f"{resource.parquet.name} 有重复的主键或不合法的值") from None
    db.rows(con, "drop table incoming")
    have = db.rows(con, checksum_in_postgres(table, list(ways)))[0][0]
    if have != resource.checksum:
        raise PackageRefused(f"{resource.subject} 应用之后与发送方的校验和不同：本库的表被改过或包不对；请对方重发全量")
    shape = json.dumps({"key": resource.key, "columns": [c.model_dump() for c in resource.columns]}, ensure_ascii=False)
    db.rows(
        con,
        "insert into exchange.received_table (sender, subject, table_name, columns, rows, checksum, package_id) values (%s, %s, %s, %s, %s, %s, %s) "
        "on conflict (sender, subject) do update set table_name = excluded.table_name, columns = excluded.columns, rows = excluded.rows, checksum = excluded.checksum, package_id = excluded.package_id",
        [manifest.sender.code, resource.subject, table_name(manifest.sender.code, resource.subject), shape, resource.rows_total, have, str(manifest.package_id)],
    )  # fmt: skip


def _as_loaded(resource: Resource) -> str:
    """Columns as db.copy_in wants them: geometry as BLOB, whatever type this DuckDB reads GeoParquet as."""
    return ", ".join(
        f"{quote(c.name)}::blob as {quote(c.name)}" if c.type.startswith("geometry") else quote(c.name) for c in resource.columns
    )


def _shape(con: Connection, manifest: Manifest, resource: Resource, table: str) -> None:
    """Makes the table, or makes it anew when a full package brings another shape; an increment never does."""
    shape = {"key": resource.key, "columns": [c.model_dump() for c in resource.columns]}
    sql = "select columns from exchange.received_table where sender = %s and subject = %s"
    found = db.rows(con, sql, [manifest.sender.code, resource.subject])
    if found and found[0][0] == shape:
        return
    if manifest.kind == "increment":
        raise PackageRefused(f"{resource.subject} 的结构与本库已有的不同，增量装不进去：请对方发全量")
    _drop(con, table)
    listed = ", ".join(f"{quote(c.name)} {c.type}" for c in resource.columns)
    db.rows(con, f"create table {table} ({listed}, primary key ({', '.join(map(quote, resource.key))}))")
    said = f"{manifest.sender.title}：{resource.title}（{resource.subject}；{resource.basis}）"
    db.rows(con, f"comment on table {table} is {literal(said)}")
    for c in resource.columns:
        db.rows(con, f"comment on column {table}.{quote(c.name)} is {literal((c.title or c.name) + ('（脱敏）' if c.mask else ''))}")
        if c.type.startswith("geometry"):
            db.rows(con, f"create index on {table} using gist ({quote(c.name)})")


def _drop(con: Connection, table: str) -> None:
    try:
        db.rows(con, f"drop table if exists {table}")
    except psycopg2.errors.DependentObjectsStillExist:
        raise PackageRefused(f"{table} 的结构变了，但有别的视图建在它上面：先删去那个视图再装") from None


def _withdrawn(con: Connection, manifest: Manifest) -> None:
    """Tables that the sender no longer gives vanish with a full package."""
    given = [r.subject for r in manifest.resources]
    sql = "select table_name from exchange.received_table where sender = %s and not subject = any(%s)"
    for (name,) in db.rows(con, sql, [manifest.sender.code, given]):
        _drop(con, f"received.{quote(name)}")
    db.rows(con, "delete from exchange.received_table where sender = %s and not subject = any(%s)", [manifest.sender.code, given])


def _book(con: Connection, package: Opened) -> None:
    m = package.manifest
    db.rows(
        con,
        "insert into exchange.received (package_id, sender, chain, sequence, kind, previous, created_at, vintage, rows_inserted, rows_updated, rows_deleted, "
        "manifest_sha256, manifest_sm3, signed) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            str(m.package_id), m.sender.code, str(m.chain), m.sequence, m.kind, str(m.previous) if m.previous else None, m.created_at, m.vintage,
            m.rows("rows_inserted"), m.rows("rows_updated"), m.rows("rows_deleted"), package.sha256, package.sm3, package.signed,
        ],
    )  # fmt: skip


def _receipt(package: Opened, us: str, signer: trust.Signer, checksums: dict[str, str], path: Path) -> Path:
    m = package.manifest
    receipt = Receipt(
        package_id=m.package_id,
        sender=m.sender.code,
        receiver=us,
        sequence=m.sequence,
        manifest_sha256=package.sha256,
        manifest_sm3=package.sm3,
        applied_at=datetime.now(UTC),
        checksums={r.subject: checksums[r.subject] for r in m.resources},
        signature=signer.algorithm,
    )
    document = {"receipt": receipt.model_dump(mode="json"), "signature": signer.sign(canonical(receipt))}
    with store.write_atomically(path) as beside:
        beside.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return path
