"""The register of systems: the form's words beside what was really delivered."""

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from etl import spec
from etl.merge import registry
from etl.settings import Settings
from etl.workbench import Workbench

FORM = {
    "system_name": "业务系统", "unit": "市水务局", "function": "业务受理", "scope": "全市", "frequency": "每天", "network": "government", "classified": "no", "in_cloud": "yes",
    "migrate_by": None, "connected_claimed": "yes", "approved_by": "市发展改革委", "approved_on": "2015年3月", "funding_source": "财政资金", "yearly_cost": 5, "status": "in_use",
}  # fmt: skip
ALL = (("water/stations", "loaded"), ("water/intake_permits", "loaded"))
Build = Callable[..., dict[str, Any]]


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Build]:
    """The row that one form makes of `deliveries` (dataset, state) as of a day."""
    con = duckdb.connect()

    def run(
        deliveries: tuple[tuple[str, str], ...] = ALL,
        today: date = date(2018, 3, 1),
        dataset: str = "water/information_systems",
        **said: Any,
    ) -> dict[str, Any]:
        for schema in ("feed", "published", "out"):
            con.execute(f"create schema if not exists {schema}")
        row = {**FORM, **said}
        con.execute("create or replace table published.delivery (dataset varchar, state varchar, kind varchar)")
        for name, state in deliveries:
            con.execute("insert into published.delivery values (?, ?, 'full')", [name, state])
        listed = ", ".join(f'?::{"decimal(18,2)" if n == "yearly_cost" else "varchar"} as "{n}"' for n in row)
        con.execute(
            f"create or replace table feed.information_system as select ?::varchar as dataset, 'k' as source_key, null::date as removed_on, {listed}",
            [dataset, *row.values()],
        )
        settings = Settings("", tmp_path, tmp_path, "duckdb", 512, today, 1.0, 1000)
        declared = spec.load()
        registry.build(Workbench(con, settings, declared, declared.libraries["registry"]))
        found = con.execute("select * from out.information_system")
        names = [d[0] for d in found.description or []]
        (values,) = found.fetchall()
        return dict(zip(names, values, strict=True))

    yield run
    con.close()


def test_a_connected_migrated_system_is_fundable_and_consistent(build: Build) -> None:
    row = build()
    assert (row["fundable"], row["advice"], row["contradictions"], row["connected_actual"]) == (True, "keep", [], True)


def test_a_claimed_connection_without_any_delivery_is_a_contradiction_and_not_fundable(build: Build) -> None:
    row = build(deliveries=())
    assert not row["connected_actual"]
    assert not row["fundable"]
    assert "未接入" in row["fundable_reason"]
    assert row["contradictions"] == ["所填已接入共享平台，实际没有任何数据集交付"]


@pytest.mark.parametrize(
    "deliveries",
    [
        (("water/stations", "held"),),
        (("water/stations", "rejected"),),
        (("water/information_systems", "loaded"),),
        (("health/health_records", "loaded"),),
    ],
)
def test_a_refused_or_held_delivery_the_form_itself_or_another_department_is_no_connection(
    build: Build, deliveries: tuple[tuple[str, str], ...]
) -> None:
    assert build(deliveries=deliveries)["connected_actual"] is False


def test_a_denied_connection_that_delivers_is_a_contradiction_but_fundable(build: Build) -> None:
    row = build(connected_claimed="no")
    assert row["connected_actual"]
    assert row["fundable"]
    assert row["contradictions"] == ["所填未接入共享平台，实际已有数据交付"]


def test_datasets_agreed_on_but_never_delivered_are_told(build: Build) -> None:
    assert build(deliveries=ALL[:1])["contradictions"] == ["所填已接入共享平台，约定的 2 个数据集有 1 个从未交付"]


@pytest.mark.parametrize("in_cloud", ["no", "partly", None])
def test_what_should_be_migrated_and_is_not_is_not_funded(build: Build, in_cloud: str | None) -> None:
    row = build(in_cloud=in_cloud, migrate_by="2018.12")
    assert (row["fundable"], row["advice"], row["migrate_due"]) == (False, "migrate", date(2018, 12, 31))
    assert "2018-12-31" in row["fundable_reason"]


def test_a_planned_day_that_has_passed_is_told(build: Build) -> None:
    assert any("已过" in c for c in build(in_cloud="no", migrate_by="2018年6月", today=date(2018, 7, 1))["contradictions"])
    assert build(in_cloud="no", migrate_by="2018年6月", today=date(2018, 6, 30))["contradictions"] == []


def test_a_secret_system_needs_neither_connection_nor_cloud(build: Build) -> None:
    row = build(deliveries=(), classified="yes", in_cloud="no", network="intranet", connected_claimed="no")
    assert (row["fundable"], row["advice"], row["contradictions"]) == (True, "keep", [])


def test_a_secret_system_on_the_internet_or_in_the_cloud_is_a_contradiction(build: Build) -> None:
    assert len(build(classified="yes", network="internet")["contradictions"]) == 2


@pytest.mark.parametrize(
    ("said", "advice"),
    [({"status": "stopped", "frequency": None}, "zombie"), ({"frequency": "很少使用"}, "zombie"), ({"status": "merged"}, "merge")],
)
def test_zombies_and_systems_to_merge_are_told(build: Build, said: dict[str, Any], advice: str) -> None:
    assert build(**said)["advice"] == advice


def test_what_is_stopped_gets_no_money_and_must_not_cost_any(build: Build) -> None:
    row = build(status="stopped")
    assert not row["fundable"]
    assert row["contradictions"] == ["所填已停用，使用频度却填“每天”", "所填已停用，仍列年运维经费"]


def test_a_form_of_another_department_is_told(build: Build) -> None:
    assert build(unit="泸州市水务局")["contradictions"] == []
    assert build(unit="泸州市农业局")["contradictions"] == ["填报单位是市农业局，由别的部门报送"]


def test_every_reason_is_named(build: Build) -> None:
    reason = build(deliveries=(), in_cloud="no")["fundable_reason"]
    assert "未接入" in reason
    assert "未迁移" in reason


@pytest.mark.parametrize(
    ("text", "day"),
    [("2018.12", date(2018, 12, 31)), ("2019年", date(2019, 12, 31)), ("2018年6月", date(2018, 6, 30)), ("2018-09-30", date(2018, 9, 30)), ("20180930", date(2018, 9, 30)), ("201802", date(2018, 2, 28)),
     ("2018年第三季度", date(2018, 9, 30)), ("2018年3季度", date(2018, 9, 30)), ("2018年上半年", date(2018, 6, 30)), ("2018年底", date(2018, 12, 31)), ("2018年9月30日", date(2018, 9, 30)), ("2018-02-30", None), ("待定", None)],
)  # fmt: skip
def test_planned_times_are_read_to_their_last_day(build: Build, text: str, day: date | None) -> None:
    assert build(in_cloud="no", migrate_by=text)["migrate_due"] == day
