"""What the commands share: the application, the console, a line of progress."""

import os
from pathlib import Path

import typer
from rich.console import Console
from rich.markup import escape

from etl import settings
from etl.errors import UsageError

app = typer.Typer(
    name="jichu",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="基础：从部门交付到人口、法人、地理、统计、信用、证照各库。",
)
# A file or a pipe has no width: names must not be cut short there (rich would take 80 columns).
out = Console(width=None if Console().is_terminal or "COLUMNS" in os.environ else 160)
DATASET = typer.Argument(metavar="DATASET", help="部门/数据集，如 public_security/household_register")


def a_folder(path: Path | None) -> Path | None:
    """For an option that names a folder to write to: a file of that name is wrong usage."""
    if path and path.exists() and not path.is_dir():
        raise UsageError(f"{path} 是文件；这里应写文件夹")
    return path


def say(text: str) -> None:
    """One line of progress, with the time in Asia/Shanghai."""
    out.print(f"[dim]{settings.now():%H:%M:%S}[/dim] {escape(text)}", highlight=False, soft_wrap=True)
