"""Whom a fact concerns: the person or entity that linkage found for the record's own party."""

OWN = "('self', 'holder', 'subject', 'appellant', 'child')"


def party(kind: str) -> str:
    """SQL: (dataset, source_key, <kind>_id) of the record's own party, of published records."""
    table = "person_record" if kind == "person" else "entity_record"
    return f"(select dataset, source_key, any_value({kind}_id) as {kind}_id from published.{table} where role in {OWN} group by dataset, source_key)"
