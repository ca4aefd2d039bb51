"""The command line: what an engineer types. Every error is one Chinese sentence; nothing shows a traceback."""

import logging
import os
import sys
import threading

import typer

from etl import logs
from etl.cli import usage
from etl.cli.app import app
from etl.errors import JichuError, of_the_machine, where

# isort: off
# Each registers its commands, in the order of --help.
from etl.cli import loading as loading, deciding as deciding, looking as looking, proposing as proposing, describing as describing
from etl.cli import (
    documenting as documenting,
    exchanging as exchanging,
    mapping as mapping,
    reviewing as reviewing,
    overriding as overriding,
)
from etl.cli import (
    crediting as crediting,
    city as city,
    services as services,
    recovering as recovering,
    watching as watching,
    measuring as measuring,
)
# isort: on

INTERRUPTED = 130


def main() -> None:
    """Runs the command line; known errors are said in one line with their exit code."""
    try:
        logs.configure()
        code = app(standalone_mode=False)  # click answers with the code of typer.Exit here, and does not raise it
        if code == INTERRUPTED:  # typer's answer to Ctrl-C
            raise KeyboardInterrupt
        sys.exit(code if isinstance(code, int) else 0)
    except JichuError as e:
        print(f"jichu: {e}", file=sys.stderr)
        sys.exit(e.exit_code)
    except typer.Exit as e:
        sys.exit(e.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        print("jichu: 已中断；再运行一次即从断处继续", file=sys.stderr, flush=True)
        if any(t.daemon for t in threading.enumerate()):  # one that could not be interrupted: Python would end beneath it, and crash
            sys.stdout.flush()
            os._exit(INTERRUPTED)
        sys.exit(INTERRUPTED)
    except Exception as e:
        if hasattr(e, "format_message"):  # click's own usage errors
            commands = [c.name or c.callback.__name__ for c in app.registered_commands if c.callback]
            said = usage.in_chinese(e.format_message(), commands)
            print(f"jichu: {said}{'' if said.endswith('？') else '；'}用 --help 看用法", file=sys.stderr)
            sys.exit(2)
        logging.getLogger("jichu").debug("%s", where(e))
        if said := of_the_machine(e):
            print(f"jichu: {said}", file=sys.stderr)
            sys.exit(1)
        print(f"jichu: 内部错误 {type(e).__name__}（JICHU_LOG=debug 可看详情，其中不应有个人信息）", file=sys.stderr)
        sys.exit(1)
