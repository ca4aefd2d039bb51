"""Reads the books for one department, in one consistent state of the database, and masks what it reads."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from etl import db
from etl.report import books, claims, failing, ledger, words
from etl.report import facts as f
from etl.report.mask import remark
from etl.report.masker import library_value
from etl.report.reading import Reading
from etl.spec import Source
from etl.spec.rule import Problem as Declared
from etl.spec.suite import Claim, load_suite

RECORDS = {"population": ("population.person_record", "person"), "legal_entity": ("legal_entity.entity_record", "entity")}


class Reader(Reading):
    """The facts of one department after another, all from one state of the database."""

    def departments(self) -> list[str]:
        """Every department that delivered anything."""
        return sorted({d.split("/")[0] for d in self.delivered})

    def facts(self, department: str) -> f.Facts:
        """What a department is to be told."""
        declared = self.registry.departments.get(department)
        names = sorted(
            {s.name for s in self.registry.sources.values() if s.department == department}
            | {d for d in self.delivered if d.split("/")[0] == department}
        )
        told = ledger.last(self.settings.home, self.instance, department)
        problems = self._problems(names)
        refusals = self._refusals(names)
        deliveries = self._deliveries(names, told.sequence)
        checks, beside = self._checks(names)
        to_fix = {self._title(dataset): int(n) for dataset, n in db.rows(self.con, books.WRONG_ROWS, [names])}
        return f.Facts(
            department=department,
            title=declared.title if declared else department,
            contact=declared.contact if declared else "",
            instance=self.instance,
            sequence=max(told.sequence, self._number(books.LAST_SEQUENCE, names)),
            since=told.day,
            today=self.settings.today,
            deliveries=tuple(d for d in deliveries if d.state not in ("held", "rejected")),
            waiting=tuple(d for d in deliveries if d.state in ("held", "rejected")),
            overdue=tuple(self._overdue(names)),
            oddities=tuple(self._oddities(names)),
            course=f.Course(*map(int, db.rows(self.con, books.TICKETS, [self.settings.today, names])[0])),
            platform=self.platform,
            trend=tuple((day, float(value)) for day, value in reversed(db.rows(self.con, books.TREND, [self.settings.today, department]))),
            urgent=bool(db.rows(self.con, books.NEWLY_HELD, [names, told.sequence])[0][0]),
            problems=(*problems, *self._beyond(names)),
            refusals=tuple(refusals),
            disagreements=tuple(self._disagreements(names)),
            mended=tuple(self._mended(names, told)),
            checks=tuple(checks),
            to_fix={title: n for title in {**to_fix, **beside} if (n := to_fix.get(title, 0) + beside.get(title, 0))},
            refused=self._number(books.REFUSED, names),
            scores={s.dimension: (s.value, s.previous) for s in self.scores if s.scope == "department" and s.name == department},
            datasets={
                self._title(s.name): (s.value, s.previous)
                for s in self.scores
                if s.scope == "dataset" and s.name in names and s.dimension == "total"
            },
        )

    def _deliveries(self, names: list[str], since: int) -> list[f.Delivery]:
        """Deliveries since the last mail, and those that still wait for a decision."""
        out = []
        for dataset, delivery_id, on, kind, state, reason, notes, *rows in db.rows(self.con, books.DELIVERIES, [names, since]):
            code, sentence = words.reason(reason)
            what, advice = words.REFUSED_DELIVERY.get(code, (sentence, "请与平台联系"))
            masker = self._masker(dataset)
            told = tuple(masker.sentence(n) for n in notes)
            out.append(
                f.Delivery(
                    dataset, self._title(dataset), delivery_id, on, words.KINDS.get(kind, kind), state, code, what, masker.sentence(sentence), advice,
                    dict(zip(books.COUNTS, rows, strict=True)), told,
                )
            )  # fmt: skip
        return out

    def _overdue(self, names: list[str]) -> Iterable[f.Overdue]:
        for dataset, due, state, last, by, days, *_ in db.rows(self.con, books.PUNCTUAL, [self.settings.today, names]):
            if state == "late":
                yield f.Overdue(self._title(dataset), words.DUE.get(due, due), last, by, days)

    def _whole(self, dataset: str) -> bool:
        """Whether each delivery is the whole register."""
        source = self.registry.sources.get(dataset)
        return source is not None and source.delivery.kind == "full"

    def _oddities(self, names: list[str]) -> Iterable[f.Oddity]:
        """What is strange about a last delivery as a whole, and how its shape drifts."""
        unusual = {r[0] for r in db.rows(self.con, books.UNUSUAL_REPEATS, [self.settings.today])}
        for dataset, _, _, last, _, _, rows, usual, is_short, is_empty, _ in db.rows(
            self.con, books.PUNCTUAL, [self.settings.today, names]
        ):
            on = words.day(last, self.settings.today) if last else ""
            if is_empty:
                yield f.Oddity(self._title(dataset), f"{on}的交付没有一行数据")
            elif is_short and self._whole(dataset):  # an increment is as long as what happened
                yield f.Oddity(self._title(dataset), f"{on}交付 {words.count(rows)} 行，不到平常（{words.count(usual)} 行）的一半")
            elif dataset in unusual:
                yield f.Oddity(self._title(dataset), f"{on}的交付与上一次完全相同，请确认不是误传了旧文件")
        for dataset, kind, column, detail, rows in db.rows(self.con, books.DRIFT, [names]):
            shown = self._masker(dataset).value(column, detail) if kind.endswith("_code") else detail
            says = words.DRIFT[kind].format(
                column=self._column(dataset, column or ""), detail=shown or "", rows=words.count(int(rows or 0))
            )
            yield f.Oddity(self._title(dataset), says)

    def _rule(self, dataset: str, column: str, problem: str) -> tuple[str, Declared]:
        """The rule that found a problem, and what it says of it; a problem that no rule declares speaks for itself."""
        source = self.registry.sources.get(dataset)
        declared = source.columns.get(column) if source else None
        first = [declared.rule] if declared and declared.rule in self.registry.rules else []
        for name in [*first, *self.registry.rules]:
            if problem in self.registry.rules[name].problems:
                return name, self.registry.rules[name].problems[problem]
        return "", Declared(title=problem, expected="请核对")

    def _problems(self, names: list[str]) -> list[f.Problem]:
        found: dict[tuple[str, str, str], tuple[int, list[f.Row]]] = {}
        for dataset, column, problem, total, key, value, number, delivery, *ticket in db.rows(
            self.con, books.OPEN_FINDINGS, [names, books.ROWS_PER_PROBLEM]
        ):
            shown = self._masker(dataset).value(column, value)
            expected = self._rule(dataset, column, problem)[1].expected
            row = self._row(dataset, key, delivery, number, self._column(dataset, column), shown, expected, *ticket)
            found.setdefault((dataset, column, problem), (total, []))[1].append(row)
        return [
            f.Problem(dataset, self._title(dataset), column, problem, *self._rule(dataset, column, problem), total, tuple(rows))
            for (dataset, column, problem), (total, rows) in found.items()
        ]

    def _beyond(self, names: list[str]) -> Iterator[f.Problem]:
        """What only the libraries show: the department's own rows behind a failed check, with the value that stands there."""
        found: dict[tuple[str, str, str], list[tuple[Any, ...]]] = {}
        for dataset, field, problem, *row in db.rows(self.con, books.OPEN_LIBRARY, [names, books.ROWS_PER_PROBLEM]):
            found.setdefault((dataset, field, problem), []).append(tuple(row))
        for (dataset, field, problem), listed in found.items():
            severity, because, total = listed[0][:3]
            says, _, advice = because.partition("；")
            expected = advice or "请核对，有误的改正"
            declared = Declared(title=says, expected=expected, severity=severity)
            stands = self._standing(dataset, field, [row[3] for row in listed])
            column, masker = self._column(dataset, field) if field else "", self._masker(dataset)
            rows = tuple(
                self._row(dataset, key, delivery, number, column, masker.value(field, stands.get(key)), expected, *ticket)
                for _, _, _, key, number, delivery, *ticket in listed
            )
            yield f.Problem(dataset, self._title(dataset), field, problem, "library", declared, total, rows)

    def _refusals(self, names: list[str]) -> list[f.Refusal]:
        found: dict[tuple[str, str], tuple[int, list[f.Row]]] = {}
        for dataset, code, total, key, reasons, number, delivery, *ticket in db.rows(
            self.con, books.OPEN_REFUSALS, [names, books.ROWS_PER_PROBLEM]
        ):
            said = self._masker(dataset).sentence("；".join(words.reason(r)[1] for r in reasons))
            row = self._row(dataset, key, delivery, number, "", said, words.REFUSED_ROW.get(code, ("", "请核对"))[1], *ticket)
            found.setdefault((dataset, code), (total, []))[1].append(row)
        return [
            f.Refusal(dataset, self._title(dataset), code, *words.REFUSED_ROW.get(code, (code, "请核对")), total, tuple(rows))
            for (dataset, code), (total, rows) in sorted(found.items(), key=lambda x: -x[1][0])
        ]

    def _disagreements(self, names: list[str]) -> list[f.Disagreement]:
        found: dict[tuple[str, str, str, str], tuple[int, list[tuple[Any, ...]]]] = {}
        for library, name, kept_from, other_from, total, *row in db.rows(
            self.con, books.DISAGREEMENTS, [names, names, names, books.ROWS_PER_PROBLEM]
        ):
            found.setdefault((library, name, kept_from, other_from), (total, []))[1].append(tuple(row))
        out = []
        for (library, name, kept_from, other_from), (total, listed) in found.items():
            believed = other_from not in names
            ours, theirs = (kept_from, other_from) if believed else (other_from, kept_from)
            keys = self._own_keys(library, name, kept_from, listed) if believed else {}
            asked = list(keys.values()) if believed else [str(row[3]) for row in listed if row[3]]
            places = failing.places(self.con, self.registry.sources.get(ours), asked)
            out.append(
                f.Disagreement(
                    words.LIBRARIES.get(library, library),
                    self._field(library, name),
                    self._title(ours),
                    f"贵单位《{self._title(theirs)}》（另一条记录，或身份号码所载）"
                    if not believed and theirs in names
                    else self._other(theirs),
                    believed,
                    total,
                    tuple(self._dispute(library, name, ours, believed, row, keys, places) for row in listed),
                    f"{self._title(ours)}（{ours}）",
                )
            )
        return sorted(out, key=lambda d: (d.believed, -d.total))

    def _own_keys(self, library: str, name: str, dataset: str, listed: Sequence[tuple[Any, ...]]) -> dict[str, str]:
        """Record of a library → the source key of the department's own record behind it, where it was the one believed."""
        if library not in RECORDS:
            return {}
        record, kind = RECORDS[library]
        asked = {"library": library, "dataset": dataset, "field": name, "records": [r[0] for r in listed], "kept": [r[1] for r in listed]}
        with self.con.cursor() as c:
            c.execute(books.OWN_RECORDS.format(record=record, kind=kind), asked)
            rows = c.fetchall()
        return {str(record_id): str(key) for record_id, key in rows if key}

    def _dispute(
        self,
        library: str,
        name: str,
        dataset: str,
        believed: bool,
        row: tuple[Any, ...],
        keys: Mapping[str, str],
        places: Mapping[str, failing.Place],
    ) -> f.Dispute:
        """One difference, with the department's own record: its key as it may be shown, and where it stands."""
        record, kept, other, mine, ticket, number, insisted = row
        ours, theirs = (kept, other) if believed else (other, kept)
        said, other_said = self._value(library, name, ours), self._value(library, name, theirs)
        theirs_said = other_said if said != other_said else "（不同之处已遮盖）"
        key = keys.get(record, "") if believed else str(mine or "")
        shown, hidden = self._masker(dataset).key(key)
        delivery, at = self._delivered(dataset, *places.get(key, ("", 0)))
        return f.Dispute(
            record, shown, said, theirs_said, "" if believed else number, 0 if believed else ticket, insisted, hidden, delivery, at
        )

    def _value(self, library: str, name: str, text: str | None) -> str:
        """A value of a library's field as it may be shown; a code with its label."""
        if (library, name) == ("population", "birth_date"):  # beside six and four digits of an identity number the date would complete it
            return f"{text[:4]}-**-**" if text else ""
        table = self.registry.codes.get(name.removesuffix("_code"))
        return f"{text} {table.codes[text]}" if table and text in table.codes else library_value(library, name, text)

    def _other(self, dataset: str) -> str:
        """Another department's dataset, with that department's name."""
        if dataset.startswith("override/"):
            ((by, why),) = db.rows(self.con, "select by, why from quality.override where id = %s", [int(dataset.split("/")[1])])
            return f"平台更正（{by}：{remark(why)}）"
        department = self.registry.departments.get(dataset.split("/")[0])
        return f"{department.title if department else dataset.split('/')[0]}《{self._title(dataset)}》"

    def _field(self, library: str, name: str) -> str:
        """A library field in Chinese, as the comment on its column says."""
        if (library, name) not in self._titles:
            said = db.rows(self.con, books.FIELD_TITLE, [library, name])
            self._titles[library, name] = re.split("[：，（]", str(said[0][0]))[0] if said else name
        return self._titles[library, name]

    def _mended(self, names: list[str], told: ledger.Told) -> Iterable[f.Mended]:
        for dataset, column, problem, n in db.rows(self.con, books.MENDED_FINDINGS, [names, told.day, told.day, told.sequence]):
            yield f.Mended(self._title(dataset), self._column(dataset, column), self._rule(dataset, column, problem)[1].title, n)
        for dataset, n in db.rows(self.con, books.MENDED_REFUSALS, [names, told.sequence]):
            if n:
                yield f.Mended(self._title(dataset), "", "原先未能入库的行已入库", n)
        for dataset, problem, n in db.rows(self.con, books.MENDED_LIBRARY, [names, told.day, told.day]):
            yield f.Mended(self._title(dataset), "", self._claimed(problem), n)
        for dataset, library, name, n in db.rows(self.con, books.MENDED_DIFFERENCES, [names, told.day, told.day]):
            yield f.Mended(self._title(dataset), self._field(library, name), "与其他部门已一致", n)

    def _claimed(self, problem: str) -> str:
        """What a check of a library is about (`schema.table.name`), in its first words."""
        table, _, name = problem.rpartition(".")
        suite = load_suite(table.replace(".", "/"))
        claims = {c.name: c.because for c in suite.expectations} if suite else {}
        return claims.get(name, name).partition("；")[0]

    def _checks(self, names: list[str]) -> tuple[list[f.Check], dict[str, int]]:
        """Checks of datasets that are not met, each with the rows that fail it now, and by dataset how many of those rows no ticket names.

        (Library checks whose rows are listed one by one have no ticket of their own here.)"""
        found, queries = list[f.Check](), dict[str, list[str]]()
        for target, column, because, severity, failed, checked, kind, problem, ticket, number in db.rows(
            self.con, books.FAILED_CHECKS, [names]
        ):
            title, told = self._title(target), self._column(target, column) if column else ""
            check = f.Check(title, told, self._masker(target).sentence(because), severity, failed, checked, target, number, ticket, problem)
            source, claim = self.registry.sources.get(target), self._claim(target, problem) if kind == "check" else None
            asked = claims.asked(claim, self.registry, source) if source and claim else None
            behind = failing.rows(self.con, source, claim, asked.columns, self.settings.today) if source and claim and asked else None
            if source and asked and behind:
                check = self._with_rows(check, source, asked, behind)
                queries.setdefault(target, []).append(behind.query)
            found.append(check)
        beside = {
            self._title(target): failing.beside_tickets(self.con, self.registry.sources[target], each) for target, each in queries.items()
        }
        return found, beside

    def _claim(self, dataset: str, name: str) -> Claim | None:
        """A claim of a dataset's suite; None of what no suite claims (its size beside earlier ones)."""
        source = self.registry.sources.get(dataset)
        suite = load_suite(source.stem) if source else None
        return next((c for c in suite.expectations if c.name == name), None) if suite else None

    def _with_rows(self, check: f.Check, source: Source, asked: claims.Asked, behind: failing.Failing) -> f.Check:
        """A check brought home to its rows, with what the department wrote in the columns that the check looks at."""
        column = "、".join(self._column(source.name, c) for c in asked.columns)
        stand = {key: self._delivered(source.name, delivery, number) for key, delivery, number in behind.rows}
        told = failing.texts(self.settings.home, source.name, stand.values(), asked.columns)
        lost = [key for key, at in stand.items() if at not in told]
        loaded = {c: self._standing(source.name, c, lost) for c in asked.columns} if lost else {}
        texts = {key: told.get(at) or {c: stands.get(key) for c, stands in loaded.items()} for key, at in stand.items()}
        order = sorted(stand, key=lambda key: [t or "" for t in texts[key].values()]) if asked.repeats else list(stand)
        rows = []
        for key in order:
            at = stand[key]
            shown = self._shown(source.name, texts[key]) or ("" if at in told else "（空，或读不出）")
            rows.append(self._row(source.name, key, *at, column, shown, asked.expected, 0, ""))
        return replace(
            check,
            says=asked.says,
            expected=asked.expected,
            by_row=True,
            failed=behind.total,
            elsewhere=behind.elsewhere,
            checked=behind.checked,
            rows=tuple(rows),
            repeats=asked.repeats,
        )

    def _shown(self, dataset: str, texts: Mapping[str, str | None]) -> str:
        """Texts of one row, masked; of several columns each with its name."""
        masker = self._masker(dataset)
        each = {self._column(dataset, c): masker.value(c, text) for c, text in texts.items()}
        return next(iter(each.values()), "") if len(each) < 2 else "；".join(f"{c}：{value or '（空）'}" for c, value in each.items())
