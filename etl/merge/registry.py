"""The register of information systems: what departments say of them, beside what is seen of them (国办发〔2017〕39号)."""

from etl.engine import literal
from etl.workbench import Workbench

OWN_LIST = "information_systems"  # the Annex 1 form itself is no exchange


def build(bench: Workbench) -> None:
    """`feed.information_system` → `out.information_system`: connection as seen from real deliveries, contradictions, what is to become of it, the funding gate.

    Only systems on a department's form are registered; a department without a form has none here and is shown by registry.department_progress.
    """
    _macros(bench)
    _exchanges(bench)
    bench.con.execute(f"""
        create or replace table out.information_system as
        with told as (
            select f.*, split_part(f.dataset, '/', 1) as department, due_day(f.migrate_by) as migrate_due,
                coalesce(f.status, 'in_use') = 'in_use' as running, coalesce(f.classified = 'yes', false) as secret, coalesce(f.in_cloud = 'yes', false) as migrated,
                rarely(f.frequency) as idle
            from feed.information_system f where f.removed_on is null
        ),
        seen as (
            select t.*, coalesce(x.arrived, 0) > 0 as connected_actual, coalesce(x.agreed, 0) as agreed, coalesce(x.arrived, 0) as arrived,
                d.title as other_department
            from told t left join exchange x using (department)
            left join department_named d on organ_name(d.title) = organ_name(t.unit) and d.code <> t.department
        ),
        judged as (select *, {_REFUSALS} as refusals, {_CONTRADICTIONS} as contradictions from seen)
        select dataset, source_key, department, system_name, unit, "function", scope, frequency, network, classified, in_cloud, migrate_by, connected_claimed, connected_actual,
            approved_by, approved_on, funding_source, yearly_cost, status, len(refusals) = 0 as fundable,
            case when len(refusals) > 0 then array_to_string(refusals, '；') when secret then '已登记；涉密系统，不接入共享平台、不迁移上云' else '已登记、已接入、已上云' end as fundable_reason,
            migrate_due, {_ADVICE} as advice, contradictions
        from judged
    """)


def _macros(bench: Workbench) -> None:
    """How the form's free words are read."""
    bench.con.execute(r"""
        create or replace temp macro organ_name(t) as regexp_replace(regexp_replace(trim(t), '^(四川省)?[一-鿿]{1,5}市(.)', '市\2'), '\s', '', 'g');
        create or replace temp macro rarely(t) as coalesce(regexp_matches(t, '很少|极少|基本不|几乎不|从不|不使用|不再使用|不用|未使用|没有使用|无人使用|闲置|停用|僵尸|每年|一年'), false);
        create or replace temp macro year_of(t) as try_cast(regexp_extract(t, '(20[0-9]{2})', 1) as int);
        create or replace temp macro quarter_of(t) as coalesce(
            try_cast(nullif(regexp_extract(t, '第?([1-4])季', 1), '') as int), try_cast(nullif(regexp_extract(t, '[Qq]([1-4])', 1), '') as int),
            nullif(list_position(['一', '二', '三', '四'], regexp_extract(t, '第?([一二三四])季', 1)), 0), case when regexp_matches(t, '上半年') then 2 when regexp_matches(t, '下半年') then 4 end);
        create or replace temp macro month_of(t) as try_cast(nullif(coalesce(nullif(regexp_extract(t, '20[0-9]{2}\s*[年./\-—]\s*([0-9]{1,2})', 1), ''), regexp_extract(t, '^20[0-9]{2}([01][0-9])(?:[0-3][0-9])?$', 1)), '') as int);
        create or replace temp macro day_of(t) as try_cast(nullif(coalesce(nullif(regexp_extract(t, '20[0-9]{2}\s*[年./\-—]\s*[0-9]{1,2}\s*[月./\-—]\s*([0-9]{1,2})', 1), ''), regexp_extract(t, '^20[0-9]{2}[01][0-9]([0-3][0-9])$', 1)), '') as int);
        create or replace temp macro due_day(t) as case
            when quarter_of(t) is not null then last_day(try_cast(year_of(t) || '-' || (quarter_of(t) * 3) || '-1' as date))
            when day_of(t) is not null then try_cast(year_of(t) || '-' || month_of(t) || '-' || day_of(t) as date)
            when month_of(t) between 1 and 12 then last_day(try_cast(year_of(t) || '-' || month_of(t) || '-1' as date))
            when year_of(t) is not null then try_cast(year_of(t) || '-12-31' as date) end;
    """)
    names = ", ".join(f"({literal(n)}, {literal(d.title)})" for n, d in bench.registry.departments.items())
    bench.con.execute(f"create or replace temp table department_named as select * from (values {names}) t(code, title)")
    bench.con.execute(f"create or replace temp macro business_day() as date '{bench.today}'")


