"""What `make run` prints at its end: accounts, counts, scores, and where everything is. No row of anybody's data."""

from collections.abc import Callable, Sequence
from io import StringIO
from typing import Any

import psycopg2
from psycopg2 import sql
from rich.console import Console
from rich.table import Table

from etl import spec
from etl.platform import airflow
from etl.platform.services import Database
from etl.settings import Settings

Say = Callable[[str], None]
Rows = Sequence[Sequence[Any]]

ACCOUNTS = """
select dataset, count(*), count(*) filter (where state <> 'loaded'), sum(rows_in), sum(rows_new), sum(rows_changed), sum(rows_unchanged),
       sum(rows_duplicate), sum(rows_quarantined), sum(rows_removed)
from ops.delivery group by dataset order by dataset
"""
REFUSED = "select dataset, delivery_id, state, reason from ops.delivery where state in ('rejected', 'held') order by dataset, delivery_id"
DIMENSIONS = {
    "total": "综合",
    "normativity": "规范",
    "completeness": "完整",
    "accuracy": "准确",
    "consistency": "一致",
    "timeliness": "时效",
    "accessibility": "可访问",
}


def print_summary(settings: Settings, database: Database, say: Say) -> None:
    """Everything, in order."""
    connection = psycopg2.connect(database.library)
    try:
        say(accounts(connection))
        say(libraries(connection))
    finally:
        connection.close()
    say(scores(settings, database.library))
    say(addresses(settings, database))


def accounts(connection: Any) -> str:
    """Row accounts per dataset, and every delivery that was not loaded with its reason."""
    heads = ["数据集", "交付", "未装载", "收到", "新增", "变更", "未变", "重复", "隔离", "消失"]
    rows = _rows(connection, ACCOUNTS)
    total = ["合计", *(sum(r[i] for r in rows) for i in range(1, len(heads)))]
    out = table("交付账目（收到＝新增＋变更＋未变＋重复＋隔离）", heads, [*rows, total])
    refused = _rows(connection, REFUSED)
    return out + (table("拒收与挂起", ["数据集", "交付编号", "状态", "原因"], refused, wide=True) if refused else "")


def libraries(connection: Any) -> str:
    """Rows of every published table."""
    counts = []
    for library in spec.load().ordered_libraries():
        for name in library.tables:
            schema, _, plain = name.partition(".")
            count = sql.SQL("select count(*) from {}").format(sql.Identifier(schema, plain))
            counts.append((library.title, name, _rows(connection, count)[0][0]))
    return table("各库行数", ["库", "表", "行数"], counts)


def scores(settings: Settings, url: str) -> str:
    """Quality scores per department and dimension on the business date, 0 to 100; empty where nothing could be judged."""
    from etl import check

    titles = {n: d.title for n, d in spec.load().departments.items()}
    found: dict[str, dict[str, float]] = {}
    for score in check.scores(url, settings.today):
        if score.scope == "department" and score.value is not None:
            found.setdefault(score.name, {})[score.dimension] = score.value
    rows = [[titles.get(n, n), *(_points(s.get(d)) for d in DIMENSIONS)] for n, s in sorted(found.items())]
    return table("质量得分（GB/T 36344，满分 100）", ["部门", *DIMENSIONS.values()], rows)


def addresses(settings: Settings, database: Database) -> str:
    """Where to look and how to get in."""
    analyst = "由该服务器的管理员授予"
    if database.cluster:
        analyst = database.cluster.role_url("analyst", "jichu")
    lines = {
        "Airflow 页面": f"{airflow.address(settings.home)}  用户 {airflow.USER}  密码 {airflow.password(settings.home)}",
        "分析人员连接": analyst,
        "邮件": str(settings.home / "mail"),
        "部门交付": str(settings.drop),
        "日志": str(settings.home / "logs"),
    }
    return "\n" + "\n".join(f"{k}：{v}" for k, v in lines.items())


def table(title: str, heads: Sequence[str], rows: Rows, *, wide: bool = False) -> str:
    """A plain table that keeps its columns straight with Chinese text; text left, numbers right."""
    made = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="", title_style="")
    for i, head in enumerate(heads):
        numeric = bool(rows) and all(isinstance(r[i], int | float) or not isinstance(r[i], str) for r in rows)
        made.add_column(head, justify="right" if numeric else "left", no_wrap=not wide)
    for row in rows:
        made.add_row(*("" if v is None else f"{v:,}" if isinstance(v, int) else f"{v}" for v in row))
    file = StringIO()
    Console(file=file, width=160, color_system=None).print(made)
    return "\n" + "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"


def _points(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def _rows(connection: Any, query: str | sql.Composable) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return [tuple(int(v) if type(v).__name__ == "Decimal" else v for v in row) for row in cursor.fetchall()]
