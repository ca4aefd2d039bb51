"""Rule name → how a delivered column becomes cleaned columns: SQL expressions over the macros of sql/rules.

A rule is a row of small steps. Each step is an SQL template; its result is a column of the next sub-select, so that what
several expressions need (the normalised text, the candidate number) is computed once. In a template `{d}` is the
delivered text without blanks at its ends, `{1}`, `{2}` … the results of the steps, `{found}` the code that the code table
gives for the text of step 1, `{period}` the period that title, sheet and file name tell, `{today}` the business date, `{required}` and `{in_key}` true or false, `{scale}` the
factor of the column's unit.
"""

from dataclasses import dataclass

from etl.errors import UsageError
from etl.spec import Column

SCALES = {"万亿": 10**12, "亿": 10**8, "千万": 10**7, "百万": 10**6, "万": 10**4, "千": 10**3}


@dataclass(frozen=True)
class Rule:
    """`steps` in order; `outputs`: suffix → template; `problem`: template giving a problem's name or NULL;
    `lookup`: the code table (`@` = the column's own) that step 1 is looked up in."""

    steps: tuple[str, ...]
    outputs: dict[str, str]
    problem: str = "null"
    lookup: str | None = None


def _code(table: str, text: str = "spelling_key({d})", value: str = "{found}") -> Rule:
    return Rule((text,), {"": value}, "code_problem({d}, {1}, {found}, {required})", lookup=table)


_ENTITY_STEPS = (
    "entity_code_plain(entity_code_unhyphened({d}))",
    "entity_code_text({1})",
    "entity_code_candidate({2})",
    "is_organization_code(organization_part({3}))",
    "citizen_id_body({3})",
    "citizen_id_sum(citizen_id_number({5}))",
    "citizen_id_fault({5}, {6}, citizen_id_birth({5}), {today})",
    "entity_code_state({3}, {4}, {5}, {7})",
)
_ENTITY_OUTPUTS = {
    "": "entity_code_value({2}, {3}, {8})",
    "_uscc": "case when {8} = 'ok_uscc' then {3} end",
    "_organization_code": "entity_organization_code({3}, {4}, {8})",
    "_registration_number": "case when {8} = 'ok_regno' then {3} end",
    "_state": "{8}",
}
_ENTITY_PROBLEM = "entity_code_problem({d}, {2}, {3}, {8}, {in_key})"

