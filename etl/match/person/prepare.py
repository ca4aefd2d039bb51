"""One row per party of a record, with all that can be compared."""

import duckdb

from etl.match import alike
from etl.match.pinyin import pinyin

# Two characters in one place apart, for names of equal length up to four characters (counted in characters, never bytes).
MACROS = """
create or replace macro name_apart(a, b) as case when length(a) = length(b) and length(a) <= 4 then
    (a[1] <> b[1])::int + (a[2] <> b[2])::int + (a[3] <> b[3])::int + (a[4] <> b[4])::int else 9 end;
-- What no person is called (markup, a formula, a command) says nothing of who it is.
create or replace macro is_name(n) as not regexp_matches(n, '[<>=;(){}@"\\\\/]');
-- A rare character came as ?, □, * or in pinyin: its place is known, the character is not.
create or replace macro name_shape(n) as case when regexp_matches(n, '\\p{Han}') then regexp_replace(n, '[?？□*＊〇○]|[A-Za-z]+', '_', 'g') else n end;
create or replace macro fits(s, t) as (contains(s, '_') or contains(t, '_')) and length(s) = length(t) and length(s) between 2 and 4
    and (s[1] = t[1] or s[1] = '_' or t[1] = '_') and (s[2] = t[2] or s[2] = '_' or t[2] = '_')
    and (s[3] = t[3] or s[3] = '_' or t[3] = '_') and (s[4] = t[4] or s[4] = '_' or t[4] = '_');
create or replace macro surname(n) as case when n is null then null
    when n[1:2] in ('欧阳','司马','上官','诸葛','东方','皇甫','尉迟','公孙','令狐','慕容','司徒','夏侯','长孙','宇文','端木') then n[1:2] else n[1] end;
create or replace macro date_of_id(t) as try_strptime(substr(t, 7, 8), '%Y%m%d')::date;
-- A citizen ID as an integer: its 17 digits without the check character, which follows from them (GB 11643-1999).
create or replace macro number_of(t) as try_cast(t[:17] as bigint);
create or replace macro birth_of(n) as try(make_date(n // 10000000 % 10000, n // 100000 % 100, n // 1000 % 100));
create or replace macro sex_of(n) as 2 - n % 2;
create or replace macro county_of(n) as n // 100000000000;
create or replace macro id_apart(a, b) as case when length(a) = 18 and length(b) = 18 then
    list_sum(list_transform(range(1, 19), lambda i: (a[i] <> b[i])::int)) else 99 end;
create or replace macro id_swapped(a, b) as length(a) = 18 and length(b) = 18 and a <> b and list_sort(string_split(a, '')) = list_sort(string_split(b, ''))
    and list_sum(list_transform(range(1, 19), lambda i: (a[i] <> b[i])::int)) = 2;
create or replace macro same_person_name(a, b, pa, pb) as a = b or pa = pb or name_apart(a, b) = 1 and (surname(a) = surname(b) or length(a) > 2)
    or fits(name_shape(a), name_shape(b))
    or length(a) > 4 and length(b) > 4 and levenshtein(a, b) <= 6;
"""
DIGIT_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)  # GB 11643-1999, of the 17 digits
WEIGHED = " + ".join(f"n // {10 ** (16 - i)} % 10 * {weight}" for i, weight in enumerate(DIGIT_WEIGHTS))
MACROS += f"""
create or replace macro check_of(n) as (12 - ({WEIGHED}) % 11) % 11; -- 0 to 10, of an integer
create or replace macro check_of_text(t) as case when t[18] = 'X' then 10 else try_cast(t[18] as bigint) end;
create or replace macro id_of(n) as n::varchar || case check_of(n) when 10 then 'X' else check_of(n)::varchar end;
"""


def records(con: duckdb.DuckDBPyConnection) -> None:
    """Table `rec` from `feed.person`, with the standard address of its residence and registered address.

    `rid` is where the record stands in `rec_row` in this run; `mark` is what the record says, so that a choice by it is the same in every run; `line` is the
    row that it stands in, `house` and `head` its household and the head of it. All are hashes of 64 bits: of all that linkage joins, long texts
    take most time and memory.

    What a record said before a later delivery changed it (`past.person`, version 1) stands beside it: a number, a name
    or a phone of last month still tells who this is. `same_record` (a, b) ties such a version to the record of today
    where the name, the number or the birth date says that the key did not pass to somebody else.
    """
    con.execute(MACROS)
    alike.register(con)
    pinyin(con, "select name from feed.person union all select name from past.person", "name_pinyin")
    con.execute("""
        create or replace table address_of as
        select hash(dataset, source_key) as line, role as purpose, address_code, region_code from published.address_match
    """)
    con.execute("""
        create or replace table rec_row as
        with earlier as ( -- of versions that differ in nothing compared here always the same one
            select distinct on (dataset, source_key, role, name, citizen_id_text, birth_date, phone) * exclude (content)
            from (select *, hash(o) as content from past.person o) order by delivered_on desc, content
        ),
        v as (select *, 0 as version from feed.person union all by name select *, 1 as version from earlier),
        p as (
            select hash(dataset, source_key, role, version, delivered_on, name, citizen_id_text, birth_date, phone) as mark, hash(dataset, source_key) as line, * replace (case when name_state = 'unnamed' or not is_name(name) then null else name end as name)
            from v
        )
        select p.mark, p.line, p.version, p.dataset, p.source_key, p.role, p.removed_on is not null as former, p.first_delivered_on,
            coalesce(p.told_at, p.delivered_on::timestamp) as told_at,
            p.name, y.py, number_of(p.citizen_id) as number, case when p.citizen_id is null then p.citizen_id_text end as id_text, coalesce(p.citizen_id_state, 'missing') as id_state,
            p.birth_date as own_birth, p.sex_code as own_sex, p.phone,
            case when p.household_id is not null then hash('H', p.household_id) end as house, case when p.household_head is not null then hash('V', p.household_head) end as head,
            coalesce(h.address_code, g.address_code) as addr,
            -- another address of this person: the registered one, or where an appeal's trouble is, which is often at home
            coalesce(case when h.address_code is not null then g.address_code end, t.address_code) as addr2,
            coalesce(p.residence_region_code, h.region_code, p.registered_region_code, g.region_code) as place
        from p left join name_pinyin y on y.name = p.name
        left join address_of h on h.line = p.line and h.purpose = 'residence' and p.version = 0 and p.role in ('self', 'child', 'guardian')
        left join address_of g on g.line = p.line and g.purpose = 'registered' and p.version = 0 and p.role = 'self'
        left join address_of t on t.line = p.line and t.purpose = 'place' and p.version = 0 and p.role = 'appellant'
    """)
    con.execute("create or replace view rec as select rowid as rid, * from rec_row")
    con.execute("""
        create or replace table same_record as
        select o.rid as a, n.rid as b from rec o join rec n on n.line = o.line and n.role = o.role and n.version = 0
        where o.version = 1 and (o.number = n.number or coalesce(same_person_name(o.name, n.name, o.py, n.py), false) or o.own_birth = n.own_birth)
    """)
