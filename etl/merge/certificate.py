"""The certificate library: who holds what, whether it holds today, and which newer version took its place."""

from etl.engine import literal
from etl.merge.parties import party
from etl.workbench import Workbench

ROOT_OID = "1.2.156.3005.2."  # of certificate identifiers, GB/T 36904-2018


def build(bench: Workbench) -> None:
    """`feed.certificate` → `out.certificate`, status as of the business date: revoked before suspended before expired."""
    _dated(bench)
    _superseded(bench)
    bench.con.execute(f"""
        create or replace table out.certificate as
        select d.dataset, d.source_key, certificate_id, coalesce(type_code, nullif(regexp_extract(certificate_id, '^1\\.2\\.156\\.3005\\.2\\.([0-9A-Z]{{21}})\\.', 1), '')) as type_code,
            type_name, number, holder_name, case when p.person_id is null then holder_code end as holder_code, e.entity_id, p.person_id, issuer,
            issued as issued_on, valid_from, ends as valid_to,
            case when state in ('revoked', 'cancelled') then 'revoked' when state = 'suspended' then 'suspended'
                when state = 'expired' or ends < date '{bench.today}' then 'expired' else 'valid' end as status,
            state as stated, case when certificate_id is null then 'missing' else coalesce(certificate_id_state, 'invalid') end as certificate_id_state,
            d.version, s.superseded_by, s.superseded_on
        from dated d left join {party("entity")} e using (dataset, source_key) left join {party("person")} p using (dataset, source_key)
        left join superseded s using (dataset, source_key)
    """)


def _dated(bench: Workbench) -> None:
    """`dated`: every certificate with its end, and the parts of its identifier: `series` (all but version and check), `version`."""
    bench.con.execute(f"""
        create or replace table dated as
        with one as (
            select f.*, coalesce(f.issued_on, f.valid_from) as issued, coalesce(f.issued_on, make_date(try_cast(f.issued_year as int), 12, 31)) as begun,
                regexp_extract(certificate_id, {literal("^" + ROOT_OID.replace(".", "[.]") + "(.+)[.]([0-9]{3})[.][0-9A-Z]$")}, ['series', 'version']) as parts
            from feed.certificate f where f.removed_on is null
            qualify row_number() over (partition by f.dataset, f.source_key order by f.role) = 1
        )
        select * exclude (parts), coalesce(valid_to, begun + to_years(try_cast(valid_years as int)))::date as ends,
            nullif(parts.series, '') as series, try_cast(nullif(parts.version, '') as integer) as version
        from one
    """)


def _superseded(bench: Workbench) -> None:
    """`superseded`: certificates of which a newer version is there: the next version under one identifier, or the next issue
    under one number of one type by one issuer to one holder. Who says only that a licence was renewed under another number supersedes nothing."""
    bench.con.execute("""
        create or replace table superseded as
        with chain as (
            select dataset, source_key, series as line, version as place, issued from dated where series is not null
            union all
            select dataset, source_key, concat_ws('|', type_name, number, issuer, coalesce(holder_code, holder_name)), epoch(issued)::bigint, issued
            from dated where series is null and number is not null and issued is not null and coalesce(holder_code, holder_name) is not null
        )
        select x.dataset, x.source_key, arg_min(y.dataset || '|' || y.source_key, (y.place, y.dataset, y.source_key)) as superseded_by,
            arg_min(y.issued, (y.place, y.dataset, y.source_key)) as superseded_on
        from chain x join chain y on y.line = x.line and y.place > x.place group by x.dataset, x.source_key
    """)
