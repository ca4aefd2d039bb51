"""The embedded services: up, down, status."""

from etl import settings as settings_module
from etl.cli.app import app, say


@app.command(rich_help_panel="内嵌的服务")
def up() -> None:
    """启动内嵌的 PostGIS 与 Airflow。"""
    from etl import platform

    platform.up(settings_module.load(), say)


@app.command(rich_help_panel="内嵌的服务")
def down() -> None:
    """停掉内嵌的服务，不留进程。"""
    from etl import platform

    platform.down(settings_module.load(), say)


@app.command(rich_help_panel="内嵌的服务")
def status() -> None:
    """内嵌服务的状态；等待中、挂起、拒收的交付；迟、短、空、重复的交付，与以往不同的交付，列和代码的漂移。"""
    from etl import platform
    from etl.inspect import unusual, waiting

    settings = settings_module.load()
    for name, state in platform.status(settings):
        print(f"{name}：{state}")
    for line in [*waiting(settings), *unusual(settings)]:
        print(line)
