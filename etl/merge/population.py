"""The population library: golden persons, their records, kin and work."""

from etl.engine import count, folder
from etl.merge.kinship import kinship
from etl.merge.survive import disagreements, override, survive
from etl.workbench import Workbench, clear

REGISTER = "public_security/household_register"
AT_A_TIME = 500_000  # records whose persons' values are chosen at a time: what is kept of each field meanwhile is large


def build(bench: Workbench) -> None:
    """`feed.*` and `matched.*` → `out.person`, `person_record`, `person_redirect`, `kinship`, `employment`, `person_role`, `disagreement`."""
    parts = _told(bench)
    believe = bench.library.believe["person"]
    survive(bench.con, "told", "person_id", believe, "kept", parts)
    _names(bench)
    _by_number(bench)
    override(bench.con, "population", "person", bench.settings.today, "kept")
    _person(bench)
    override(bench.con, "population", "person", bench.settings.today, "out.person")  # what nobody says in so many words
    _records(bench)
    kinship(bench.con)
    _employment(bench)
    _roles(bench)
    disagreements(bench.con, "told_by_itself", "kept", "person_id", believe)
    clear(bench.con)


def _told(bench: Workbench) -> int:
    """`told`: what current records (and the register's former ones) say of each person, in the library's fields, in so many parts of whole
    persons. More than one are files, read and packed column by column: as a table they would take the memory that choosing wants."""
    con, folded = bench.con, folder(bench.con) / "told"
    parts = count(con, "select count(*) from matched.person_member") // AT_A_TIME + 1
    said = f"""
        select hash(m.person_id) % {parts} as part, m.person_id, f.dataset, f.source_key, f.role, f.removed_on, coalesce(f.told_at, f.delivered_on::timestamp) as told_at,
            case when coalesce(f.name_state, 'ok') = 'ok' and not regexp_matches(f.name, '[?？□*＊a-zA-Z<>;=]') then f.name end as name, f.name as any_name,
            case when m.rule like 'id%' then f.citizen_id end as citizen_id,
            case when m.rule like 'id%' then (2 - substr(f.citizen_id, 17, 1)::int % 2)::varchar end as id_sex,
            case when m.rule like 'id%' then try_strptime(substr(f.citizen_id, 7, 8), '%Y%m%d')::date end as id_birth,
            f.sex_code, f.birth_date, nullif(f.ethnicity_code, '97') as ethnicity_code, case when f.ethnicity_code = '97' then '97' end as other_ethnicity, f.death_date, f.birth_place_code, f.marital_status_code, f.education_code, f.phone,
            f.household_id, f.relation_to_head, f.registered_address, f.registered_region_code, f.living_status, f.status_date,
            f.residence_address, h.address_code as residence_code,
            case when f.residence_address is not null or f.residence_region_code is not null then coalesce(f.residence_region_code, h.region_code) end as residence_region_code,
            g.address_code as registered_code, g.region_code as registered_region_found
        from (select *, hash(dataset, source_key) as line from feed.person) f join matched.person_member m on m.line = f.line and m.role = f.role
        left join address_of h on h.line = f.line and h.purpose = 'residence' and f.role in ('self', 'child')
        left join address_of g on g.line = f.line and g.purpose = 'registered' and f.role = 'self'
        where f.removed_on is null or f.dataset = '{REGISTER}'
    """
    if parts == 1:
        con.execute(f"create or replace table told as {said}")
    else:
        con.execute(f"copy ({said}) to '{folded}' (format parquet, partition_by (part), overwrite, compression zstd, compression_level 1)")
        files = f"read_parquet('{folded}/*/*.parquet', hive_partitioning = true, hive_types = {{'part': bigint}})"
        con.execute(f"create or replace view told as select * from {files}")
    con.execute(
        "create or replace view told_by_itself as select * from told where role in ('self', 'child', 'husband', 'wife') and removed_on is null"
    )
    return parts


def _names(bench: Workbench) -> None:
    """A misprint in the believed name yields to what the others agree on; a name that is simply another one does not.

    `spelling` (person_id, name): where the same name is spelt one character (or one dot) apart, by sound or by shape,
    the spelling that most records share. A different name altogether may be the new one, and stays.
    """
    bench.con.execute("""
        create or replace table spelling as
        with voice as (select person_id, name, count(*) as votes from told where name is not null group by person_id, name),
        near as (
            select k.person_id, k.name as kept, v.name, v.votes, coalesce(o.votes, 0) as own
            from kept k join voice v using (person_id) left join voice o on o.person_id = k.person_id and o.name = k.name
            left join name_pinyin a on a.name = k.name left join name_pinyin b on b.name = v.name
            where v.name <> k.name and (a.py = b.py or name_apart(v.name, k.name) = 1 or replace(v.name, '·', '') = replace(k.name, '·', ''))
        )
        select person_id, arg_max(name, (contains(name, '·'), votes, name)) as name from near
        where votes > own and votes >= 2 or contains(name, '·') and not contains(kept, '·') group by person_id
    """)
    bench.con.execute("""
        update kept set name = (select s.name from spelling s where s.person_id = kept.person_id) where person_id in (select person_id from spelling)
    """)


