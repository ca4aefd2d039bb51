"""A tiny city with made-up people: departments that deliver files, a database and an API, and a home to run the pipeline in."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import parse_qs, urlsplit

import psycopg2
from psycopg2.extras import execute_values

from etl import pipeline
from etl.settings import ROOT

KEY = "s3cret-key-of-the-api"
PLATES = ["地址编码", "区县", "街道乡镇", "社区村", "街路巷", "门牌号", "小区名", "楼栋号", "单元", "经度", "纬度", "行政区划代码"]
HEALTH = ["档案号", "姓名", "身份证号", "性别", "出生日期", "现住址", "联系电话", "建档日期", "档案状态"]
FLOATING = [
    "登记编号",
    "姓名",
    "证件类型",
    "证件号码",
    "性别",
    "民族",
    "出生日期",
    "户籍地址",
    "居住地址",
    "来泸日期",
    "联系电话",
    "登记日期",
]
REGISTER = [
    "rkid",
    "xm",
    "gmsfhm",
    "xb",
    "mz",
    "csrq",
    "csd",
    "hhnbid",
    "yhzgx",
    "hyzk",
    "whcd",
    "hkszd",
    "hkdz",
    "lxdh",
    "zxbs",
    "zxrq",
    "gxsj",
]
FIRM = [
    "pripid",
    "uniscid",
    "regno",
    "entname",
    "enttype",
    "lerep",
    "lerepcerno",
    "regcap",
    "regcapcur",
    "estdate",
    "opfrom",
    "opto",
    "dom",
    "opscope",
    "industryco",
    "regstate",
    "candate",
    "updated_at",
]

Row = Mapping[str, Any]


def citizen_id(region: str, birth: str, order: int) -> str:
    """A number with a right check digit; an odd order is a man's."""
    body = f"{region}{birth}{order:03d}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return body + "10X98765432"[sum(int(c) * w for c, w in zip(body, weights, strict=True)) % 11]


def organization_code(body: str) -> str:
    """Eight characters and their check character (GB 11714)."""
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    rest = 11 - sum(digits.index(c) * w for c, w in zip(body, (3, 7, 9, 10, 5, 8, 4, 2), strict=True)) % 11
    return body + "0123456789X"[rest % 11]


def credit_code(region: str, body: str, kind: str = "91") -> str:
    """A unified social credit code with right check characters (GB 32100); `body`: eight digits of the organisation code."""
    alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    text = f"{kind}{region}{organization_code(body)}"
    weights = [3**i % 31 for i in range(17)]
    return text + alphabet[(31 - sum(alphabet.index(c) * w for c, w in zip(text, weights, strict=True)) % 31) % 31]


