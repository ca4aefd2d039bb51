"""Tickets: every problem row and disagreement, opened and closed by the data itself; set-based, by difference, in the caller's transaction.

A thing that is wrong (quality.problem) is the same thing when it comes again, so its ticket lives until a delivery or a
publication no longer shows it. No value of a person is kept, only where to find the row and a fingerprint of the value.
"""

from collections.abc import Sequence
from datetime import date

from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values

from etl import db
from etl.engine import literal, quote
from etl.spec import Registry
from etl.workbench import mapping

MANY = 500
COMPARED = "thing, kind, dataset, source_key, library, state, answer, closed_on"  # what tickets are found by: to look at all columns takes three times as long
DISPUTED = {"population": "person", "legal_entity": "entity"}
PUBLISHED_AS = {"code_uscc": "uscc", "code_organization_code": "organization_code", "code_registration_number": "registration_number"}

SEEN = """
    create temp table seen on commit drop as
    select distinct on (thing) p.*, sum(rows) over (partition by thing)::bigint as all_rows
    from quality.problem p where {where} order by thing, delivery_id desc nulls last, row_number
"""
MENDED = """
    with gone as (
        select ticket, state from quality.ticket t
        where t.closed_on is null and {scope} and not exists (select from seen s where s.thing = t.thing)
    ),
    closed as (
        update quality.ticket t set state = 'mended', closed_on = %(today)s, closed_by = %(by)s from gone where t.ticket = gone.ticket
    )
    insert into quality.ticket_change (ticket, from_state, to_state, day, by) select ticket, state, 'mended', %(today)s, %(by)s from gone
"""
# a value that was answered for, and is another now and still wrong: the answer was for the old one
CHANGED = """
    with other as (
        select t.ticket, t.state from quality.ticket t join seen s on s.thing = t.thing
        where t.closed_on is null and t.state in ('accepted', 'answered') and s.value_hash <> t.value_hash
    ),
    asked as (
        update quality.ticket t set state = 'open', answer = null, remark = null, answered_by = null, answered_on = null, sent_on = null, due_on = null
        from other where t.ticket = other.ticket
    )
    insert into quality.ticket_change (ticket, from_state, to_state, day, by, why) select ticket, state, 'open', %(today)s, %(by)s, '值已改变，仍有问题' from other
"""
MOVED = """
    update quality.ticket t set delivery_id = s.delivery_id, row_number = s.row_number, rows = s.all_rows, value_hash = s.value_hash
    from seen s where s.thing = t.thing and t.closed_on is null
        and (t.delivery_id, t.row_number, t.rows, t.value_hash) is distinct from (s.delivery_id, s.row_number, s.all_rows, s.value_hash)
"""
# what its department once said is right as it is stays so, also when the record has become part of another identity
OPENED = """
    insert into quality.ticket (kind, thing, department, dataset, source_key, library, field, problem, record_id, delivery_id, row_number, rows, hint, value_hash,
        state, answer, answered_by, answered_on, opened_on)
    select s.kind, s.thing, split_part(s.dataset, '/', 1), s.dataset, s.source_key, s.library, s.field, s.problem, s.record_id, s.delivery_id, s.row_number, s.all_rows,
        s.kind = 'wrong' and s.problem = any(%(hints)s), s.value_hash, case when a.ticket is null then 'open' else 'accepted' end, a.answer, a.answered_by, a.answered_on, %(today)s
    from seen s
    left join lateral (
        select ticket, answer, answered_by, answered_on from quality.ticket a
        where a.answer = '原值无误' and a.dataset = s.dataset and a.source_key = s.source_key and a.field = s.field and a.problem = s.problem and a.value_hash = s.value_hash limit 1
    ) a on true
    where not exists (select from quality.ticket t where t.thing = s.thing and t.closed_on is null)
"""
UNKNOWN = """
    with known as (select distinct dataset, library, kind = 'differs' as differs from quality.ticket where kind <> 'library')
    select 'dataset', dataset from quality.finding where closed_on is null and dataset not in (select dataset from known where not differs)
    union select 'dataset', dataset from quality.quarantine where status = 'open' and dataset not in (select dataset from known where not differs)
    union select 'library', library from quality.disagreement where closed_at is null and library not in (select library from known where differs)
"""
LATE = """
    with late as (
        select ticket, state from quality.ticket where closed_on is null and state in ('sent', 'answered') and due_on < %(today)s and not hint
    ),
    told as (update quality.ticket t set state = 'overdue' from late where t.ticket = late.ticket)
    insert into quality.ticket_change (ticket, from_state, to_state, day, by) select ticket, state, 'overdue', %(today)s, '期限' from late
"""
SENT = """
    with printed as (select ticket, state from quality.ticket where ticket = any(%(tickets)s) and closed_on is null),
    told as (
        update quality.ticket t set told_hash = value_hash, sent_on = coalesce(sent_on, %(today)s), due_on = case when hint then due_on else coalesce(due_on, %(due)s) end,
            state = case when t.state = 'open' then 'sent' else t.state end
        from printed where t.ticket = printed.ticket
    )
    insert into quality.ticket_change (ticket, from_state, to_state, day, by) select ticket, 'open', 'sent', %(today)s, %(by)s from printed where state = 'open'
"""


