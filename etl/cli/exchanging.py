"""What goes to others and comes from them: export, acknowledge, import, counties, open-data."""

import os
from pathlib import Path
from typing import Annotated

import typer

from etl import settings as settings_module
from etl import spec
from etl.cli.app import a_folder, app, say
from etl.errors import UsageError
from etl.settings import Settings

PANEL = "交换与开放"


def _ready(as_of: str | None) -> Settings:
    """Settings, on a database of the newest shape."""
    from etl import migrate

    os.umask(0o077)  # packages hold personal data: for this user alone
    settings = settings_module.load(as_of=as_of)
    migrate.migrate(settings)
    return settings


def _folder(path: Path) -> Path:
    """The folder, made if need be; said at once when it cannot be written to."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError:
        raise UsageError(f"文件夹 {path} 建不了；请用 --out 换一个") from None
    if not os.access(path, os.W_OK):
        raise UsageError(f"文件夹 {path} 写不进去；请用 --out 换一个")
    return path


AS_OF = Annotated[str | None, typer.Option(help="业务日期 YYYY-MM-DD：授权是否有效按这天算")]


@app.command(rich_help_panel=PANEL)
def export(
    receiver: Annotated[str, typer.Argument(metavar="RECEIVER", help="接收方：province，或区县代码、名称，如 510502、江阳区")],
    out_dir: Annotated[Path | None, typer.Option("--out", callback=a_folder, help="放包的文件夹；不写为 JICHU_HOME/exchange/out")] = None,
    as_of: AS_OF = None,
) -> None:
    """给省或区县出一个交换包（ZIP：GeoParquet、CSV、清单、摘要、签名）。

    第一次是全量；对方的回执用 jichu acknowledge 记下之后，只出变化。给什么由目录的共享类型和 schemas/exchange.yml 的授权定。
    """
    from etl import exchange

    settings = _ready(as_of)
    done = exchange.export(settings, spec.load(), receiver, _folder(out_dir or settings.home / "exchange" / "out"), say)
    for sentence in done.withheld:
        print(f"不给 {sentence}")
    if done.path is None:
        print(f"没有出包：{done.why}")
        return
    print(f"{done.path}\n{'全量' if done.kind == 'full' else '增量'}（{done.why}），{done.rows} 行，{done.seconds:.1f} 秒")


@app.command(rich_help_panel=PANEL)
def acknowledge(
    package: Annotated[str, typer.Argument(metavar="PACKAGE", help="所发的包：文件、文件名，或包编号的开头")],
    receipt: Annotated[Path, typer.Argument(metavar="RECEIPT", help="接收方 jichu import 写出的 .receipt.json")],
) -> None:
    """记下接收方的回执：下一个包从这个包起只出变化。"""
    from etl import exchange

    done = exchange.acknowledge(_ready(None), package, receipt)
    print(f"{done.receiver} 已收到第 {done.sequence} 包（{done.applied_at:%Y-%m-%d %H:%M}）；下次只出此后的变化")


@app.command("import", rich_help_panel=PANEL)
def import_(
    package: Annotated[Path, typer.Argument(metavar="PACKAGE", help="收到的交换包（.zip）")],
    out_dir: Annotated[Path | None, typer.Option("--out", callback=a_folder, help="放回执的文件夹；不写则放在包旁边")] = None,
) -> None:
    """收一个交换包：核对签名、摘要、结构、次序，装进 received 模式，写出回执。同一个包收两次不变。"""
    from etl import exchange

    done = exchange.receive(_ready(None), package, _folder(out_dir or package.parent))
    told = (
        "以前收过，没有改动"
        if done.again
        else f"装入 {done.rows} 行变化，{len(done.manifest.resources)} 张表，校验和与发送方相等，{done.seconds:.1f} 秒"
    )
    print(f"{done.manifest.sender.title} 第 {done.manifest.sequence} 包：{told}\n回执 {done.receipt}，请交还发送方")


@app.command(rich_help_panel=PANEL)
def counties(as_of: AS_OF = None) -> None:
    """建好各区县、园区自己的模式 county_<代码>，让同名的数据库角色只读自己的。"""
    from etl import exchange

    settings = _ready(as_of)
    done = exchange.build_counties(settings, spec.load())
    readers = exchange.readers(settings)
    for code, outcome in done.items():
        role = "角色可读" if readers.get(code) else f"还没有角色 county_{code}（create role county_{code} 之后再运行一次）"
        print(f"county_{code}：{'已建' if outcome == 'built' else '未变'}，{role}")


@app.command("open-data", rich_help_panel=PANEL)
def open_data(
    out_dir: Annotated[Path | None, typer.Option("--out", callback=a_folder, help="放开放数据的文件夹；不写为 JICHU_HOME/open")] = None,
    as_of: AS_OF = None,
) -> None:
    """出一期开放数据：汇总、匿名，小格与可推得的格都隐去；CSV、Parquet、GeoPackage 与 DCAT 目录。"""
    from etl.exchange.opening import open_data as publish

    settings = _ready(as_of)
    folder = _folder(out_dir or settings.home / "open")
    done = publish(settings, spec.load(), folder, say)
    print(f"{len(done)} 个数据集在 {folder}，目录 catalog.jsonld；共隐去 {sum(p.suppressed for p in done)} 格")
