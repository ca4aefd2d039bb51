"""The certificate library: who holds what, and whether it holds today."""

from etl.merge.parties import party
from etl.workbench import Workbench


def build(bench: Workbench) -> None:
    """`feed.certificate` → `out.certificate`, status as of the business date: revoked before suspended before expired."""
    bench.con.execute(f"""
        create or replace table out.certificate as
        with dated as (
            select f.*, coalesce(f.valid_to,
                case when try_cast(f.valid_years as int) is not null and coalesce(f.issued_on, make_date(try_cast(f.issued_year as int), 12, 31)) is not null
                    then coalesce(f.issued_on, make_date(try_cast(f.issued_year as int), 12, 31)) + to_years(try_cast(f.valid_years as int)) end)::date as ends
            from feed.certificate f where f.removed_on is null
            qualify row_number() over (partition by f.dataset, f.source_key order by f.role) = 1
        )
        select d.dataset, d.source_key, certificate_id, coalesce(type_code, regexp_extract(certificate_id, '^1\\.2\\.156\\.3005\\.2\\.([0-9A-Z]{{21}})\\.', 1)) as type_code, type_name, number, holder_name,
            case when p.person_id is null then holder_code end as holder_code, e.entity_id, p.person_id, issuer,
            coalesce(issued_on, valid_from) as issued_on, valid_from, ends as valid_to,
            case when state in ('revoked', 'cancelled') then 'revoked' when state = 'suspended' then 'suspended'
                when state = 'expired' or ends < date '{bench.today}' then 'expired' else 'valid' end as status
        from dated d left join {party("entity")} e using (dataset, source_key) left join {party("person")} p using (dataset, source_key)
    """)