def hints(registry: Registry) -> list[str]:
    """Problems that may stay as they are: nobody is pressed for them."""
    return sorted({name for rule in registry.rules.values() for name, problem in rule.problems.items() if problem.severity == "info"})


def follow_dataset(con: Connection, registry: Registry, dataset: str, delivery_id: str, today: date) -> None:
    """Opens, closes and refreshes the tickets of a dataset after a delivery was applied. In the caller's transaction."""
    _follow(con, registry, "p.dataset = %(what)s and p.kind in ('refused', 'wrong', 'check')", "t.dataset = %(what)s and t.kind in ('refused', 'wrong', 'check')", dataset, delivery_id, today)  # fmt: skip


def follow_library(con: Connection, registry: Registry, library: str, today: date) -> None:
    """The same of a library's disagreements and failed checks, with its publication."""
    kinds = "('differs', 'library')"
    _follow(con, registry, f"p.kind in {kinds} and p.library = %(what)s", f"t.kind in {kinds} and t.library = %(what)s", library, library, today)  # fmt: skip
    declare_sources(con, registry, library)


def follow_all(con: Connection, registry: Registry, today: date) -> None:
    """What stood in the books before there were tickets, and what has become late since."""
    for what, name in db.rows(con, UNKNOWN):
        if what == "dataset":
            follow_dataset(con, registry, name, "首次", today)
        else:
            follow_library(con, registry, name, today)
    late(con, today)


def _follow(con: Connection, registry: Registry, where: str, scope: str, what: str, by: str, today: date) -> None:
    args = {"what": what, "by": by, "today": today, "hints": hints(registry)}
    with con.cursor() as c:
        c.execute("drop table if exists seen")
        c.execute(SEEN.format(where=where), args)
        c.execute("analyze seen")
        for sql in (MENDED.format(scope=scope), CHANGED, MOVED, OPENED):
            c.execute(sql, args)
        if c.rowcount > MANY:  # or the next comparison takes them for few, and each by each
            c.execute(f"analyze quality.ticket ({COMPARED})")
        c.execute("drop table seen")


def late(con: Connection, today: date) -> None:
    """What was told and is past its date becomes overdue."""
    with con.cursor() as c:
        c.execute(LATE, {"today": today})


def sent(con: Connection, tickets: Sequence[int], letter: str, today: date, due: date) -> None:
    """Tickets that a department has in its workbook now."""
    with con.cursor() as c:
        c.execute(SENT, {"tickets": list(tickets), "by": letter, "today": today, "due": due})


# ── who says what of a field ─────────────────────────────────────────────────────────────────────────────────────


def declare_sources(con: Connection, registry: Registry, library: str) -> None:
    """quality.field_source: where each field of a library comes from, as schemas/ say it now."""
    kind = DISPUTED.get(library)
    if kind is None:
        return
    declared = sorted(_sources(registry, library, kind))
    names = "library, kind, field, dataset, role, place, staging_table, expression, condition"
    held = db.rows(con, f"select {names} from quality.field_source where library = %s", [library])
    if sorted(held) == declared:
        return
    with con.cursor() as c:
        c.execute("delete from quality.field_source where library = %s", [library])
        execute_values(c, f"insert into quality.field_source ({names}) values %s", declared)


def _sources(registry: Registry, library: str, kind: str) -> set[tuple[str, str, str, str, str, int, str, str, str]]:
    fields = registry.libraries[library].inputs[kind].fields
    orders = {f: rule.order for each in registry.libraries[library].believe.values() for f, rule in each.items()}
    found = set()
    for source, index in registry.feeding(f"{library}.{kind}"):
        feed = source.feeds[index]
        condition = " and ".join(f"{quote(c)} in ({', '.join(map(literal, v))})" for c, v in feed.when.items()) or "true"
        said = {f: quote(c) for f, c in mapping(registry, source, feed, fields).items()} | {
            f: literal(v) for f, v in feed.constants.items()
        }
        each = [
            (PUBLISHED_AS.get(f, f), expression, _place(orders.get(PUBLISHED_AS.get(f, f), []), source.name))
            for f, expression in said.items()
        ]
        if library == "population" and "citizen_id" in said:
            each += [(field, expression, 0) for field, expression in _in_the_number(said["citizen_id"])]
        found |= {
            (library, kind, field, source.name, feed.role, place, source.table, expression, condition) for field, expression, place in each
        }
    return found


def _in_the_number(number: str) -> list[tuple[str, str]]:
    """Birth date and sex as a citizen ID says them (GB 11643); believed before what the department writes."""
    usable = f"{number} ~ '^[0-9]{{17}}[0-9X]$'"
    born = f"case when {usable} then substr({number}, 7, 4) || '-' || substr({number}, 11, 2) || '-' || substr({number}, 13, 2) end"
    return [("birth_date", born), ("sex_code", f"case when {usable} then (2 - substr({number}, 17, 1)::integer % 2)::text end")]


def _place(order: Sequence[str], dataset: str) -> int:
    """1 for the most believed; a pattern's `*` stands for a department."""
    for place, pattern in enumerate(order, 1):
        if pattern == dataset or (pattern.startswith("*/") and dataset.endswith(pattern[1:])):
            return place
    return len(order) + 1
