"""Kin: from birth certificates, marriages and the register's relation to the head (GB/T 4761)."""

import duckdb

REGISTER = "public_security/household_register"


def kinship(con: duckdb.DuckDBPyConnection) -> None:
    """Table `out.kinship` (person_id, related_person_id, relation, since, until); spouses stand twice."""
    _stated(con)
    _households(con)
    con.execute("""
        create or replace table out.kinship as
        with parent as (
            select person_id, related_person_id, relation from stated where relation in ('mother', 'father')
            union select person_id, related_person_id, relation from household_parent h
            -- a certificate that names another mother or father outranks the household
            where not exists (select 1 from stated s where s.person_id = h.person_id and s.relation = h.relation)
        ),
        couple as (
            select person_id, related_person_id, max(since) filter (event <> '离婚') as since, max(since) filter (event = '离婚') as divorced
            from (
                select person_id, related_person_id, event, since from stated where relation = 'spouse'
                union all select related_person_id, person_id, event, since from stated where relation = 'spouse'
                union all select person_id, related_person_id, '户籍', null from household_spouse
                union all select related_person_id, person_id, '户籍', null from household_spouse
            ) group by person_id, related_person_id
        )
        select p.person_id, p.related_person_id, p.relation, c.birth_date as since, null::date as until
        from parent p join out.person c on c.person_id = p.person_id where p.person_id <> p.related_person_id
        union all
        select k.person_id, k.related_person_id, 'spouse', k.since,
            case when k.divorced is not null and k.divorced >= coalesce(k.since, k.divorced) then k.divorced else least(a.death_date, b.death_date) end
        from couple k join out.person a on a.person_id = k.person_id join out.person b on b.person_id = k.related_person_id
        where k.person_id <> k.related_person_id
    """)


def _stated(con: duckdb.DuckDBPyConnection) -> None:
    """`stated`: what a certificate or a registration says."""
    con.execute("""
        create or replace table stated as
        select a.person_id, b.person_id as related_person_id, k.relation, k.event, k.since
        from feed.kinship k
        join out.person_record a on a.dataset = k.dataset and a.source_key = k.source_key and a.role = k.person_role
        join out.person_record b on b.dataset = k.dataset and b.source_key = k.source_key and b.role = k.related_role
        where k.removed_on is null
    """)


def _households(con: duckdb.DuckDBPyConnection) -> None:
    """`household_spouse`, `household_parent`: read from each member's relation to the head of the household."""
    con.execute(f"""
        create or replace table member as
        select t.household_id, t.person_id, t.relation_to_head as relation, p.sex_code, p.birth_date
        from told t join out.person p using (person_id)
        where t.dataset = '{REGISTER}' and t.role = 'self' and t.household_id is not null and t.removed_on is null
    """)
    con.execute("""
        create or replace table head as
        select household_id, any_value(person_id) as person_id, any_value(sex_code) as sex_code, any_value(birth_date) as birth_date
        from member where relation in ('01', '02', '03') group by household_id having count(*) = 1
    """)
    con.execute("""
        create or replace table household_spouse as
        select h.person_id, m.person_id as related_person_id from head h join member m using (household_id) where m.relation[1] = '1'
        union
        -- the head's parents, the spouse's parents, the grandparents: two of a household are a couple
        select a.person_id, b.person_id from member a join member b using (household_id)
        where (a.relation, b.relation) in (('51', '52'), ('53', '54'), ('55', '56'), ('61', '62'), ('63', '64'))
            and (select count(*) from member x where x.household_id = a.household_id and x.relation in (a.relation, b.relation)) = 2
    """)
    con.execute("""
        create or replace table household_parent as
        with pair as (
            select m.person_id, h.person_id as parent_id from head h join member m using (household_id) where m.relation[1] in ('2', '3') and m.relation not in ('28', '29', '38', '39')
            union
            select m.person_id, s.person_id from member m join member s using (household_id)
            where m.relation[1] in ('2', '3') and m.relation not in ('28', '29', '38', '39') and s.relation[1] = '1'
                and (select count(*) from member x where x.household_id = m.household_id and x.relation[1] = '1') = 1
            union
            select h.person_id, m.person_id from head h join member m using (household_id) where m.relation in ('51', '52')
        )
        select c.person_id, c.parent_id as related_person_id, case p.sex_code when '1' then 'father' when '2' then 'mother' end as relation
        from pair c join out.person p on p.person_id = c.parent_id join out.person k on k.person_id = c.person_id
        where p.sex_code in ('1', '2') and (p.birth_date is null or k.birth_date is null or datediff('year', p.birth_date, k.birth_date) between 13 and 70)
    """)
