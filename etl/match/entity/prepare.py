"""One row per entity named in a record: codes normalised, name parsed into county, core and form."""

import duckdb

from etl.engine import literal

FORMS = "股份有限责任公司|有限责任公司|股份有限公司|集团有限公司|有限公司|股份公司|总公司|公司"
BRANCH = "(分公司|分店|分厂|分院|分校|营业部|门市部|办事处|支行|分行|经营点)$"


def records(con: duckdb.DuckDBPyConnection) -> None:
    """Table `rec`: rid, codes (uscc, org, reg), key, name, bare (bracketless), core, branch, county, rep, addr."""
    words = literal(_regions(con))  # a pattern that is no constant would be compiled anew for every name
    con.execute(f"""
        create or replace macro bare_name(n) as upper(regexp_replace(regexp_replace(n, '[(（](' || {words} || '|省|市|县|区)+[)）]', '', 'g'), '[\\s()（）\\[\\]【】〔〕·\\-—,，.。"''“”]', '', 'g'));
        create or replace macro core_name(bare) as regexp_replace(
            regexp_replace(regexp_replace(bare, {words}, '', 'g'), '({FORMS})', ''), '^[市区县]', '');
        create or replace table name_parsed as
        select name, bare, core_name(bare) as core, regexp_matches(name, '{BRANCH}') as branch
        from (select name, bare_name(name) as bare from (select name from feed.entity union select name from past.entity) where name is not null)
    """)
    con.execute("""
        create or replace table rec as
        with v as (
            select *, 0 as version from feed.entity
            union all by name
            select distinct on (dataset, source_key, role, name, code, legal_representative) *, 1 as version from past.entity
        ),
        p as (
            select (row_number() over (order by hash(dataset, source_key, role, version, delivered_on, name, code))) - 1 as rid, * from v
        ),
        a as (select dataset, source_key, address_code, region_code from published.address_match where role = 'address')
        select p.rid, p.version, p.dataset, p.source_key, p.role, p.removed_on is not null as former, p.first_delivered_on, coalesce(p.told_at, p.delivered_on::timestamp) as told_at,
            p.name, p.code_uscc as uscc, coalesce(p.code_organization_code, p.organization_code, p.code_uscc[9:17]) as org,
            coalesce(p.code_registration_number, p.registration_number) as reg,
            case when p.entity_key is not null then coalesce(p.key_scheme, 'unit') || ':' || p.entity_key end as key,
            case when p.code_state = 'invalid' then p.code end as odd_code,
            n.bare, n.core, n.branch,
            coalesce(w.county, a.region_code[:6]) as county, p.legal_representative as rep, p.legal_representative_id as rep_id, a.address_code as addr,
            p.established_on, p.closed_on, p.status
        from p left join name_parsed n on n.name = p.name left join a using (dataset, source_key)
        left join (
            select n.name, min(c.code) as county from name_parsed n
            join county_word c on contains(n.name, c.word) group by n.name
        ) w on w.name = p.name
    """)


def _regions(con: duckdb.DuckDBPyConnection) -> str:
    """Table `county_word` (word, code): county names, full and short. Returns the pattern that a core name is free of."""
    con.execute("""
        create or replace table county_word as
        select name as word, code[:6] as code from published.region where level = 'county'
        union
        select regexp_replace(name, '[市区县]$', ''), code[:6] from published.region where level = 'county' and length(name) > 2
    """)
    found = con.execute("""
        with word as (
            select word from county_word
            union select name from published.region where level = 'city'
            union select regexp_replace(name, '市$', '') from published.region where level = 'city'
            union select '四川省' union select '四川'
        )
        select string_agg(regexp_escape(word), '|' order by length(word) desc, word) as pattern from word
    """).fetchall()
    return str(found[0][0])
