"""Making a package: what a receiver may have, what changed since it last acknowledged, sealed with digests and a signature."""

import hashlib
import json
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import duckdb
from psycopg2.extensions import connection as Connection

from etl import db, engine, store
from etl.engine import count, literal, quote
from etl.errors import UsageError
from etl.exchange import ledger, parquet, receivers, trust
from etl.exchange.manifest import Digests, File, Manifest, Party, Resource, canonical, digests
from etl.exchange.offer import Offer, Scope, offers
from etl.exchange.transport import checksum_in_duckdb, row_digest, way
from etl.settings import Settings
from etl.spec import Registry
from etl.spec import exchange as declaration

CHUNK = 1 << 20
README = """本包由“基础”按《政务信息资源共享管理暂行办法》的共享条件制作。
manifest.json  清单：发送方、接收方、次序、截至日期、每张表的结构、行数、校验和、每个文件的 SHA-256 与 SM3
manifest.sig   清单的签名（base64）；算法写在清单的 signature：Ed25519，或 SM2-SM3（GB/T 32918，DER）
data/*.parquet 数据（有几何的为 GeoParquet 1.1，CGCS2000）；data/*.csv 同样的数据（UTF-8 带 BOM，几何为 WKT）
change_type：I 新增，U 变更，D 删除（只有主键）。装载：jichu import 本文件；装载后把回执交还发送方。
只想看内容的：CSV 里的文字都加了引号，不要在表格软件里当公式执行；要载入别的系统的，请用 Parquet。
"""


@dataclass(frozen=True)
class Exported:
    """A package that was made. `path` is None when nothing has changed since the last acknowledgement."""

    path: Path | None
    package_id: UUID | None
    kind: str
    why: str
    rows: int
    seconds: float
    withheld: list[str]


@dataclass(frozen=True)
class _Plan:
    """Full or increment, and after which package."""

    base: ledger.Base | None
    why: str


def export(
    settings: Settings, registry: Registry, receiver: str, out: Path | None = None, say: Callable[[str], None] = lambda text: None
) -> Exported:
    """Makes a package for a receiver (name, code or title) in `out` (default JICHU_HOME/exchange/out).

    All tables are read in one snapshot of the database. Raises UsageError for an unknown receiver, no key, an empty catalogue.
    """
    started = time.monotonic()
    declared, signer = declaration.load(), trust.signer()
    con = db.connect(settings)
    try:
        con.set_session(isolation_level="REPEATABLE READ")
        scope = receivers.find(con, registry, declared, receiver)
        with db.lock(settings, f"exchange {scope.party.code}"), engine.connect(settings) as duck:
            con.rollback()  # the snapshot begins once the lock is ours
            made, withheld = offers(con, declared, scope, settings.today)
            if not made:
                raise UsageError(f"{scope.party.title}没有可以收的资源：看 schemas/exchange.yml 的授权与目录的共享类型")
            digest = _shape(made)
            plan = _plan(settings, con, scope, made, digest)
            package = uuid4()
            state = ledger.folder(settings, scope.party.code, package)
            with store.private_folder(state.parent) as books:
                sealed = _Sealed(settings, con, duck, plan, scope.party.code, engine.folder(duck), books)
                resources = [sealed.resource(offer, say) for offer in made]
                changed = sum(r.rows_inserted + r.rows_updated + r.rows_deleted for r in resources)
                if plan.base and not changed:
                    return Exported(None, None, "increment", "自上次回执以来没有变化", 0, time.monotonic() - started, withheld)
                manifest = _manifest(
                    con, settings, scope, plan, package, digest, resources, signer.algorithm, receivers.ourselves(declared)
                )
                path = (out or settings.home / "exchange" / "out") / _name(manifest)
                with store.write_atomically(path) as beside:  # it takes its name when the books know it, not before
                    _seal(beside, manifest, signer, engine.folder(duck))
                    _book(con, manifest, path)
                    store.publish(books, state)
                    con.commit()
        return Exported(path, package, manifest.kind, plan.why, changed, time.monotonic() - started, withheld)
    finally:
        con.close()


