"""The SQLAlchemy path that MariaDB and MySQL take, on the one SQL database that needs no server."""

from pathlib import Path

import pyarrow.parquet as pq
import sqlalchemy

from etl.extract import mysql
from etl.extract.limits import limits
from etl.extract.reading import Reading
from etl.extract.rows import Rows
from etl.spec import Source

SOURCE = Source.model_validate(
    {
        "name": "test_office/things",
        "stem": "test_office/things",
        "title": "测试",
        "delivery": {"channel": "database", "kind": "full", "table": "things"},
        "key": ["id"],
        "columns": {c: {"as": c} for c in ("id", "amount", "born")},
    }
)


def test_rows_are_streamed_as_text_with_null_and_empty_told_apart(tmp_path: Path) -> None:
    engine = sqlalchemy.create_engine("sqlite://")
    with engine.connect() as con:
        con.execute(sqlalchemy.text("create table things (id text, amount numeric(10, 2), born date)"))
        con.execute(sqlalchemy.text("insert into things values ('1', 690.00, '2018-03-01'), ('', null, null)"))
        described = sqlalchemy.Table("things", sqlalchemy.MetaData(), autoload_with=con)
        reading = Reading(SOURCE, limits(), Rows(tmp_path, limits()), tmp_path)
        first = mysql.stream(con, described, "things", reading)
        reading.rows.finish(tmp_path / "rows.parquet", reading.names.declared)
        assert mysql.stream(con, described, "things", reading) == first
    taken = pq.read_table(tmp_path / "rows.parquet").to_pylist()
    assert [(r["id"], r["amount"], r["born"]) for r in taken] == [("1", "690", "2018-03-01"), ("", None, None)]
