"""What ops.delivery knows of a dataset before the next delivery is taken."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from etl.errors import DeliveryRefused
from etl.spec import Source

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


@dataclass(frozen=True)
class Books:
    """The deliveries of a dataset so far, in the order in which they went on the books; retries of quarantined rows are none."""

    entries: tuple[tuple[date, str, str, str], ...]  # delivered_on, delivery_id, state, content_sha256
    watermark: str | None
    last_rows: int | None

    @property
    def held(self) -> bool:
        """Whether one waits for a decision."""
        return any(state == "held" for _, _, state, _ in self.entries)

    @property
    def newest(self) -> date | None:
        """The newest date that was loaded."""
        return max((d for d, _, state, _ in self.entries if state == "loaded"), default=None)

    def settled(self, day: date, mark: str | None) -> bool:
        """These very bytes of that day are on the books already, whatever became of them."""
        return mark is not None and any(d == day and sha == mark for d, _, _, sha in self.entries)

    def admit(self, source: Source, day: date, mark: str | None) -> None:
        """Refuses what comes too late or was changed behind our back."""
        if mark and any(d == day and state == "loaded" and sha != mark for d, _, state, sha in self.entries):
            raise DeliveryRefused("changed_after_load", f"{day} 的交付装载之后文件又被改动；请放行（按新内容装载）或弃用")
        if source.delivery.kind == "full" and self.newest and day < self.newest:
            raise DeliveryRefused("superseded", f"{day} 的全量交付早于已装载的 {self.newest}，不再采用")


def read(con: Connection, source: Source) -> Books:
    """The books as they stand."""
    from etl import db

    entries = db.rows(
        con,
        "select delivered_on, delivery_id, state, content_sha256 from ops.delivery where dataset = %s and kind <> 'replay' order by sequence",
        [source.name],
    )
    last = db.rows(
        con,
        "select rows_in from ops.delivery where dataset = %s and state = 'loaded' and kind <> 'replay' order by sequence desc limit 1",
        [source.name],
    )
    watermark = db.rows(con, "select max(watermark) from ops.delivery where dataset = %s and state = 'loaded'", [source.name])[0][0]
    con.commit()
    return Books(tuple(entries), watermark, last[0][0] if last else None)
