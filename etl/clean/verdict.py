"""What is wrong with a row: findings (it loads with them) and reasons (it cannot stand)."""

from etl.clean.query import Reading
from etl.engine import literal
from etl.spec import Registry, RuleSpec, Source

FINDING = 'struct("column" varchar, problem varchar, value varchar)'
CLIP = 40  # characters of a value that a reason quotes
LONG = 200  # characters of a value that a finding keeps


def row_problems(columns: list[Reading]) -> dict[str, tuple[str, str]]:
    """What the columns of one row say of each other: name of the flag → (condition over cleaned columns, delivered column).

    Only of the row's own party: the cleaned columns citizen_id, birth_date, sex_code."""
    by_name = {c.column.as_: c for c in columns}
    rules = {name: c.column.rule for name, c in by_name.items()}
    found = {}
    if rules.get("citizen_id") == "citizen_id":
        delivered = by_name["citizen_id"].delivered
        if rules.get("birth_date") in ("date", "datetime"):
            found["id_birth_differs"] = ("citizen_id[7:14] <> strftime(birth_date, '%Y%m%d')", delivered)
        if rules.get("sex_code") == "sex":
            found["id_sex_differs"] = ("(citizen_id[17]::int % 2 = 1) <> (sex_code = '1')", delivered)
    if has_point(columns):
        for name in ("longitude", "latitude"):
            found[f"coordinate_exchanged {name}"] = ("are_exchanged(longitude, latitude)", by_name[name].delivered)
            found[f"coordinate_outside {name}"] = (
                f"not is_{name}_here({name}) and not are_exchanged(longitude, latitude)",
                by_name[name].delivered,
            )
    return found


def has_point(columns: list[Reading]) -> bool:
    """Whether the source delivers a point as two columns."""
    return {"longitude", "latitude"} <= {c.column.as_ for c in columns if c.column.rule == "coordinate"}


def findings(columns: list[Reading], geometry: bool) -> str:
    """The list of findings; built only for rows that have one."""
    entries = [(f"{c.name}_p", c.delivered, c.name) for c in columns if c.rule.problem != "null"]
    by_delivered = {c.delivered: c.name for c in columns}
    for flag, (_, delivered) in row_problems(columns).items():
        problem = flag.split()[0]
        entries.append((f'case when "{flag}" then {literal(problem)} end', delivered, by_delivered[delivered]))
    if geometry:
        entries.append(("geometry_problem", "@geometry", "null::varchar"))
    if not entries:
        return f"cast([] as {FINDING}[])"
    made = ", ".join(
        f"""case when {problem} is not null then
            {{'column': {literal(delivered)}, 'problem': {problem}, 'value': left({value}, {LONG})}}::{FINDING} end"""
        for problem, delivered, value in entries
    )
    any_problem = f"coalesce({', '.join(e[0] for e in entries)})"
    return f"case when {any_problem} is null then cast([] as {FINDING}[]) else list_filter([{made}], lambda f: f is not null) end"


def reasons(registry: Registry, source: Source, columns: list[Reading], shaped: bool) -> str:
    """The list of reasons; a row of the wrong shape is not blamed for what then stands in the wrong column."""
    by_name = {c.delivered: c for c in columns}
    empty = {k: literal(f"missing_key: 主键列“{source.columns[k].title or k.lstrip('@')}”为空") for k in source.key}
    said = [f"case when {by_name[k].key_part} is null then {sentence} end" for k, sentence in empty.items()]
    declared = sum(not d.startswith("@") for d in source.columns)
    unshaped = "true"
    if shaped:
        unshaped = "shape_found is null"
        said.append(f"case when shape_found is not null then 'bad_shape: 本行有 ' || shape_found || ' 个字段，约定为 {declared} 个' end")
    for c in columns:
        if c.column.required:
            said += refusals(registry.rules[c.column.rule], c, unshaped)
    if source.geometry:
        said += geometry_refusals(registry.rules["geometry"], source.geometry.required)
    return f"list_filter([{', '.join(said)}]::varchar[], lambda r: r is not null)"


def refusals(rule: RuleSpec, c: Reading, unshaped: str) -> list[str]:
    """A required column's sentences, one for each problem that refuses the row."""
    said = []
    for name, problem in rule.problems.items():
        if problem.refuses and c.rule.problem != "null":
            empty = literal(f"{problem.refuses}: 列“{c.delivered}”为空")
            valued = f"{literal(f'{problem.refuses}: 列“{c.delivered}”的值“')} || clip({c.name}) || {literal(f'”{problem.title}')}"
            sentence = f"case when {c.name} is null then {empty} else {valued} end"
            said.append(f"case when {c.name}_p = {literal(name)} and {unshaped} then {sentence} end")
    return said


def geometry_refusals(rule: RuleSpec, required: bool) -> list[str]:
    """A geometry outside the city refuses the row always; one that is missing or of another kind, where it is required."""
    return [
        f"case when geometry_problem = {literal(name)} then {literal(f'{p.refuses}: 列“几何”{p.title}')} end"
        for name, p in rule.problems.items()
        if p.refuses and (required or p.refuses == "outside_city")
    ]


def clip_macro() -> str:
    """A value as a reason quotes it."""
    return f"create or replace temp macro clip(x) as case when length(x) > {CLIP} then left(x, {CLIP}) || '…' else x end"