RULES: dict[str, Rule] = {
    "text": Rule((), {"": "{d}"}),
    "figure": Rule((), {"": "{d}"}),
    "person_name": Rule(
        ("name_text({d})", "person_name_value({d}, {1})", "person_name_state({2})"),
        {"": "{2}", "_state": "{3}", "_former": "former_name({1})"},
        "person_name_problem({d}, {2}, {3})",
    ),
    "entity_name": Rule(("entity_name_value({d})",), {"": "{1}"}, "entity_name_problem({d}, {1})"),
    "citizen_id": Rule(
        (
            "citizen_id_plain(citizen_id_unhyphened({d}))",
            "citizen_id_text({1})",
            "citizen_id_body({2})",
            "citizen_id_sum(citizen_id_number({3}))",
            "citizen_id_birth({3})",
            "citizen_id_fault({3}, {4}, {5}, {today})",
            "citizen_id_state({2}, {3}, {4}, {6})",
        ),
        {"": "citizen_id_value({3}, {4}, {7})", "_text": "{2}", "_state": "{7}"},
        "citizen_id_problem({d}, {2}, {3}, {6}, {7})",
    ),
    "entity_code": Rule(_ENTITY_STEPS, _ENTITY_OUTPUTS, _ENTITY_PROBLEM),
    "tax_number": Rule((*_ENTITY_STEPS[:-1], "tax_number_state({3}, {4}, {5}, {7})"), _ENTITY_OUTPUTS, _ENTITY_PROBLEM),
    "party_code": Rule(
        (
            *_ENTITY_STEPS,
            "case when is_person_code({2}, {8}) then citizen_id_text({2}) end",
            "case when {9} is not null or {8} = 'missing' then citizen_id_state({9}, {5}, {6}, {7}) end",
        ),
        _ENTITY_OUTPUTS | {"_citizen_id": "citizen_id_value({5}, {6}, {10})", "_citizen_id_text": "{9}", "_citizen_id_state": "{10}"},
        _ENTITY_PROBLEM,
    ),
    "organization_code": Rule(
        (
            "entity_code_plain(entity_code_unhyphened({d}))",
            "entity_code_text({1})",
            "entity_code_candidate({2})",
            "is_organization_code(organization_part({3}))",
            "organization_code_state({3}, {4})",
        ),
        {"": "case when {5} = 'ok' then organization_part({3}) end", "_state": "{5}"},
        "organization_code_problem({d}, {2}, {3}, {5})",
    ),
    "registration_number": Rule(
        ("entity_code_plain(entity_code_unhyphened({d}))", "entity_code_text({1})", "registration_number_state({2})"),
        {"": "{2}", "_state": "{3}"},
        "registration_number_problem({d}, {2}, {3})",
    ),
    "date": Rule(("date_text({d})", "date_day({1})"), {"": "date_value({2})"}, "date_problem({d}, {1}, {2}, {required})"),
    "past_date": Rule(
        ("date_text({d})", "date_day({1})"), {"": "past_date_value({2}, {today})"}, "past_date_problem({d}, {1}, {2}, {required}, {today})"
    ),
    "end_date": Rule(("date_text({d})", "date_day({1})"), {"": "date_value({2})"}, "end_date_problem({d}, {1}, {2}, {required})"),
    "datetime": Rule(
        ("date_text({d})", "datetime_value({1}, date_day({1}))"),
        {"": "case when is_real_day({2}::date) then {2} end"},
        "datetime_problem({d}, {1}, {2}, {required})",
    ),
    "year_month": Rule(("date_text({d})", "month_day({1})"), {"": "date_value({2})"}, "date_problem({d}, {1}, {2}, {required})"),
    "year": Rule(("date_text({d})", "date_day({1})", "year_value({1}, {2})"), {"": "{3}"}, "year_problem({d}, {3}, {required})"),
    "sex": _code("sex", value="case when {found} in ('1', '2') then {found} end"),
    "ethnicity": _code("ethnicity", value="nullif({found}, '99')"),
    "education": _code("education"),
    "marital_status": _code("marital_status"),
    "kin_relation": _code("kin_relation", text="kin_text(spelling_key({d}))"),
    "code": _code("@"),
    "party_kind": Rule(("code_text({d})", "party_kind_value({1})"), {"": "{2}"}, "choice_problem({d}, {1}, {2}, {required})"),
    "yes_no": Rule(("code_text({d})", "yes_no_value({1})"), {"": "{2}"}, "choice_problem({d}, {1}, {2}, {required})"),
    "phone": Rule(("phone_text({d})", "phone_first({1})"), {"": "phone_value({2})"}, "phone_problem({d}, {2})"),
    "address": Rule(("address_value({d})",), {"": "{1}"}, "address_problem({d}, {1})"),
    "region_code": Rule(("code_text({d})", "region_code_value({1})"), {"": "{2}"}, "region_code_problem({d}, {1}, {2}, {required})"),
    "amount": Rule(("number_text({d})", "amount_value({1}, {scale})"), {"": "{2}"}, "number_problem({d}, {1}, {2}, {required})"),
    "number": Rule(("number_text({d})", "quantity_value({1}, {scale})"), {"": "{2}"}, "number_problem({d}, {1}, {2}, {required})"),
    "coordinate": Rule(("coordinate_degrees({d})",), {"": "coordinate_value({1})"}, "coordinate_problem({d}, {1})"),
    "indicator_name": Rule((), {"": "indicator_name_value({d})"}),
    "period_in_text": Rule(
        ("period_text({d})", "period_value({1})"), {"": "{2}"}, "case when {2} is null and {d} is not null then 'no_period' end"
    ),
    "period_of_context": Rule(("{period}",), {"": "{1}"}, "case when {1} is null then 'no_period' end"),
    "certificate_id": Rule(
        ("upper(narrow({d}))", "certificate_body({1})", "certificate_id_state({1}, {2})"),
        {"": "{1}", "_state": "{3}"},
        "certificate_id_problem({d}, {2}, {3})",
    ),
}

# Columns of which a day ahead is wrong whatever the source: nobody is born or dies tomorrow.
PAST = ("birth_date", "death_date")


def rule_of(delivered: str, column: Column) -> Rule:
    """The rule of a column; a birth or death date cannot lie ahead, a period in a title is read with the other context."""
    if column.rule not in RULES:
        raise UsageError(f"规则 {column.rule} 没有清洗办法；已知的有：{'、'.join(sorted(RULES))}")
    if column.rule == "period_in_text" and delivered.startswith("@"):
        return RULES["period_of_context"]
    return RULES["past_date" if column.rule == "date" and column.as_ in PAST else column.rule]


def scale(column: Column) -> int:
    """Factor of the column's unit: 万元 → 10000; 1 without a scale."""
    unit = column.unit or ""
    return next((factor for word, factor in SCALES.items() if unit.startswith(word)), 1)
