"""The register of information systems: what departments say of them, beside what is seen of them."""

from etl.engine import literal
from etl.workbench import Workbench


def build(bench: Workbench) -> None:
    """`feed.information_system` → `out.information_system`, with the connection as seen from real deliveries and the funding gate."""
    con = bench.con
    names = [(n, d.title) for n, d in bench.registry.departments.items()]
    con.execute(
        "create or replace table department_named as select * from (values "
        + ", ".join(f"({literal(n)}, {literal(t)})" for n, t in names)
        + ") t(code, title)"
    )
    # a department is connected when anything beside its own list of systems has been loaded
    con.execute("""
        create or replace table connected as
        select distinct split_part(dataset, '/', 1) as department from published.delivery where state = 'loaded' and dataset not like '%/information_systems'
    """)
    con.execute("""
        create or replace table out.information_system as
        with s as (
            select f.*, split_part(dataset, '/', 1) as department from feed.information_system f where f.removed_on is null
        ),
        seen as (
            select s.*, c.department is not null as connected_actual,
                case when s.status = 'stopped' then '已停用，不安排运维经费'
                    when s.status = 'merged' then '已整合，不单独安排经费'
                    when c.department is null and coalesce(s.classified, 'no') <> 'yes' then '应接入共享平台而未接入'
                    when coalesce(s.in_cloud, 'no') <> 'yes' and coalesce(s.classified, 'no') <> 'yes' then '应迁移上云而未迁移' end as why_not
            from s left join connected c using (department)
        )
        select dataset, source_key, department, system_name, unit, "function", scope, frequency, network, classified, in_cloud, migrate_by, connected_claimed, connected_actual,
            approved_by, approved_on, funding_source, yearly_cost, status, why_not is null as fundable, coalesce(why_not, '已登记、已接入、已上云') as fundable_reason
        from seen
    """)
