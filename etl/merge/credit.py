"""The credit library: double publicity, lists and ratings, each with the person or entity it concerns and how long it is shown.

Nothing is deleted here: what may no longer be shown stays, with the day on which it vanishes from the outward views
(credit.public_*). Amounts of the double publicity are in 万元 as delivered.
"""

from datetime import date

from etl.engine import literal
from etl.merge.parties import OWN, party
from etl.workbench import Workbench

PERMIT = "xk_xdr_mc, xk_xdr_lb, xk_xdr_shxym, xk_xdr_gszc, xk_xdr_zzjg, xk_xdr_swdj, xk_xdr_sydw, xk_xdr_shzz, xk_frdb, xk_xkws, xk_wsh, xk_xklb, xk_xkzs, xk_xkbh, xk_nr, xk_jdrq, xk_yxqz, xk_yxqzi, xk_xkjg, xk_xkjgdm, xk_lydw, xk_lydwdm, bz"
PENALTY = "cf_xdr_mc, cf_xdr_lb, cf_xdr_shxym, cf_xdr_gszc, cf_xdr_zzjg, cf_xdr_swdj, cf_xdr_sydw, cf_xdr_shzz, cf_frdb, cf_wsh, cf_wfxw, cf_sy, cf_yj, cf_nr, cf_nr_fk, cf_nr_wfff, cf_nr_zkdx, cf_jdrq, cf_yxq, cf_gsjzq, cf_cfjg, cf_cfjgdm, cf_sjly, cf_sjlydm, bz, cf_zt, cf_cfmc"
# What a department writes in the remarks of a penalty that is repaired or was revoked, and what it writes of one that is not.
REPAIRED, NOT_REPAIRED = "信用修复|已修复|撤销公示|终止公示|(?:决定|处罚)(?:已|被|予以)?撤销", "(?:未|不予|不可|不得|不能|尚未).{0,4}修复"


def build(bench: Workbench) -> None:
    """`feed.permit`, `penalty`, `list_entry`, `rating` → the tables of schema credit."""
    _parties(bench)
    _terms(bench)
    _permits(bench)
    _penalties(bench)
    _candidates(bench)
    _lists(bench)
    bench.con.execute("""
        create or replace table out.rating as
        select f.dataset, f.source_key, subject_name, public_code(subject_code, null, e.entity_id) as subject_code, e.entity_id, scheme, year, grade
        from feed.rating f left join entity_party e using (dataset, source_key) where f.removed_on is null
    """)


def _parties(bench: Workbench) -> None:
    """`person_party`, `entity_party`: whom each record concerns."""
    bench.con.execute(f"create or replace table person_party as select * from {party('person')}")
    bench.con.execute(f"create or replace table entity_party as select * from {party('entity')}")
    # A natural person's number is for linking only and does not enter the credit library: of 18 digits, masked, or of 15
    # (which only its date tells from a registration number: so only where no entity is known).
    bench.con.execute(r"""
        create or replace macro public_code(code, person, entity) as case when person is null and not contains(code, '*')
            and not regexp_full_match(code, '[1-8][0-9]{5}(19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9X]')
            and (entity is not null or not regexp_full_match(code, '[0-9]{8}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])[0-9]{3}')) then code end
    """)


def _terms(bench: Workbench) -> None:
    """`out.display_term` from the declared terms, and `term_of`: (kind, dataset, source_key) → the one that applied on the day of the decision."""
    rows = [
        f"({literal(name)}, {literal(t.regime)}, {literal(t.document)}, {literal(t.article)}, {literal(t.kind)}, {literal(t.severity)}, {_number(t.minimum)}, "
        f"{_number(t.maximum)}, {t.repairable}, {t.shown}, {_day(t.valid_from)}, {_day(t.valid_to)}, {rank}, {literal(t.category)}, {literal(t.matter)}, "
        f"{literal(t.source)}, {literal(t.certainty)})"
        for rank, (name, t) in enumerate(bench.registry.terms.items())
    ]
    bench.con.execute(f"""
        create or replace table out.display_term as select * from (values {", ".join(rows)}) t(term, regime, document_number, article, record_kind, severity,
            minimum_months, maximum_months, repairable, shown, valid_from, valid_to, rank, category, matter, law_source, certainty)
    """)
    bench.con.execute("""
        create or replace table term_of as
        with fact as (
            select 'permit' as kind, dataset, source_key, decided_on as day, '' as category, '' as matter from feed.permit
            union all
            select 'penalty', dataset, source_key, decided_on, concat_ws('、', cf_cflb, cf_cflb2), concat_ws(' ', cf_wfxw, cf_sy, cf_yj) from feed.penalty
            union all
            select list, dataset, source_key, coalesce(listed_on, make_date(try_cast(listed_year as int), 1, 1)), '', '' from feed.list_entry
        )
        select f.kind, f.dataset, f.source_key, f.day, t.* exclude (record_kind, valid_from, valid_to, category, matter),
            (f.day + to_months(t.minimum_months))::date as earliest, (f.day + to_months(t.maximum_months))::date as latest
        from fact f join out.display_term t on t.record_kind = f.kind and (t.valid_from is null or f.day >= t.valid_from) and (t.valid_to is null or f.day <= t.valid_to)
            and (t.category is null or regexp_matches(coalesce(f.category, ''), t.category)) and (t.matter is null or regexp_matches(coalesce(f.matter, ''), t.matter))
        qualify row_number() over (partition by f.kind, f.dataset, f.source_key order by t.rank) = 1
    """)


