"""Which rule reads a column: every rule of schemas/rules.yml and every code table is tried on the column's own values.

There is no second set of recognisers: the values of all columns stand one below the other in one landing, which the real
cleaning reads once as every rule. What counts is how many rows' values come out right (`READ`). Rules that take any text (names,
addresses) tell nothing that way; `LOOKS` says what such a text looks like.
"""

from datetime import date
from pathlib import Path

import duckdb

from etl.clean import clean, codes
from etl.engine import literal, quote
from etl.propose.words import ADDRESS, ENTITY, PLACE, SURNAMES
from etl.spec import Registry, Source

# Rule → when its outputs say that the value is what the rule reads. {r}: the cleaned column's name, {t}: the delivered text.
READ = {
    "citizen_id": "({r}_state in ('ok', 'extended') or ({r}_state = 'legacy15' and not v_organization)) and not regexp_matches({t}, '^[A-Za-z][0-9]')",
    "citizen_id masked": "{r}_state = 'masked'",
    "entity_code": "{r}_state in ('ok_uscc', 'ok_orgcode', 'ok_regno', 'ok_taxno') and length(code_text({t})) <> 13",
    "uscc": "r_entity_code_state = 'ok_uscc'",
    "tax_number": "{r}_state in ('ok_uscc', 'ok_taxno')",
    "taxno": "r_tax_number_state = 'ok_taxno'",
    "organization_code": "{r}_state = 'ok' and length(code_text({t})) in (9, 10)",
    "registration_number": "{r}_state = 'ok'",
    "certificate_id": "{r}_state = 'ok'",
    "date": "{r} is not null and not regexp_full_match({t}, '[0-9]{{5}}(?:[.][0-9]+)?')",
    "day number": "r_date is not null and regexp_full_match({t}, '[2-4][0-9]{{4}}(?:[.][0-9]+)?')",
    "datetime": "{r} is not null and regexp_matches({t}, '[0-9]:[0-9]|^[0-9]{{12}}(?:[0-9]{{2}})?$')",
    "end_date": "regexp_matches({t}, '^(?:长期|永久|无固定期限|9999)')",
    "year_month": "{r} is not null and regexp_full_match({t}, '(?:19|20)[0-9]{{2}}[-./年]?[0-9]{{1,2}}月?')",
    "year": "{r} is not null and regexp_full_match({t}, '(?:19|20)[0-9]{{2}}年?度?')",
    "phone": "{r} is not null and regexp_full_match({r}, '1[3-9][0-9]{{9}}|0[1-9][0-9]{{8,10}}|[2-8][0-9]{{6,7}}') and regexp_matches({t}, '^[+(（０-９0-9]|电话|手机|[Tt]el')",
    "mobile": "regexp_full_match(r_phone, '1[3-9][0-9]{{9}}')",
    "region_code": "{r} is not null and regexp_full_match(code_text({t}), '[1-8][0-9]{{5}}(?:[0-9]{{3}}){{0,3}}') and left({r}, 2) between '11' and '65'",
    "here": "r_region_code like '5105%'",
    "number": "{r} is not null and regexp_full_match(number_text({t}), '[-+]?(?:[0-9]+[.]?[0-9]*|[.][0-9]+)(?:[eE][-+]?[0-9]+)?%?|[(][0-9.]+[)]')",
    "amount": "{r} is not null and regexp_matches({t}, '[0-9] ?[万亿]?[元圆万亿]$')",
    "decimal": "regexp_full_match({t}, '[-+]?[0-9]*[.][0-9]+')",
    "leading zero": "regexp_full_match({t}, '0[0-9]+')",
    "coordinate": "{r} is not null and regexp_matches({t}, '[0-9]') and ({r} between 70 and 140 or {r} between 3 and 55) and regexp_matches({t}, '[.°度]')",
    "longitude": "is_longitude_here(r_coordinate) and regexp_matches({t}, '[.°度]')",
    "latitude": "is_latitude_here(r_coordinate) and regexp_matches({t}, '[.°度]')",
    "period_in_text": "{r} is not null and not regexp_full_match({t}, '[0-9.]+')",
    "sex": "{r} is not null",
    "ethnicity": "{r} is not null",
    "education": "{r} is not null",
    "marital_status": "{r} is not null",
    "kin_relation": "{r} is not null",
    "party_kind": "{r} is not null and length({t}) < 12",
    "yes_no": "{r} is not null and length({t}) < 5",
}  # fmt: skip
# What a text looks like that any rule would take.
LOOKS = {
    "person_name": f"regexp_full_match({{t}}, '(?:{SURNAMES})[\\p{{{{Han}}}}·]{{{{1,3}}}}') and length({{t}}) < 5",
    "entity_name": f"regexp_matches({{t}}, '(?:{ENTITY})(?:[（(][^）)]*[）)])?$') and length({{t}}) > 3 and not regexp_matches({{t}}, '{PLACE}')",
    "address": f"regexp_matches({{t}}, '{ADDRESS}')",
    "plate": "regexp_matches({t}, '(?:[0-9一二三四五六七八九十]+(?:号|栋|幢|单元|室|组|社))|[0-9]+-[0-9]+')",
    "words": "regexp_matches({t}, '\\p{{Han}}')",
    "digits": "regexp_full_match({t}, '[0-9]+')",
}  # fmt: skip
MACRO_RULES = (
    "citizen_id", "entity_code", "tax_number", "organization_code", "registration_number", "certificate_id", "date", "datetime",
    "year_month", "year", "phone", "region_code", "number", "amount", "coordinate", "period_in_text", "sex", "ethnicity",
    "education", "marital_status", "kin_relation", "party_kind", "yes_no",
)  # fmt: skip
Shares = dict[str, dict[str, float]]


