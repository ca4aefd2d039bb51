"""What the commands share: the application, the console, a line of progress."""

import typer
from rich.console import Console
from rich.markup import escape

from etl import settings

app = typer.Typer(
    name="jichu",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="基础：从部门交付到人口、法人、地理、统计、信用、证照各库。",
)
out = Console()
DATASET = typer.Argument(metavar="DATASET", help="部门/数据集，如 public_security/household_register")


def say(text: str) -> None:
    """One line of progress, with the time in Asia/Shanghai."""
    out.print(f"[dim]{settings.now():%H:%M:%S}[/dim] {escape(text)}", highlight=False, soft_wrap=True)
