"""The legal entity library: golden entities and their records."""

from etl.merge.survive import disagreements, override, rank, survive
from etl.workbench import Workbench


def build(bench: Workbench) -> None:
    """`feed.entity` and `matched.*` → `out.entity`, `entity_record`, `entity_redirect`, `disagreement`."""
    con = bench.con
    believe = bench.library.believe["entity"]
    con.execute("""
        create or replace table told as
        select m.entity_id, f.* exclude (told_at, name, status), f.name as any_name,
            -- what begins like a formula or holds markup is not a firm's name: another's word is preferred
            case when not regexp_matches(f.name, '^[=+@<''-]|</|script|DROP TABLE') then f.name end as name, coalesce(f.status, case f.tax_state when 'cancelled' then 'cancelled' end) as status, coalesce(f.told_at, f.delivered_on::timestamp) as told_at,
            coalesce(f.code_uscc, null) as uscc, coalesce(f.code_organization_code, f.code_uscc[9:17], f.organization_code) as any_organization_code,
            coalesce(f.code_registration_number, f.registration_number) as any_registration_number, a.address_code, a.region_code as address_region
        from feed.entity f join matched.entity_member m using (dataset, source_key, role)
        left join published.address_match a on a.dataset = f.dataset and a.source_key = f.source_key and a.role = 'address'
        where f.removed_on is null
    """)
    survive(con, "told", "entity_id", believe, "kept")
    override(con, "legal_entity", "entity", bench.settings.today, "kept")
    _places(bench)
    _entity(bench)
    override(con, "legal_entity", "entity", bench.settings.today, "out.entity")
    con.execute(
        "create or replace table out.entity_record as select dataset, source_key, role, entity_id, rule, probability from matched.entity_member where not former"
    )
    con.execute("create or replace view told_by_itself as select * from told where role = 'self'")
    disagreements(con, "told_by_itself", "kept", "entity_id", believe)


def _places(bench: Workbench) -> None:
    """`seat`: the address that is believed, with its plate and county; `naming`: names borne before."""
    order = bench.library.believe["entity"]["address"].order
    bench.con.execute(f"""
        create or replace table seat as
        select entity_id, arg_min(struct_pack(a := address, c := address_code, r := address_region), ({rank(order)}, -epoch(told_at), dataset, source_key)) as seat
        from told where address is not null and role in ('self', 'holder') group by entity_id
    """)
    bench.con.execute("""
        create or replace table former as
        select t.entity_id, string_agg(distinct t.name, '|' order by t.name) as former_names
        from (
            select entity_id, name, role from told
            union all select m.entity_id, p.name, p.role from past.entity p join matched.entity_member m using (dataset, source_key, role)
        ) t join kept k using (entity_id) where t.name <> k.name and t.role = 'self' group by t.entity_id
    """)


def _entity(bench: Workbench) -> None:
    bench.con.execute("""
        create or replace table out.entity as
        with base as (
            select k.entity_id, k.uscc, coalesce(k.uscc[9:17], k.any_organization_code) as organization_code, k.any_registration_number as registration_number, coalesce(k.name, n.any_name) as name, f.former_names,
                coalesce(k.kind, case when k.uscc[:1] = '9' and k.uscc[2:2] = '2' then 'self_employed' when k.uscc[:2] = '93' then 'cooperative' when k.uscc[:1] = '9' then 'enterprise'
                    when k.uscc[:1] = '5' then 'social_organization' when k.uscc[:2] = '12' then 'public_institution'
                    when k.any_registration_number[7:7] in ('6', '7', '8', '9') then 'self_employed' when k.any_registration_number is not null or k.name like '%公司%' then 'enterprise' else 'other' end) as kind,
                k.type_code, k.legal_representative, k.registered_capital, k.registered_capital_currency, k.industry_code, k.established_on,
                coalesce(k.status, 'open') as status, k.closed_on, s.seat.a as address,
                coalesce(nullif(s.seat.r[:6], '510500'), k.region_code[:6], k.uscc[3:8], k.any_registration_number[:6]) as region_code, s.seat.c as address_code
            from kept k left join (select entity_id, max(any_name) as any_name from told group by entity_id) n using (entity_id) left join seat s using (entity_id) left join former f using (entity_id)
        ),
        head as (
            select b.entity_id, arg_min(h.entity_id, (h.status <> 'open', h.entity_id)) as parent_entity_id
            from base b join base h on h.name = regexp_extract(b.name, '^(.*(?:公司|厂|社|行|中心))[^公司]*(?:分公司|分店|分厂|营业部|门市部|办事处)$', 1) and h.entity_id <> b.entity_id
            group by b.entity_id
        )
        select b.entity_id, b.uscc, b.organization_code, b.registration_number, b.name, b.former_names, b.kind, b.type_code, h.parent_entity_id, b.legal_representative,
            b.registered_capital, b.registered_capital_currency, b.industry_code, b.established_on, b.status, case when b.status <> 'open' then b.closed_on end as closed_on,
            b.address, b.region_code, b.address_code,
            case when p.longitude is not null then printf('SRID=4490;POINT(%.8f %.8f)', p.longitude, p.latitude) end as geom
        from base b left join head h using (entity_id)
        left join (select address_code, longitude, latitude from published.address) p on p.address_code = b.address_code
    """)
