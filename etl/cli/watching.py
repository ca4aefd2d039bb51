"""Watching: metrics for a collector or a scraper."""

from pathlib import Path
from typing import Annotated

import typer

from etl import metrics as numbers
from etl import migrate, settings, store
from etl.cli.app import app, out
from etl.errors import JichuError, UsageError


@app.command(rich_help_panel="运维")
def metrics(
    to: Annotated[Path | None, typer.Option("--out", help="写成这个文件（node_exporter 的 textfile 文件夹），写完才换名")] = None,
    push: Annotated[bool, typer.Option("--push", help="发给 OTEL_EXPORTER_OTLP_ENDPOINT 所指的收集器，不打印")] = False,
) -> None:
    """运行指标：各数据集的行数、交付状态、各阶段用时、各库距上次发布多久、工单与积压的邮件，Prometheus 文本格式。只有数目和名称，没有个人信息。"""
    if to and (to.is_dir() or not to.absolute().parent.is_dir()):
        raise UsageError(f"{to} 是文件夹；请指明其中的一个文件" if to.is_dir() else f"没有文件夹 {to.parent}，先建好再写")
    loaded = settings.load()
    if not migrate.current(loaded):
        raise UsageError("数据库还没有建好或版本较旧：先运行一次 jichu run 或 jichu up")
    if push:
        if not numbers.listening():
            raise UsageError("没有设置收集器：OTEL_EXPORTER_OTLP_ENDPOINT=http://主机:4318")
        if not numbers.push(loaded):
            raise JichuError("收集器没有收下，请看它的地址（OTEL_EXPORTER_OTLP_ENDPOINT）与日志")
        return
    text = numbers.exposition(numbers.read(loaded))
    if to is None:
        out.out(text, end="", highlight=False)
        return
    with store.write_atomically(to) as file:  # the scraper never sees half a file
        file.write_text(text, encoding="utf-8")
        file.chmod(0o644)
