"""What one delivered file would become, loading nothing."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from etl import engine, spec
from etl import settings as settings_module
from etl.errors import UsageError

BATCH = 2000


def preview(dataset: str, file: Path, registry: spec.Registry | None = None) -> Iterator[dict[str, Any]]:
    """Yields {"kind": "row"|"refused", …} for each delivered row, in order (contract.md). registry: what is declared, else schemas/."""
    from etl import clean, extract
    from etl.account import account

    if not file.is_file():
        raise UsageError(f"{file} 是文件夹；请指明其中的一个文件" if file.is_dir() else f"没有文件 {file}")
    settings, registry = settings_module.load(), registry or spec.load()
    source = registry.source(dataset)
    if source.delivery.channel != "file":
        raise UsageError(f"{dataset} 经{'数据库' if source.delivery.channel == 'database' else '接口'}交付，不是文件，不能预看")
    with tempfile.TemporaryDirectory() as folder, engine.connect(settings) as con:
        rows = extract.read_file(source, file, Path(folder))
        cleaned = Path(folder) / "cleaned.parquet"
        cleaned = clean.clean(con, registry, source, rows, cleaned, settings.today)
        con.execute("create table nothing (source_key varchar, row_hash uuid, removed_on date, delivered_on date)")
        account(con, cleaned, "nothing", full=False, day=settings.today)
        fields = [n for n, (kind, _) in registry.outputs(source).items() if kind != "BLOB"]
        delivered = [
            c for c in engine.columns(con, f"read_parquet('{rows}')") if c not in ("row_number", "@geometry", "@shape", "@file", "@title")
        ]
        cursor = con.execute(f"""
            select f.row_number, f.fate, f.source_key, f.reasons, c.findings, struct_pack({", ".join(f"{engine.quote(n)} := c.{engine.quote(n)}" for n in fields)}) as cleaned,
                struct_pack({", ".join(f"{engine.quote(n)} := r.{engine.quote(n)}" for n in delivered)}) as record
            from fate f join read_parquet('{cleaned}') c using (row_number) join read_parquet('{rows}') r using (row_number) order by f.row_number
        """)
        while batch := cursor.fetchmany(BATCH):
            for number, fate, key, reasons, findings, row, record in batch:
                if fate == "quarantined":
                    yield {"kind": "refused", "row_number": number, "source_key": key, "reasons": reasons, "record": record}
                else:
                    yield {
                        "kind": "row",
                        "row_number": number,
                        "source_key": key,
                        "row": row,
                        "findings": findings,
                        **({"duplicate": True} if fate == "duplicate" else {}),
                    }