def _exchanges(bench: Workbench) -> None:
    """`exchange`: per department the datasets agreed on and those that really arrived, its own form aside. A delivery that was refused or is held exchanged nothing."""
    agreed = [s.name for s in bench.registry.sources.values() if s.dataset != OWN_LIST]
    bench.con.execute("create or replace temp table agreed as select unnest(?::varchar[]) as dataset", [agreed])
    bench.con.execute(f"""
        create or replace temp table exchange as
        with arrived as (
            select distinct dataset from published.delivery where state = 'loaded' and kind <> 'replay' and split_part(dataset, '/', 2) <> '{OWN_LIST}'
        )
        select split_part(coalesce(g.dataset, a.dataset), '/', 1) as department, count(g.dataset) as agreed, count(a.dataset) as arrived
        from agreed g full join arrived a on a.dataset = g.dataset group by 1
    """)


# why no money: what no longer runs, and what runs without being connected or migrated although it should be
_REFUSALS = """list_filter([
    case status when 'stopped' then '已停用，不安排运维经费' when 'merged' then '已整合，不单独安排经费' end,
    case when running and not secret and not connected_actual then '应接入共享平台而未接入（没有任何数据集实际交付）' end,
    case when running and not secret and not migrated then case in_cloud when 'partly' then '应迁移上云而只迁移了一部分' when 'no' then '应迁移上云而未迁移' else '没有填明是否迁移上云，按未迁移计' end
        || coalesce('（计划 ' || migrate_due::varchar || ' 前）', '') end
], lambda x: x is not null)"""

# what is to become of it: stopped or hardly used → zombie; declared merged → merge; running outside the cloud → migrate
_ADVICE = """case when status = 'stopped' then 'zombie' when status = 'merged' then 'merge' when idle then 'zombie' when not secret and not migrated then 'migrate' else 'keep' end"""

_CONTRADICTIONS = """list_filter([
    case when connected_claimed in ('yes', 'partly') and not connected_actual then '所填已接入共享平台，实际没有任何数据集交付' end,
    case when connected_claimed = 'no' and connected_actual then '所填未接入共享平台，实际已有数据交付' end,
    case when connected_claimed = 'yes' and connected_actual and arrived < agreed then '所填已接入共享平台，约定的 ' || agreed || ' 个数据集有 ' || (agreed - arrived) || ' 个从未交付' end,
    case when secret and network in ('internet', 'government') then '涉密系统，网络却填' || case network when 'internet' then '互联网' else '政务外网' end end,
    case when secret and in_cloud in ('yes', 'partly') then '涉密系统，却填已迁移上云' end,
    case when migrated and migrate_by is not null then '所填已上云，又填了计划迁移时间' end,
    case when running and not secret and not migrated and migrate_by is null then '未上云，没有填计划迁移时间' end,
    case when running and not secret and not migrated and migrate_due < business_day() then '计划迁移时间（' || migrate_due::varchar || '）已过，仍未上云' end,
    case when migrate_by is not null and migrate_due is null then '计划迁移时间读不出日期' end,
    case when status = 'stopped' and not idle and frequency is not null then '所填已停用，使用频度却填“' || frequency || '”' end,
    case when not running and yearly_cost > 0 then '所填已' || case status when 'stopped' then '停用' else '整合' end || '，仍列年运维经费' end,
    case when other_department is not null then '填报单位是' || other_department || '，由别的部门报送' end
], lambda x: x is not null)"""
