"""`jichu doctor`: looks at a deployment and says, line by line, what is well and what to do about the rest. Changes nothing."""

from collections.abc import Callable, Iterator
from functools import partial

from etl import db, spec
from etl.doctor import database, home, outside, state
from etl.doctor.line import Line, bad, carefully
from etl.errors import DatabaseError
from etl.settings import Settings

__all__ = ["Line", "examine"]


def examine(settings: Settings) -> list[Line]:
    """Every check, the database's only when it answers."""
    registry = spec.load()
    checks: list[tuple[str, Callable[[], Iterator[Line]]]] = []
    lines: list[Line] = []
    try:
        con = db.connect(settings, autocommit=True)
    except DatabaseError as e:
        lines.append(bad("数据库", str(e), "启动数据库（jichu up 或管理员），核对 JICHU_DATABASE_URL 的主机、端口、库、用户、口令"))
        con = None
    try:
        if con:
            checks += [(n, partial(f, settings, con)) for n, f in database.CHECKS.items()]
        checks += [(n, partial(f, settings)) for n, f in home.CHECKS.items()]
        checks += [(n, partial(f, settings, registry)) for n, f in outside.CHECKS.items()]
        if con and db.rows(con, "select to_regclass('ops.backup') is not null")[0][0]:
            checks += [(n, partial(f, settings, con, registry)) for n, f in state.CHECKS.items()]
        for name, check in checks:
            lines += carefully(name, check)
    finally:
        if con:
            con.close()
    return lines