def _by_number(bench: Workbench) -> None:
    """Birth date and sex are the number's where there is one, whatever a department tells beside it; whose number it is, is believed."""
    told = {"birth_date": "id_birth", "sex_code": "id_sex"}
    differs = {column: f"{number} is not null and {number} is distinct from {column}" for column, number in told.items()}
    values = [f"case when {differs[column]} then {number} else {column} end as {column}" for column, number in told.items()]
    sources = [f"case when {differs[column]} then citizen_id__from else {column}__from end as {column}__from" for column in told]
    bench.con.execute(f"create or replace table kept as select * replace ({', '.join(values + sources)}) from kept")


def _person(bench: Workbench) -> None:
    """`out.person`: one row per person who is still named by a record, or left the register."""
    bench.con.execute("""
        create or replace table residence as
        select person_id, arg_max(struct_pack(a := residence_address, c := residence_code, r := residence_region_code), (told_at, dataset, source_key)) as lives
        from told where role = 'self' and removed_on is null and residence_address is not null group by person_id
    """)
    bench.con.execute(f"""
        create or replace table status as
        select person_id,
            bool_or(dataset = 'health/death_certificates' and role = 'self' or living_status = 'dead') as dead,
            coalesce(min(death_date) filter (dataset = 'health/death_certificates'), min(status_date) filter (living_status = 'dead'), min(death_date)) as death_date,
            bool_or(dataset = '{REGISTER}') as registered,
            bool_and(living_status = 'moved_out' or removed_on is not null) filter (dataset = '{REGISTER}') as moved,
            arg_max(registered_code, told_at) filter (dataset = '{REGISTER}') as home_code,
            arg_max(registered_region_found, told_at) filter (dataset = '{REGISTER}') as home_region,
            max(any_name) as any_name, max(other_ethnicity) as other_ethnicity
        from told group by person_id
    """)
    bench.con.execute("""
        create or replace table out.person as
        select k.person_id, k.citizen_id, coalesce(k.name, s.any_name) as name, k.sex_code, coalesce(k.ethnicity_code, s.other_ethnicity) as ethnicity_code,
            k.birth_date, case when s.dead then s.death_date end as death_date, k.birth_place_code,
            k.marital_status_code, k.education_code, k.phone, k.household_id, k.registered_address,
            rpad(coalesce(k.registered_region_code, s.home_region), 12, '0') as registered_region_code,
            coalesce(r.lives.a, k.registered_address) as residence_address,
            rpad(case when r.lives is not null then r.lives.r else coalesce(k.registered_region_code, s.home_region) end, 12, '0') as residence_region_code,
            case when r.lives is not null then r.lives.c else s.home_code end as address_code,
            case when a.longitude is not null then printf('SRID=4490;POINT(%.8f %.8f)', a.longitude, a.latitude) end as geom,
            case when s.dead then 'dead' when s.registered and coalesce(s.moved, false) then 'moved_out' else 'living' end as living_status
        from kept k join status s using (person_id) left join residence r using (person_id)
        left join (select address_code, longitude, latitude from published.address) a
            on a.address_code = case when r.lives is not null then r.lives.c else s.home_code end
    """)


def _records(bench: Workbench) -> None:
    bench.con.execute("""
        create or replace table out.person_record as
        select dataset, source_key, role, person_id, rule, probability from matched.person_member where not former
    """)


def _employment(bench: Workbench) -> None:
    bench.con.execute("""
        create or replace table out.employment as
        select p.person_id, e.entity_id, p.dataset, min(w.since) as since, case when count(*) = count(w.until) then max(w.until) end as until
        from feed.employment w
        join out.person_record p on p.dataset = w.dataset and p.source_key = w.source_key and p.role = 'self'
        join published.entity_record e on e.dataset = w.dataset and e.source_key = w.source_key and e.role = 'employer'
        where w.removed_on is null group by p.person_id, e.entity_id, p.dataset
    """)


def _roles(bench: Workbench) -> None:
    """Who stands for an entity: as the most believed department says, which is the registrar of its kind."""
    bench.con.execute("""
        create or replace table out.person_role as
        with said as (
            select e.entity_id, p.person_id, f.dataset, coalesce(f.told_at, f.delivered_on::timestamp) as told_at,
                case when f.dataset like 'market_regulation/%' then 0 when f.dataset like 'civil_affairs/%' or f.dataset like 'education/%' then 0
                    when f.dataset like '%_tax/%' then 1 else 2 end as rank
            from feed.person f join out.person_record p using (dataset, source_key, role)
            join published.entity_record e on e.dataset = f.dataset and e.source_key = f.source_key and e.role in ('self', 'holder')
            where f.role = 'legal_representative' and f.removed_on is null
        ),
        best as (select entity_id, min(rank) as rank from said group by entity_id)
        select distinct s.entity_id, arg_max(s.person_id, (s.told_at, s.person_id)) over (partition by s.entity_id) as person_id,
            case n.kind when 'self_employed' then 'owner' when 'school' then 'principal' else 'legal_representative' end as role
        from said s join best b using (entity_id, rank) join published.entity n using (entity_id)
    """)