def full_name(number: int) -> str:
    """One of two hundred made-up names."""
    return "赵钱孙李周吴郑王冯陈"[number % 10] + "春夏秋冬"[number // 10 % 4] + "东南西北中"[number // 40 % 5]


def plate(code: str, road: str, number: str) -> Row:
    """A door plate of the one community there is."""
    return dict(
        zip(PLATES, [code, "江阳区", "南城街道", "上平社区", road, number, "", "", "", "105.44", "28.88", "510502001001"], strict=True)
    )


def health_record(key: str, name: str, number: str, birth: str, sex: str = "男", **more: Any) -> Row:
    """A health record at 佳乐路8号."""
    values = [key, name, number, sex, birth, "泸州市江阳区南城街道上平社区佳乐路8号", "13812340000", "2017-01-02", "活动"]
    return dict(zip(HEALTH, values, strict=True)) | more


def newcomer(key: str, name: str, number: str, birth: str, sex: str = "男", **more: Any) -> Row:
    """A registration of the floating population."""
    values = [
        key,
        name,
        "居民身份证",
        number,
        sex,
        "汉族",
        birth,
        "湖南省永州市新田县1号",
        "江阳区佳乐路8号",
        "2016-05-10",
        "13900000001",
        "2017-05-11",
    ]
    return dict(zip(FLOATING, values, strict=True)) | more


def registered(key: str, name: str, number: str, birth: str, sex: str = "1", **more: Any) -> Row:
    """A row of the household register."""
    values = [
        key,
        name,
        number,
        sex,
        "01",
        birth,
        "510502",
        "H1",
        "02",
        "20",
        "70",
        "510502001001",
        "泸州市江阳区佳乐路8号",
        "13812340000",
        "0",
        None,
        "2016-03-01 08:00:00",
    ]
    return dict(zip(REGISTER, values, strict=True)) | more


def firm(key: str, name: str, code: str, updated: str, **more: Any) -> Row:
    """A record of the register of enterprises."""
    values: list[Any] = [
        key,
        code,
        None,
        name,
        "1130",
        "钱守信",
        citizen_id("510502", "19700101", 11),
        100.0,
        "156",
        "2010-10-05",
        "2010-10-05",
        "9999-12-31",
    ]
    values += ["泸州市江阳区佳乐路8号", "商务服务", "7211", "1", None, updated]
    return dict(zip(FIRM, values, strict=True)) | more


def separated(columns: Sequence[str], rows: Iterable[Row], encoding: str = "utf-8") -> bytes:
    """A CSV file as a department writes it."""

    def cell(value: Any) -> str:
        text = "" if value is None else str(value)
        return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\n\r') else text

    lines = [",".join(columns), *(",".join(cell(r.get(c)) for c in columns) for r in rows)]
    return ("\n".join(lines) + "\n").encode(encoding)


def regions() -> bytes:
    """The city, a county, a town and a community, each a square."""

    def square(size: float) -> list[list[list[list[float]]]]:
        return [[[[105.4, 28.8], [105.4 + size, 28.8], [105.4 + size, 28.8 + size], [105.4, 28.8 + size], [105.4, 28.8]]]]

    told = [
        ("510500000000", "泸州市", "city", 0.5),
        ("510502000000", "江阳区", "county", 0.4),
        ("510502001000", "南城街道", "town", 0.3),
        ("510502001001", "上平社区", "community", 0.2),
    ]
    features = [
        {
            "type": "Feature",
            "properties": {"code": c, "name": n, "level": level},
            "geometry": {"type": "MultiPolygon", "coordinates": square(s)},
        }
        for c, n, level, s in told
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False).encode()


class Service(ThreadingHTTPServer):
    """A department's JSON API, with pages, a key and updated_since."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.records: dict[str, list[Row]] = {}
        self.broken = False
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def connection(self) -> str:
        return f"http://:{KEY}@127.0.0.1:{self.server_address[1]}"


class _Answers(BaseHTTPRequestHandler):
    server: Service

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        query = {k: v[0] for k, v in parse_qs(asked.query).items()}
        if self.server.broken or self.headers.get("X-Api-Key") != KEY:
            self._answer(403, {})
            return
        found = sorted(self.server.records.get(asked.path.strip("/"), []), key=lambda r: str(r["updated_at"]))
        found = [r for r in found if str(r["updated_at"]) > query.get("updated_since", "")]
        page, size = int(query.get("page", 1)), int(query.get("page_size", 500))
        self._answer(200, {"total": len(found), "page": page, "data": found[(page - 1) * size : page * size]})

    def _answer(self, code: int, body: Mapping[str, Any]) -> None:
        text = json.dumps(body, ensure_ascii=False).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: Any) -> None:
        """Silent."""


def execute(url: str, sql: str, rows: Sequence[Sequence[Any]] | None = None) -> list[tuple[Any, ...]]:
    """Runs a statement, or inserts many rows (`values %s`), and gives what it answers."""
    con = psycopg2.connect(url)
    try:
        with con, con.cursor() as c:
            if rows is None:
                c.execute(sql)
            elif rows:
                execute_values(c, sql, rows)
            return list(c.fetchall()) if c.description else []
    finally:
        con.close()


def fill_register(url: str, rows: Sequence[Row]) -> None:
    """Writes the police's table gaj.czrk anew."""
    execute(url, "create schema if not exists gaj; drop table if exists gaj.czrk")
    execute(url, f"create table gaj.czrk ({', '.join(f'{c} text' for c in REGISTER if c != 'gxsj')}, gxsj timestamp)")
    execute(url, f"insert into gaj.czrk ({', '.join(REGISTER)}) values %s", [tuple(r[c] for c in REGISTER) for r in rows])


@dataclass
class City:
    """A drop folder, a home and a library database; `say`: what the runs said."""

    drop: Path
    home: Path
    url: str
    today: str = "2018-03-05"
    extra: dict[str, str] = field(default_factory=dict)

    def deliver(self, dataset: str, day: str, data: bytes, name: str | None = None, done: bytes | None = b"") -> Path:
        """Writes a delivery folder (file name by the kind of dataset)."""
        folder = self.drop / dataset / day
        folder.mkdir(parents=True, exist_ok=True)
        (folder / (name or f"{dataset.split('/')[1]}_{day}{'.geojson' if dataset == 'land/regions' else '.csv'}")).write_bytes(data)
        if done is not None:
            (folder / "_SUCCESS").write_bytes(done)
        return folder

    def plates(self, day: str = "20180301", rows: Sequence[Row] | None = None) -> None:
        """The door plates, the town's shape beside them."""
        self.deliver("land/regions", "20180301", regions())
        self.deliver(
            "public_security/door_plates",
            day,
            separated(PLATES, rows or [plate("A1", "佳乐路", "8号"), plate("A2", "佳乐路", "10号")], "utf-8-sig"),
        )

    def health(self, day: str, rows: Sequence[Row], **more: Any) -> Path:
        return self.deliver("health/health_records", day, separated(HEALTH, rows), **more)

    def floating(self, day: str, rows: Sequence[Row], **more: Any) -> Path:
        return self.deliver("public_security/floating_population", day, separated(FLOATING, rows, "gb18030"), **more)

    @property
    def environment(self) -> dict[str, str]:
        """What a process of this city has in its environment."""
        own = {
            "JICHU_DATABASE_URL": self.url,
            "JICHU_HOME": str(self.home),
            "JICHU_DROP": str(self.drop),
            "JICHU_TODAY": self.today,
            "JICHU_LOCK_WAIT": "1",
        }
        return own | {"JICHU_MEMORY": "1GB"} | self.extra

    def run(self, *only: str, today: str | None = None) -> pipeline.Summary:
        """The whole pipeline in this process."""
        with self.inside(today):
            return pipeline.run(None, only)

    def ingest(self, dataset: str, today: str | None = None) -> list[dict[str, Any]]:
        """Takes the waiting deliveries of one dataset; what became of each."""
        with self.inside(today):
            return list(pipeline.ingest(dataset)["deliveries"])

    @contextmanager
    def inside(self, today: str | None = None) -> Iterator[None]:
        """The environment of this city."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("JICHU_", "AIRFLOW_CONN_"))}
        with mock.patch.dict(os.environ, kept | self.environment | ({"JICHU_TODAY": today} if today else {}), clear=True):
            yield

    def process(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """`jichu …` in a process of its own."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("JICHU_", "AIRFLOW_CONN_"))}
        command = [sys.executable, "-m", "etl.cli", *arguments]
        return subprocess.Popen(
            command, cwd=ROOT, env=kept | self.environment | environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def command(self, *arguments: str, **environment: str) -> tuple[int, str, str]:
        """Exit code, output and error output of `jichu …`."""
        process = self.process(*arguments, **environment)
        out, err = process.communicate(timeout=300)
        return process.returncode, out, err

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        return execute(self.url, sql)

    def states(self, dataset: str) -> list[tuple[Any, ...]]:
        """(delivered_on, state, code of the reason) of a dataset's deliveries in their order."""
        sql = (
            f"select delivered_on::text, state, split_part(reason, ':', 1) from ops.delivery where dataset = '{dataset}' order by sequence"
        )
        return self.query(sql)

    def counts(self, dataset: str) -> list[tuple[int, ...]]:
        """(in, new, changed, unchanged, removed, duplicate, quarantined) of each delivery."""
        sql = "select rows_in, rows_new, rows_changed, rows_unchanged, rows_removed, rows_duplicate, rows_quarantined"
        return self.query(f"{sql} from ops.delivery where dataset = '{dataset}' order by sequence")


VOLATILE = {
    "at",
    "publication",
    "run_at",
    "loaded_at",
    "published_at",
    "opened_at",
    "closed_at",
    "held_at",
    "asked_at",
    "sequence",
    "seconds",
    "row_hash_at",
}
SKIPPED = {
    "ops.instance",
    "ops.stage",
    "ops.publication",
    "quality.result",
    "match.quality_run",
    "match.blocking",
    "public.alembic_version",
    "public.spatial_ref_sys",
}


def content(url: str, skip: Iterable[str] = (), also_volatile: Iterable[str] = ()) -> dict[str, list[str]]:
    """Every row of every table as text, without columns that tell the time of the run; no candidate tables."""
    volatile = VOLATILE | set(also_volatile)
    con = psycopg2.connect(url)
    try:
        with con.cursor() as c:
            c.execute("""
                select n.nspname || '.' || k.relname, array_agg(a.attname::text order by a.attnum)
                from pg_class k join pg_namespace n on n.oid = k.relnamespace join pg_attribute a on a.attrelid = k.oid and a.attnum > 0 and not a.attisdropped
                where k.relkind in ('r', 'p') and n.nspname not in ('pg_catalog', 'information_schema', 'candidate', 'tiger', 'topology') group by 1
            """)
            found = {}
            for table, columns in sorted(c.fetchall()):
                if table not in SKIPPED | set(skip):
                    listed = ", ".join(f'"{n}"' for n in columns if n not in volatile)
                    c.execute(f"select row({listed})::text from {table} order by 1")
                    found[table] = [r[0] for r in c.fetchall()]
            return found
    finally:
        con.close()


def differing(one: dict[str, list[str]], other: dict[str, list[str]]) -> dict[str, tuple[int, int]]:
    """Tables whose content differs, with the rows that only one side has (no content: it may stand in a log)."""
    return {
        t: (len(set(one.get(t, [])) - set(other.get(t, []))), len(set(other.get(t, [])) - set(one.get(t, []))))
        for t in sorted(set(one) | set(other))
        if one.get(t) != other.get(t)
    }
