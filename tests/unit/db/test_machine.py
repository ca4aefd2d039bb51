"""What the machine did is told apart from what a row did: it stops a run, and the sentence says what to do."""

import errno

import duckdb
import psycopg2
import pytest
from sqlalchemy.exc import OperationalError

from etl.errors import of_the_machine


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "JICHU_HOME 所在的磁盘已满"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "JICHU_HOME 所在的磁盘已满"),
        (duckdb.IOException("IO Error: Could not write file: No space left on device"), "JICHU_HOME 所在的磁盘已满"),
        (OSError(errno.EIO, "Input/output error"), "磁盘读写出错"),
        (MemoryError(), "内存不够"),
        (psycopg2.OperationalError("server closed the connection unexpectedly"), "与数据库的连接断了"),
        (psycopg2.InterfaceError("connection already closed"), "与数据库的连接断了"),
        (OperationalError("select 1", {}, psycopg2.OperationalError("server closed the connection unexpectedly")), "与数据库的连接断了"),
        (
            OperationalError("select 1", {}, psycopg2.errors.DiskFull("could not extend file: No space left on device")),
            "数据库服务器的磁盘已满",
        ),
        (ValueError("a row"), ""),
        (duckdb.ConversionException("Could not convert"), ""),
        (psycopg2.errors.UniqueViolation("duplicate"), ""),
        (FileNotFoundError(errno.ENOENT, "no such file"), ""),
    ],
)
def test_a_full_or_broken_disk_is_nobodys_row(error: Exception, said: str) -> None:
    assert of_the_machine(error).startswith(said)
    assert bool(of_the_machine(error)) == bool(said)
