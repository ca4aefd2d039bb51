"""`python -m etl.platform run|up|down|status|clean`: what the Makefile calls."""

import argparse
import sys

from etl import platform, settings
from etl.errors import JichuError


def main() -> int:
    """Runs one command; an error is one Chinese sentence and an exit code."""
    parser = argparse.ArgumentParser(prog="python -m etl.platform", description=__doc__)
    parser.add_argument("command", choices=["run", "up", "down", "status", "clean"])
    parser.add_argument("--persons", type=int, default=20000)
    given = parser.parse_args()
    try:
        return _do(given.command, given.persons)
    except JichuError as e:
        print(e, file=sys.stderr)
        return e.exit_code
    except KeyboardInterrupt:
        print("\n已中断；服务仍在运行，make down 停止，make run 继续。", file=sys.stderr)
        return 130


def _do(command: str, persons: int) -> int:
    loaded = settings.load()
    if command == "run":
        return platform.demo_run(loaded, _say, persons)
    if command == "status":
        for name, state in platform.status(loaded):
            _say(f"{name}：{state}")
    else:
        {"up": platform.up, "down": platform.down, "clean": platform.clean}[command](loaded, _say)
    return 0


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