def _number(value: int | None) -> str:
    return "null::integer" if value is None else str(value)


def _day(value: date | None) -> str:
    return "null::date" if value is None else f"date '{value}'"


def _permits(bench: Workbench) -> None:
    """A permit is shown through its validity. The state of the 2016 form means other things by the same digits."""
    bench.con.execute(f"""
        create or replace table out.permit as
        select f.dataset, f.source_key, subject_name, public_code(subject_code, p.person_id, e.entity_id) as subject_code, e.entity_id, p.person_id,
            decided_on, f.valid_from, f.valid_to, f.valid_to as displayed_until, t.term as display_term, {PERMIT},
            coalesce(xk_zt, case state_2016 when '0' then '1' when '1' then '2' when '2' then '1' end) as xk_zt
        from feed.permit f left join entity_party e using (dataset, source_key) left join person_party p using (dataset, source_key)
        left join term_of t on t.kind = 'permit' and t.dataset = f.dataset and t.source_key = f.source_key
        where f.removed_on is null qualify row_number() over (partition by f.dataset, f.source_key order by f.role) = 1
    """)


def _penalties(bench: Workbench) -> None:
    """A penalty is shown until the longest term is over, or the day its department set: not before the shortest, unless it is repaired."""
    bench.con.execute(f"""
        create or replace table out.penalty as
        with told as (
            select f.*, case when f.displayed_until > f.decided_on then f.displayed_until end as stated,
                cf_zt = '1' or regexp_matches(bz, '{REPAIRED}') and not regexp_matches(bz, '{NOT_REPAIRED}') as over
            from feed.penalty f where f.removed_on is null qualify row_number() over (partition by f.dataset, f.source_key order by f.role) = 1
        )
        select f.dataset, f.source_key, subject_name, public_code(subject_code, p.person_id, e.entity_id) as subject_code, e.entity_id, p.person_id, decided_on, f.valid_to,
            case when stated is null then t.latest else least(greatest(stated, t.earliest), t.latest) end as displayed_until,
            t.severity, t.term as display_term, coalesce(t.shown, true) as shown, case when t.repairable then t.earliest end as repairable_from,
            case when over then delivered_on end as repaired_on, nullif(concat_ws('、', cf_cflb, cf_cflb2), '') as cf_cflb, {PENALTY}
        from told f left join entity_party e using (dataset, source_key) left join person_party p using (dataset, source_key)
        left join term_of t on t.kind = 'penalty' and t.dataset = f.dataset and t.source_key = f.source_key
    """)


def _candidates(bench: Workbench) -> None:
    """`candidate`: for entries with a masked number, how many persons of the population library have that name and those visible digits."""
    bench.con.execute(f"""
        create or replace table candidate as
        with masked as (
            select distinct dataset, source_key, replace(subject_name, ' ', '') as name, replace(subject_code_citizen_id_text, '*', '_') as pattern
            from feed.list_entry where subject_code_citizen_id_state = 'masked' and length(subject_code_citizen_id_text) = 18
        ),
        known as (select dataset, source_key, any_value(rule) as rule from published.person_record where role in {OWN} group by dataset, source_key)
        select m.dataset, m.source_key, count(n.person_id)::integer as candidates, coalesce(any_value(k.rule), 'alone') as rule
        from masked m left join published.person_named n on n.name = m.name and n.citizen_id like m.pattern left join known k using (dataset, source_key)
        group by m.dataset, m.source_key
    """)


def _lists(bench: Workbench) -> None:
    """An entry is shown until it is removed, its own end, or the end that the law sets. What a masked number could prove is said."""
    bench.con.execute("""
        create or replace table out.list_entry as
        select f.dataset, f.source_key, list, subject_name, public_code(subject_code, p.person_id, e.entity_id) as subject_code, e.entity_id, p.person_id, reason, decided_by,
            coalesce(listed_on, make_date(try_cast(listed_year as int), 1, 1)) as listed_on, coalesce(delisted_on, f.removed_on) as removed_on, valid_to, amount,
            f.document_number, t.term as display_term, coalesce(t.shown, true) as shown, coalesce(valid_to, t.latest) as displayed_until,
            case when t.repairable then t.earliest end as repairable_from, c.candidates as link_candidates,
            case when e.entity_id is not null then 'entity' when c.candidates is not null then case
                    when c.rule <> 'alone' then case c.candidates when 1 then 'masked_unique' else 'masked_other' end
                    when c.candidates = 0 then 'masked_none' when c.candidates > 1 then 'masked_ambiguous' else 'none' end
                when p.person_id is not null then 'number' else 'none' end as link_basis
        from feed.list_entry f left join entity_party e using (dataset, source_key) left join person_party p using (dataset, source_key)
        left join term_of t on t.kind = f.list and t.dataset = f.dataset and t.source_key = f.source_key
        left join candidate c on c.dataset = f.dataset and c.source_key = f.source_key
        qualify row_number() over (partition by f.dataset, f.source_key order by f.role) = 1
    """)
