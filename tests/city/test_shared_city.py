"""The synthetic city beside the project, where there is one: what becomes of each row is what its truth says."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from etl import engine, extract, settings, spec
from etl.account import account
from etl.clean import clean
from etl.settings import ROOT

CITY = ROOT.parent / "shared" / "city"
DAYS = {"drop": date(2018, 3, 1), "drop_day1": date(2018, 3, 8), "drop_day2": date(2018, 3, 15)}
DATASETS = [
    "county_510503/grid_residents",
    "court/dishonest_debtors",
    "development_reform/penalties",
    "development_reform/red_black_lists",
    "education/students",
    "food_drug/food_licences",
    "health/birth_certificates",
    "health/health_records",
    "housing_fund/accounts",
    "market_regulation/business_licences",
    "meteorology/daily",
    "planning/parcels",
    "quality_supervision/organization_codes",
    "statistics_bureau/monthly_indicators",
]

pytestmark = pytest.mark.skipif(not CITY.is_dir(), reason="the synthetic city with its truth is not beside this project (../shared/city)")


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_row_of_every_day_has_the_fate_that_the_truth_tells(dataset: str, tmp_path: Path) -> None:
    registry = spec.load()
    source, wrong, rows = registry.source(dataset), [], 0
    here = replace(settings.load(CITY, "2018-03-15"), home=tmp_path)
    with engine.connect(here) as con:
        con.execute("create table held (source_key varchar, row_hash uuid, removed_on date, delivered_on date)")
        for folder, today in DAYS.items():
            now = replace(here, drop=CITY / folder, today=today)
            for waiting in extract.find(source, now):
                landed, cleaned = extract.land(source, waiting, now), tmp_path / "cleaned.parquet"
                clean(con, registry, source, landed.rows, cleaned, today)
                account(con, cleaned, "held", full=source.delivery.kind == "full", day=waiting.delivered_on)
                wrong += con.execute(
                    f"""
                    with ours as (select row_number, fate, list_sort(list_distinct(list_transform(reasons, lambda r: split_part(r, ':', 1)))) as why from fate),
                    truth as (select row_number, fate, reason from '{CITY}/truth/row_fate.parquet' where dataset = ? and delivered_on = ? and row_number is not null)
                    select row_number, o.fate, t.fate, t.reason, o.why from ours o full join truth t using (row_number)
                    where replace(t.fate, 'bad', 'quarantined') is distinct from o.fate or t.reason is not null and not list_contains(o.why, t.reason)
                    """,
                    [dataset, waiting.delivered_on],
                ).fetchall()
                left = f"select source_key from '{CITY}/truth/row_fate.parquet' where fate = 'removed' and dataset = ? and delivered_on = ?"
                wrong += con.execute(
                    f"({left} except from removed) union all (from removed except {left})", [dataset, waiting.delivered_on] * 2
                ).fetchall()
                rows += landed.rows_in
                con.execute(f"""
                    create or replace table held as
                    with taken as (
                        select c.source_key, c.row_hash, null::date as removed_on, date '{waiting.delivered_on}' as delivered_on
                        from read_parquet('{cleaned}') c join fate f using (row_number) where f.fate in ('new', 'changed')
                    )
                    select * from taken union all
                    select h.source_key, h.row_hash, case when r.source_key is null then h.removed_on else date '{waiting.delivered_on}' end, h.delivered_on
                    from held h left join removed r using (source_key) where h.source_key not in (select source_key from taken)
                """)
    assert rows
    assert wrong == []
