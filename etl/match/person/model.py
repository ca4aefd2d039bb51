"""The scoring model: Fellegi and Sunter by Splink, with comparators that are right for Chinese.

m = how often a level occurs between records of one person, u = between records of two. They are fixed in
schemas/linkage/person.json (trained apart from the daily run), so that a run gives the same answer whatever came before it.
How rare a name, phone or address is comes from the city itself (term frequency).
"""

import json
from typing import Any

from etl.settings import ROOT

FILE = ROOT / "schemas" / "linkage" / "person.json"

# comparison → its levels from strongest to weakest: (name, condition, term frequency column or None)
LEVELS: dict[str, list[tuple[str, str, str | None]]] = {
    "name": [
        ("null", "name_l is null or name_r is null", None),
        ("exact", "name_l = name_r", "name"),
        ("gap", "fits(shape_l, shape_r)", None),
        ("homophone", "py_l = py_r", "py"),
        ("alike", "list_contains(alike_l, name_r)", None),
        ("one_character", "name_apart(name_l, name_r) = 1 and sur_l = sur_r and length(name_l) > 2", None),
        ("one_of_two", "name_apart(name_l, name_r) = 1 and sur_l = sur_r", None),
        ("other_surname", "length(name_l) = length(name_r) and length(name_l) in (2, 3) and given_l = given_r", None),
        ("surname", "sur_l = sur_r", None),
    ],
    "birth": [
        ("null", "birth_l is null or birth_r is null", None),
        ("exact", "birth_l = birth_r", None),
        ("swapped", "year(birth_l) = year(birth_r) and month(birth_l) = day(birth_r) and day(birth_l) = month(birth_r)", None),
        (
            "one_part",
            "((year(birth_l) = year(birth_r))::int + (month(birth_l) = month(birth_r))::int + (day(birth_l) = day(birth_r))::int) = 2",
            None,
        ),
        ("near", "abs(datediff('day', birth_l, birth_r)) <= 60", None),
    ],
    "sex": [("null", "sex_l is null or sex_r is null", None), ("exact", "sex_l = sex_r", None)],
    "phone": [("null", "phone_l is null or phone_r is null", None), ("exact", "phone_l = phone_r", "phone")],
    "address": [
        (
            "null",
            "(place_l is null or place_r is null) and coalesce(addr2_l <> addr_r, true) and coalesce(addr_l <> addr2_r, true)",
            None,
        ),
        ("exact", "addr_l = addr_r", "addr"),
        ("other_address", "addr_l = addr2_r or addr2_l = addr_r", None),
        ("community", "place_l[:12] = place_r[:12] and place_l[10:12] <> '000'", None),
        ("town", "place_l[:9] = place_r[:9] and place_l[7:9] <> '000'", None),
        ("county", "place_l[:6] = place_r[:6]", None),
    ],
    "number": [
        ("null", "id_like_l is null or id_like_r is null", None),
        ("exact", "id_like_l = id_like_r", None),
        (
            "masked",
            "contains(id_like_l, '*') and id_like_r like replace(id_like_l, '*', '_') or contains(id_like_r, '*') and id_like_l like replace(id_like_r, '*', '_')",
            None,
        ),
        ("one_digit", "id_apart(id_like_l, id_like_r) = 1 or id_swapped(id_like_l, id_like_r)", None),
        ("masked_differs", "contains(id_like_l, '*') or contains(id_like_r, '*')", None),
        ("two_digits", "id_apart(id_like_l, id_like_r) = 2", None),
    ],
    "context": [
        ("null", "ctx_l is null or ctx_r is null", None),
        ("exact", "len(list_intersect(ctx_l, ctx_r)) > 0", None),
    ],
}

# The columns that these read of a row.
COMPARED = ("name", "py", "shape", "alike", "sur", "given", "birth", "sex", "phone", "addr", "addr2", "place", "id_like", "ctx")

BLOCKING = [
    "l.name = r.name and l.birth = r.birth",
    "l.name = r.name and l.phone = r.phone",
    "l.name = r.name and l.addr = r.addr",
    "l.name = r.name and l.addr = r.addr2",
    "l.name = r.name and l.addr2 = r.addr",
    "l.name = r.name and l.town = r.town and l.name_is_uncommon",
    "l.name = r.name and l.name_is_rare",
    "l.birth = r.birth and l.py = r.py",
    "l.phone = r.phone and l.py = r.py",
    "l.addr = r.addr and l.py = r.py",
    "l.addr = r.addr and l.sur = r.sur and name_apart(l.shape, r.shape) = 1",
    "l.addr = r.addr and l.given = r.given",
    "l.birth = r.birth and l.phone = r.phone",
    "l.birth = r.birth and l.addr = r.addr",
    "l.birth = r.birth and l.id_head = r.id_head",
    "l.phone = r.phone and l.sur = r.sur",
    "l.phone = r.phone and l.given = r.given",
    "l.phone = r.phone and l.addr = r.addr",
    "l.phone = r.phone and l.addr2 = r.addr",
    "l.name = r.name and l.id_tail = r.id_tail",
    "l.name = r.name and l.id_head = r.id_head",
    "l.name = r.name and l.mask = r.mask",
    "l.birth = r.birth and l.house = r.house",
    "l.birth = r.birth and l.given = r.given and l.town = r.town",
]


def parameters() -> dict[str, Any]:
    """The trained parameters: {"comparisons": {comparison: {level: [m, u]}}, "thresholds": {…}, "version": …}."""
    loaded: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return loaded


def settings(persons: int) -> dict[str, Any]:
    """Splink settings for a city of so many persons."""
    trained = parameters()["comparisons"]
    comparisons = []
    for name, levels in LEVELS.items():
        described = []
        for label, condition, frequency in [*levels, ("else", "ELSE", None)]:
            level: dict[str, Any] = {"sql_condition": condition, "label_for_charts": label}
            if label == "null":
                level["is_null_level"] = True
            else:
                level["m_probability"], level["u_probability"] = trained[name][label]
            if frequency:
                level |= {"tf_adjustment_column": frequency, "tf_adjustment_weight": 1.0}
            described.append(level)
        comparisons.append({"output_column_name": name, "comparison_levels": described})
    return {
        "link_type": "link_only",
        "unique_id_column_name": "unique_id",
        "source_dataset_column_name": "source_dataset",
        "probability_two_random_records_match": 1 / max(persons, 1000),
        "blocking_rules_to_generate_predictions": [{"blocking_rule": b} for b in BLOCKING],
        "comparisons": comparisons,
        "retain_intermediate_calculation_columns": True,
        "retain_matching_columns": True,
        "additional_columns_to_retain": ["rid", "proto"],
    }
