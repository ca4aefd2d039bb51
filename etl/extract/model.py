"""What is waiting, and what has landed."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from etl.connections import Connection
from etl.extract.bucket import Remote, Unlisted


@dataclass(frozen=True)
class Waiting:
    """A delivery that could be landed: a complete folder in the drop (`remote`: on object storage), or a department's database or API.

    delivered_on: the folder's date, else the business date; since: for an API, the greatest update time
    received so far (ISO), None = everything.
    """

    dataset: str
    delivered_on: date
    channel: str
    folder: Path | None = None
    connection: Connection | None = None
    since: str | None = None
    remote: Remote | Unlisted | None = None

    @property
    def place(self) -> Path | None:
        """The folder of its files on this machine; what lies on object storage is fetched. None for a database or API."""
        return self.remote.local() if self.remote else self.folder


@dataclass(frozen=True)
class Landed:
    """A delivery in the landing: `rows` is the Parquet of docs/architecture.md, `rows_in` its number of rows.

    notes: Chinese sentences worth telling the owner, free of any person's data; watermark: the greatest update
    time received (ISO, +08:00), None where the source has none.
    """

    dataset: str
    delivery_id: str
    delivered_on: date
    content_sha256: str
    folder: Path
    rows: Path
    rows_in: int
    notes: tuple[str, ...] = ()
    watermark: str | None = None
