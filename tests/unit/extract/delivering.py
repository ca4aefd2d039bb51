"""A department's drop folder in a temporary place, and what lands from it."""

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow.parquet as pq

from etl import extract, settings
from etl.extract import Landed, Waiting
from etl.settings import Settings
from etl.spec import Source

DATASET = "test_office/things"
DAY = "20180301"


def source(columns: Sequence[str], format: str = "csv", key: str | None = None, rest: str | None = None, **terms: Any) -> Source:
    """A source of these columns; `terms` as in Terms."""
    return Source.model_validate(
        {
            "name": DATASET,
            "stem": DATASET,
            "title": "测试",
            "delivery": {"channel": "file", "kind": "full", "format": format, **terms},
            "key": [key or columns[0]],
            "columns": {c: {"as": f"c{i}"} for i, c in enumerate(columns)},
            "rest": rest,
        }
    )


class Office:
    """A drop folder and a home. `deliver` fills a dated folder, `land` lands the newest complete one."""

    def __init__(self, folder: Path):
        self.drop, self.home = folder / "drop", folder / "home"
        self.settings: Settings = replace(settings.load(self.drop, "2018-03-05"), home=self.home, drop=self.drop)

    def folder(self, day: str = DAY) -> Path:
        return self.drop / DATASET / day

    def deliver(self, files: Mapping[str, bytes], day: str = DAY, done: bytes | None = b"") -> Path:
        folder = self.folder(day)
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (folder / name).write_bytes(data)
        if done is not None:
            (folder / "_SUCCESS").write_bytes(done)
        return folder

    def waiting(self, of: Source) -> list[Waiting]:
        return extract.find(of, self.settings)

    def land(self, of: Source) -> Landed:
        return extract.land(of, self.waiting(of)[-1], self.settings)

    def landings(self) -> list[Path]:
        root = self.home / "landing" / DATASET
        return sorted(root.iterdir()) if root.exists() else []

    def take(self, of: Source, files: Mapping[str, bytes], done: bytes = b"") -> list[dict[str, Any]]:
        """Delivers, lands, and gives the rows."""
        self.deliver(files, done=done)
        return rows(self.land(of))


def rows(landed: Landed) -> list[dict[str, Any]]:
    """The rows that landed, as dictionaries without the context columns @file and @sheet."""
    table = pq.read_table(landed.rows)
    assert table.num_rows == landed.rows_in
    return [{k: v for k, v in row.items() if k not in ("@file", "@sheet")} for row in table.to_pylist()]


def workbook(*sheets: tuple[str, list[list[Any]]], merges: Mapping[str, Sequence[str]] | None = None) -> bytes:
    """An .xlsx of named sheets; `merges`: sheet → ranges such as A1:C1."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, lines in sheets:
        sheet = book.create_sheet(name)
        for line in lines:
            sheet.append(line)
        for area in (merges or {}).get(name, ()):
            sheet.merge_cells(area)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def zipped(files: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP of these files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


REFUSED = """
import json, sys, time
from dataclasses import replace
from pathlib import Path
from etl import extract, settings
from etl.errors import DeliveryRefused
from etl.spec import Source
import etl.extract.formats.layers, etl.extract.formats.workbook, etl.extract.formats.separated, openpyxl
def peak():
    return int(next(l for l in Path("/proc/self/status").read_text().splitlines() if l.startswith("VmHWM")).split()[1]) // 1024
of, drop, home = Source.model_validate_json(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
here = replace(settings.load(drop, "2018-03-05"), home=home)
before, began = peak(), time.monotonic()
try:
    code = f"landed {extract.land(of, extract.find(of, here)[-1], here).rows_in}"
except DeliveryRefused as e:
    code = e.code
print(json.dumps({"code": code, "peak_mb": peak(), "grown_mb": peak() - before, "seconds": round(time.monotonic() - began, 1)}))
"""


def refused_in_a_process(of: Source, office: Office, env: Mapping[str, str]) -> dict[str, Any]:
    """Lands the newest delivery in a process of its own: the code it is refused for, its peak memory above what imports take."""
    command = [sys.executable, "-c", REFUSED, of.model_dump_json(by_alias=True), str(office.drop), str(office.home)]
    done = subprocess.run(command, cwd=settings.ROOT, env=os.environ | env, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    told: dict[str, Any] = json.loads(done.stdout)
    return told
