"""`jichu doctor` finds what is wrong with a deployment, says what to do, and changes nothing."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pipeline_kit import City, Service, content, execute

from etl.platform.postgres import free_port


def examined(city: City, **environment: str) -> tuple[int, list[dict[str, str]]]:
    """Exit code and lines."""
    code, out, err = city.command("doctor", "--json", **environment)
    assert err == "", err
    return code, [json.loads(line) for line in out.splitlines()]


def of(lines: list[dict[str, str]], what: str) -> list[dict[str, str]]:
    return [x for x in lines if x["what"].startswith(what)]


@pytest.fixture(scope="module")
def sick(
    new_database: Callable[[], str], service: Service, tmp_path_factory: pytest.TempPathFactory
) -> tuple[City, int, list[dict[str, str]]]:
    """A deployment with something wrong in every corner, and what doctor says of it."""
    folder = tmp_path_factory.mktemp("sick")
    city = City(folder / "drop", folder / "home", new_database())
    (city.drop / "health" / "health_records").mkdir(parents=True)
    for name in ("landing/health", "tmp/.tmp-left", "mail/outbox"):
        (city.home / name).mkdir(parents=True)
    for name, mode in (("landing/health/rows.parquet", 0o644), ("connections.env", 0o644)):
        (city.home / name).write_text("AIRFLOW_CONN_X=1\n", encoding="utf-8")
        (city.home / name).chmod(mode)
    (city.home / "landing").chmod(0o755)
    execute(city.url, "create table candidate.health__health_records (x text)")
    execute(
        city.url,
        "insert into ops.delivery (dataset, delivery_id, delivered_on, kind, state, reason, content_sha256, loaded_at) values "
        "('health/health_records', '20180301-aa', '2018-03-01', 'full', 'held', 'fewer_rows: 少了', 'a', now() - interval '3 days'), "
        "('land/regions', '20180301-bb', '2018-03-01', 'full', 'loaded', null, 'b', now() - interval '3 days')",
    )
    city.extra |= {
        "AIRFLOW_CONN_MARKET_REGULATION": service.connection,
        "AIRFLOW_CONN_PUBLIC_SECURITY": f"postgres://reader:s3cret-word@127.0.0.1:{free_port()}/gaj",
        "AIRFLOW_CONN_SMTP_DEFAULT": f"smtp://127.0.0.1:{free_port()}?disable_ssl=true&disable_tls=true",
        "JICHU_LOCKWAIT": "5",
    }
    before = content(city.url)
    code, lines = examined(city)
    assert content(city.url) == before, "it looks and does not touch"
    return city, code, lines


@pytest.fixture(scope="module")
def service() -> Service:
    """The API of one department."""
    return Service()


@pytest.mark.parametrize(
    ("what", "level", "said"),
    [
        ("数据库版本", "ok", "PostgreSQL"),
        ("扩展", "ok", "postgis"),
        ("装载账号", "ok", "不是超级用户"),
        ("库表版本", "ok", "最新"),
        ("加密", "ok", "回环"),
        ("口令", "ok", "SCRAM"),
        ("数据库设置", "bad", "fsync=off"),
        ("时间点恢复", "warning", "没有归档"),
        ("时钟", "ok", "上海时间"),
        ("设置", "warning", "JICHU_LOCKWAIT"),
        ("设置", "warning", "JICHU_TODAY"),
        ("权限", "bad", "landing"),
        ("权限", "bad", "connections.env"),
        ("磁盘（JICHU_HOME）", "", "GB"),
        ("来源（市公安局", "bad", "连不上"),
        ("来源（文件）", "ok", "1 个有投递文件夹"),
        ("邮件", "bad", "ConnectionRefusedError"),
        ("Airflow", "ok", "没有内嵌"),
        ("锁", "ok", ""),
        ("遗留物", "warning", "1 张候选表"),
        ("备份", "warning", "从来没有"),
        ("挂起", "warning", "health/health_records 20180301-aa"),
        ("库（地理", "bad", "从未发布"),
    ],
)
def test_each_thing_is_looked_at_and_what_is_wrong_is_said(
    sick: tuple[City, int, list[dict[str, str]]], what: str, level: str, said: str
) -> None:
    found = [x for x in of(sick[2], what) if said in x["said"] and level in ("", x["level"])]
    assert found, of(sick[2], what)
    assert all(bool(x["todo"]) == (x["level"] != "ok") for x in sick[2]), "whatever is wrong comes with what to do"


def test_the_exit_code_says_that_something_must_be_done_and_no_secret_is_shown(sick: tuple[City, int, list[dict[str, str]]]) -> None:
    city, code, lines = sick
    assert code == 1
    shown = json.dumps(lines, ensure_ascii=False)
    assert "s3cret-word" not in shown
    assert city.url.split(":")[2].split("@")[0] not in shown


def test_without_a_database_it_says_so_and_looks_at_the_rest(tmp_path: Path) -> None:
    city = City(tmp_path / "drop", tmp_path / "home", f"postgresql://jichu:x@127.0.0.1:{free_port()}/jichu")
    code, out, err = city.command("doctor")
    assert (code, err) == (1, ""), err
    assert "✗ 数据库：连不上数据库" in out
    assert "→" in out
    assert "磁盘" in out
