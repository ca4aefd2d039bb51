"""What every question of a report to the books needs: the connection, names in words, and a row with its key and place, masked."""

import re
from collections.abc import Sequence

from psycopg2.extensions import connection as Connection

from etl import db
from etl.engine import quote
from etl.report import facts as f
from etl.report import failing, routing, words
from etl.report.masker import Masker
from etl.settings import Settings
from etl.spec import Registry

FRACTION = re.compile(r"(-?\d+)(?:\.0+|(\.\d*[1-9])0+)")  # zeros that only the column's scale put there


def _plain(value: str) -> str:
    """A loaded value as its department would write it: 112812.000000 → 112812."""
    found = FRACTION.fullmatch(value)
    return found[1] + (found[2] or "") if found else value


class Reading:
    """The books in one state of the database, and what is declared."""

    def __init__(self, con: Connection, settings: Settings, registry: Registry, scores: Sequence[f.Score]):
        self.con, self.settings, self.registry, self.scores = con, settings, registry, scores
        self.platform = routing.load().platform
        self.instance = str(db.rows(con, "select id from ops.instance")[0][0])
        self.delivered = [str(r[0]) for r in db.rows(con, "select distinct dataset from ops.delivery order by 1")]
        self._titles: dict[tuple[str, str], str] = {}
        self._maskers: dict[str, Masker] = {}
        self._tried: dict[tuple[str, str], list[failing.Place]] = {}

    def _number(self, sql: str, *args: object) -> int:
        return int(db.rows(self.con, sql, args)[0][0])

    def _title(self, dataset: str) -> str:
        source = self.registry.sources.get(dataset)
        return source.title if source else dataset

    def _column(self, dataset: str, name: str) -> str:
        source = self.registry.sources.get(dataset)
        declared = source.columns.get(name) if source else None
        return words.column(name, declared.title if declared else None)

    def _row(
        self, dataset: str, key: str | None, delivery: str, row: int, column: str, shown: str, expected: str, ticket: int, number: str
    ) -> f.Row:
        shown_key, hidden = self._masker(dataset).key(key)
        delivery, row = self._delivered(dataset, delivery, row)
        return f.Row(dataset, self._title(dataset), shown_key, hidden, delivery, row, column, shown, expected, number, ticket)

    def _delivered(self, dataset: str, delivery: str, row: int) -> failing.Place:
        """Where a row stands in what the department delivered: a retry of ours is no delivery of theirs."""
        while failing.REPLAY in delivery:
            if (dataset, delivery) not in self._tried:
                self._tried[dataset, delivery] = failing.tried(self.con, dataset, delivery)
            stood = self._tried[dataset, delivery]
            if not 0 < row <= len(stood) or stood[row - 1][0] == delivery:
                break
            delivery, row = stood[row - 1]
        return delivery, row

    def _standing(self, dataset: str, field: str, keys: list[str]) -> dict[str, str]:
        """Source key → the value of a delivered column as it is loaded."""
        source = self.registry.sources.get(dataset)
        column = source.columns.get(field) if source else None
        if source is None or column is None:
            return {}
        cleaned = column.as_ + (
            "" if "" in self.registry.rules[column.rule].outputs else next(iter(self.registry.rules[column.rule].outputs))
        )
        sql = f"select source_key, {quote(cleaned)}::text from staging.{quote(source.table)} where dataset = %s and source_key = any(%s)"
        table = self.registry.codes.get(column.codes or "")
        return {
            key: table.codes.get(value, value) if table else _plain(value)
            for key, value in db.rows(self.con, sql, [dataset, keys])
            if value is not None
        }

    def _masker(self, dataset: str) -> Masker:
        if dataset not in self._maskers:
            self._maskers[dataset] = Masker.of(self.registry, dataset)
        return self._maskers[dataset]
