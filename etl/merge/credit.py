"""The credit library: double publicity, lists and ratings, each with the person or entity it concerns."""

from etl.merge.parties import party
from etl.workbench import Workbench

PERMIT = "xk_xdr_mc, xk_xdr_lb, xk_xdr_shxym, xk_xdr_gszc, xk_xdr_zzjg, xk_xdr_swdj, xk_xdr_sydw, xk_xdr_shzz, xk_frdb, xk_xkws, xk_wsh, xk_xklb, xk_xkzs, xk_xkbh, xk_nr, xk_jdrq, xk_yxqz, xk_yxqzi, xk_xkjg, xk_xkjgdm, xk_zt, xk_lydw, xk_lydwdm, bz"
PENALTY = "cf_xdr_mc, cf_xdr_lb, cf_xdr_shxym, cf_xdr_gszc, cf_xdr_zzjg, cf_xdr_swdj, cf_xdr_sydw, cf_xdr_shzz, cf_frdb, cf_wsh, cf_wfxw, cf_sy, cf_yj, cf_cflb, cf_nr, cf_nr_fk, cf_nr_wfff, cf_nr_zkdx, cf_jdrq, cf_yxq, cf_gsjzq, cf_cfjg, cf_cfjgdm, cf_sjly, cf_sjlydm, bz"


def build(bench: Workbench) -> None:
    """`feed.permit`, `penalty`, `list_entry`, `rating` → the tables of schema credit."""
    con = bench.con
    con.execute(f"create or replace table person_party as select * from {party('person')}")
    con.execute(f"create or replace table entity_party as select * from {party('entity')}")
    # A natural person's number is for linking only and does not enter the credit library: of 18 digits, masked, or of 15
    # (which only its date tells from a registration number: so only where no entity is known).
    con.execute(r"""
        create or replace macro public_code(code, person, entity) as case when person is null and not contains(code, '*')
            and not regexp_full_match(code, '[1-8][0-9]{5}(19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9X]')
            and (entity is not null or not regexp_full_match(code, '[0-9]{8}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])[0-9]{3}')) then code end
    """)
    for name, fields, dates in (
        ("permit", PERMIT, "decided_on, valid_from, valid_to, null::date as displayed_until"),
        ("penalty", PENALTY, "decided_on, valid_to, displayed_until"),
    ):
        con.execute(f"""
            create or replace table out.{name} as
            select f.dataset, f.source_key, subject_name, public_code(subject_code, p.person_id, e.entity_id) as subject_code, e.entity_id, p.person_id, {dates}, {fields}
            from feed.{name} f left join entity_party e using (dataset, source_key) left join person_party p using (dataset, source_key)
            where f.removed_on is null qualify row_number() over (partition by f.dataset, f.source_key order by f.role) = 1
        """)
    con.execute("""
        create or replace table out.list_entry as
        select f.dataset, f.source_key, list, subject_name, public_code(subject_code, p.person_id, e.entity_id) as subject_code, e.entity_id, p.person_id, reason, decided_by,
            coalesce(listed_on, make_date(try_cast(listed_year as int), 1, 1)) as listed_on, coalesce(delisted_on, f.removed_on) as removed_on, valid_to, amount, document_number
        from feed.list_entry f left join entity_party e using (dataset, source_key) left join person_party p using (dataset, source_key)
        qualify row_number() over (partition by f.dataset, f.source_key order by f.role) = 1
    """)
    con.execute("""
        create or replace table out.rating as
        select f.dataset, f.source_key, subject_name, public_code(subject_code, null, e.entity_id) as subject_code, e.entity_id, scheme, year, grade
        from feed.rating f left join entity_party e using (dataset, source_key) where f.removed_on is null
    """)
