"""Records with a usable ID number, unless what they say of the person contradicts the number's owner.

A valid number under a clearly different person (a guardian's on a child's row, a mix-up) does not identify: such a
record goes on to be linked by everything else.
"""

import duckdb


def groups(con: duckdb.DuckDBPyConnection) -> None:
    """Table `identified_record` (rid, proto, rule): proto = the number, as an integer (`number_of`). Table `left_record` (rid): all others."""
    con.execute("""
        create or replace table claim as
        select rid, number, name, py, own_birth, own_sex,
            -- how much the record itself speaks for being the number's owner
            (dataset = 'public_security/household_register')::int * 4
                + case when own_birth = birth_of(number) then 2 when own_birth is null then 0 else -3 end
                + case when own_sex = sex_of(number)::varchar then 1 when own_sex is null then 0 else -2 end as trust,
            own_birth = birth_of(number) as birth_agrees, own_birth <> birth_of(number) as birth_differs,
            coalesce(own_sex <> sex_of(number)::varchar, false) as sex_differs
        from rec where number is not null
    """)
    # The owner's name: what most trust stands behind, over all records of the number.
    con.execute("""
        create or replace table id_owner as
        with voiced as (select number, name, any_value(py) as py, sum(greatest(trust, 0) + 1) as voice from claim where name is not null group by number, name)
        select number, max_by({'name': name, 'py': py}, (voice, name)) as owner from voiced group by number
    """)
    con.execute("""
        create or replace table identified_record as
        select c.rid, c.number as proto,
            case when c.name is null then 'id' when c.name = o.owner.name then 'id_and_name'
                when coalesce(same_person_name(c.name, o.owner.name, c.py, o.owner.py), false) then 'id_and_like_name' else 'id_and_birth' end as rule
        from claim c left join id_owner o using (number)
        where c.name is null and not coalesce(c.birth_differs, false)
            or c.name = o.owner.name
            or coalesce(same_person_name(c.name, o.owner.name, c.py, o.owner.py), false)
            -- a former name: the birth date is the number's, or the surname is and nothing contradicts
            or coalesce(c.birth_agrees, false) and not c.sex_differs
            or c.own_birth is null and not c.sex_differs and surname(c.name) = surname(o.owner.name)
            -- a surname misread (马, 冯): the given name is the owner's
            or not coalesce(c.birth_differs, false) and not c.sex_differs and length(c.name) = length(o.owner.name) and c.name[2:] = o.owner.name[2:]
    """)
    # A mistyped digit can make another's valid number, born the same day. A new name alone is a former name; a new name,
    # phone and home, none of which any other record of the number tells, is somebody else.
    con.execute("""
        delete from identified_record using (
            select n.rid from identified_record n join rec x using (rid) join claim c on c.number = n.proto and c.rid <> n.rid join rec o on o.rid = c.rid
            where n.rule = 'id_and_birth' and x.phone is not null and x.addr is not null
            group by n.rid having count(o.phone) > 0 and count(o.addr) > 0 and not bool_or(coalesce(o.phone = x.phone, false) or coalesce(x.addr in (o.addr, o.addr2), false) or coalesce(x.addr2 = o.addr, false))
        ) stranger where identified_record.rid = stranger.rid
    """)
    con.execute("create or replace table claim as select rid, trust from claim")
    con.execute("create or replace table left_record as select rid from rec anti join identified_record using (rid)")