def _shape(made: list[Offer]) -> str:
    """The fingerprint of what is sent: another shape, mask or set of tables begins a new chain."""
    told = [[o.subject, list(o.key), [c.model_dump() for c in o.columns]] for o in made]
    return hashlib.sha256(json.dumps(told, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def _plan(settings: Settings, con: Connection, scope: Scope, made: list[Offer], digest: str) -> _Plan:
    base = ledger.base(con, scope.party.code)
    if base is None:
        return _Plan(None, "接收方还没有回执过任何包")
    if base.schema_digest != digest:
        return _Plan(None, "资源、列或脱敏与上次不同")
    state = ledger.folder(settings, scope.party.code, base.package_id)
    if not all((state / f"{o.subject}.parquet").exists() for o in made):
        return _Plan(None, "上次所发的底账不在了")
    return _Plan(base, f"接在第 {base.sequence} 包之后")


@dataclass(frozen=True)
class _Sealed:
    """Writes one table after the other: its changes as Parquet and CSV, its digests into the ledger."""

    settings: Settings
    con: Connection
    duck: duckdb.DuckDBPyConnection
    plan: _Plan
    receiver: str
    scratch: Path
    books: Path

    def resource(self, offer: Offer, say: Callable[[str], None]) -> Resource:
        """Compares a table with what the receiver holds and writes the difference."""
        names = [c.name for c in offer.columns]
        ways = {c.name: way(c.name, c.type) for c in offer.columns}
        current = self.scratch / f"{offer.subject}.current.parquet"
        listed = ", ".join(f"{w.out} as {quote(n)}" for n, w in ways.items())
        kinds = {n: w.duck for n, w in ways.items()} | {"@row": "VARCHAR"}
        db.copy_out(self.con, f'select {listed}, {row_digest(names)} as "@row" from ({offer.select}) x', kinds, current, self.duck)
        relation, keys = f"read_parquet('{current}')", ", ".join(map(quote, offer.key))
        self._changes(offer, relation)
        stem = offer.subject.replace(".", "__")
        files = self.scratch / f"{stem}.parquet", self.scratch / f"{stem}.csv"
        ordered = f"select change_type, {', '.join(map(quote, names))} from changes order by {keys}"
        parquet.write(self.duck, ordered, list(offer.columns), *files)
        counted = dict(self.duck.execute("select change_type, count(*) from changes group by 1").fetchall())
        self.duck.execute(
            f"copy (select {keys}, \"@row\" from {relation}) to '{self.books / offer.subject}.parquet' (format parquet, compression zstd)"
        )
        total = count(self.duck, f"select count(*) from {relation}")
        told = self.duck.execute(checksum_in_duckdb(relation)).fetchall()[0][0]
        current.unlink()
        say(f"{offer.title} {offer.subject}：新 {counted.get('I', 0)} 变 {counted.get('U', 0)} 删 {counted.get('D', 0)}，共 {total} 行")
        return Resource(
            subject=offer.subject,
            title=offer.title,
            resource_codes=list(offer.resource_codes),
            basis=offer.basis,
            columns=list(offer.columns),
            key=list(offer.key),
            rows_inserted=counted.get("I", 0),
            rows_updated=counted.get("U", 0),
            rows_deleted=counted.get("D", 0),
            rows_total=total,
            checksum=told,
            parquet=_file(f"data/{stem}.parquet", files[0]),
            csv=_file(f"data/{stem}.csv", files[1]),
        )

    def _changes(self, offer: Offer, relation: str) -> None:
        """View `changes`: change_type and the columns; of deleted rows the key alone."""
        if self.plan.base is None:
            self.duck.execute(f"create or replace temp view changes as select 'I' as change_type, * exclude (\"@row\") from {relation}")
            return
        file = ledger.folder(self.settings, self.receiver, self.plan.base.package_id) / f"{offer.subject}.parquet"
        held = f"read_parquet('{file}')"
        on = " and ".join(f"b.{quote(k)} = c.{quote(k)}" for k in offer.key)
        first = quote(offer.key[0])
        gone = ", ".join(f"b.{quote(c.name)}" if c.name in offer.key else f"null as {quote(c.name)}" for c in offer.columns)
        self.duck.execute(
            f"create or replace temp view changes as select case when b.{first} is null then 'I' else 'U' end as change_type, c.* exclude (\"@row\") "
            f'from {relation} c left join {held} b on {on} where b.{first} is null or b."@row" <> c."@row" '
            f"union all select 'D', {gone} from {held} b anti join {relation} c on {on}"
        )


def _file(name: str, path: Path) -> File:
    made = Digests()
    with path.open("rb") as f:
        while chunk := f.read(CHUNK):
            made.update(chunk)
    sha256, sm3 = made.finish()
    return File(name=name, bytes=made.bytes, sha256=sha256, sm3=sm3)


def _manifest(
    con: Connection,
    settings: Settings,
    scope: Scope,
    plan: _Plan,
    package: UUID,
    digest: str,
    resources: list[Resource],
    algorithm: str | None,
    sender: Party,
) -> Manifest:
    base = plan.base
    publication, vintage = db.rows(con, "select coalesce(max(sequence), 0), coalesce((array_agg(published_on order by sequence desc))[1], %s) from ops.publication where state = 'published'", [settings.today])[0]  # fmt: skip
    chain = base.chain if base else uuid4()
    last = db.rows(con, "select coalesce(max(sequence), 0) from exchange.package where chain = %s", [str(chain)])[0][0]
    return Manifest(
        package_id=package,
        chain=chain,
        sequence=last + 1,
        kind="increment" if base else "full",
        previous=base.package_id if base else None,
        previous_sequence=base.sequence if base else None,
        sender=sender,
        receiver=scope.party,
        created_at=datetime.now(UTC),
        vintage=vintage,
        publication_from=base.publication_to if base else 0,
        publication_to=publication,
        schema_digest=digest,
        resources=resources,
        signature=algorithm,
    )


def _name(manifest: Manifest) -> str:
    """The package's file name: sender, receiver, business date, sequence, the head of its number."""
    number = str(manifest.package_id)[:8]
    return f"jichu-{manifest.sender.code}-{manifest.receiver.code}-{manifest.vintage:%Y%m%d}-{manifest.sequence:04d}-{number}.zip"


def _seal(target: Path, manifest: Manifest, signer: trust.Signer, scratch: Path) -> None:
    """Writes the package: one ZIP file."""
    document = canonical(manifest)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("manifest.json", document, zipfile.ZIP_DEFLATED)
        archive.writestr("manifest.sig", signer.sign(document))
        archive.writestr("README.txt", "\ufeff" + README, zipfile.ZIP_DEFLATED)
        for resource in manifest.resources:
            for file, how in ((resource.parquet, zipfile.ZIP_STORED), (resource.csv, zipfile.ZIP_DEFLATED)):
                archive.write(scratch / Path(file.name).name, file.name, how, 3)


def _book(con: Connection, manifest: Manifest, path: Path) -> None:
    """Enters the package into the books; the caller commits."""
    sha256, sm3 = digests([canonical(manifest)])
    db.rows(
        con,
        "insert into exchange.package (package_id, receiver, chain, sequence, kind, previous, created_at, vintage, publication_from, publication_to, schema_digest, "
        "rows_inserted, rows_updated, rows_deleted, file_name, manifest_sha256, manifest_sm3, signed) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            str(manifest.package_id), manifest.receiver.code, str(manifest.chain), manifest.sequence, manifest.kind, str(manifest.previous) if manifest.previous else None,
            manifest.created_at, manifest.vintage, manifest.publication_from, manifest.publication_to, manifest.schema_digest, manifest.rows("rows_inserted"),
            manifest.rows("rows_updated"), manifest.rows("rows_deleted"), path.name, sha256, sm3, manifest.signature is not None,
        ],
    )  # fmt: skip
    for r in manifest.resources:
        values = ", ".join(str(n) for n in (r.rows_inserted, r.rows_updated, r.rows_deleted, r.rows_total))
        db.rows(
            con,
            f"insert into exchange.package_resource values (%s, %s, %s, %s, {values}, {literal(r.checksum)})",
            [str(manifest.package_id), r.subject, r.resource_codes, r.basis],
        )