def recognise(con: duckdb.DuckDBPyConnection, registry: Registry, folder: Path, today: date) -> Shares:
    """Delivered column → recogniser (a rule, `code:<table>`, a look) → share of rows whose value it reads; fillers do not count."""
    landing, out = folder / "tried.parquet", folder / "tried_cleaned.parquet"
    source = _everything()
    texts = ", ".join(f"text as {quote(n)}" for n in source.columns)
    con.execute(f"copy (select number as row_number, {texts} from value) to {literal(str(landing))} (format parquet)")
    out = clean(con, registry, source, landing, out, today)
    told = {name: test.format(r=f"r_{name.split()[0]}", t="v.text") for name, test in {**READ, **LOOKS}.items()}
    sums = ", ".join(f"coalesce(sum(v.n) filter ({test}), 0) / greatest(sum(v.n), 1) as {quote(name)}" for name, test in told.items())
    found = con.execute(f"""
        select v."column", {sums} from value v
        join (select *, r_organization_code_state = 'ok' as v_organization from read_parquet({literal(str(out))})) c on c.row_number = v.number
        where not is_void(v.text) group by 1""").fetchall()
    shares = {row[0]: {name: float(share) for name, share in zip(told, row[1:], strict=True)} for row in found}
    for column, table, share in _coded(con, registry):
        shares[column][f"code:{table}"] = share
    return shares


def _coded(con: duckdb.DuckDBPyConnection, registry: Registry) -> list[tuple[str, str, float]]:
    """(delivered column, code table, share of rows whose value it knows), by the spellings that cleaning looks values up in."""
    codes.register(con, [t for name, t in registry.codes.items() if name not in MACRO_RULES])
    return con.execute("""
        select v."column", s.code_table, sum(v.n) / any_value(w.n) from value v
        join (select "column", sum(n) as n from value where not is_void(text) group by 1) w using ("column")
        join clean_spelling s on s.spelling = spelling_key(v.text) where not is_void(v.text) group by 1, 2""").fetchall()


def _everything() -> Source:
    """A source that reads one and the same text by every rule."""
    columns = {f"v_{rule}": {"as": f"r_{rule}", "rule": rule} for rule in MACRO_RULES}
    delivery = {"channel": "file", "kind": "full", "format": "csv"}
    return Source.model_validate(
        {"name": "new/source", "stem": "new/source", "title": "-", "delivery": delivery, "key": ["v_date"], "columns": columns}
    )
