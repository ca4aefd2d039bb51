"""What every format's reader is given: one delivered file, and where its rows go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from etl.extract import encoding
from etl.extract.columns import Names
from etl.extract.limits import Limits
from etl.extract.rows import FILE, Rows, texts
from etl.spec import Source
from etl.spec.source import Terms


@dataclass(frozen=True)
class Raw:
    """One delivered file: our private copy, its name as delivered."""

    path: Path
    name: str


@dataclass
class Reading:
    """One delivery being read. `scratch`: a private folder for what a reader unpacks or recodes."""

    source: Source
    limits: Limits
    rows: Rows
    scratch: Path
    names: Names = field(init=False)
    noted: dict[str, None] = field(default_factory=dict)
    encodings: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.names = Names(self.source, self.limits)

    @property
    def terms(self) -> Terms:
        return self.source.delivery

    def note(self, sentence: str) -> None:
        """Something worth telling the owner, once."""
        self.noted[sentence] = None

    def utf8(self, raw: Raw) -> Path:
        """The file as UTF-8 (perhaps with a byte order mark); what it really was is remembered."""
        decoded = encoding.as_utf8(raw.path, raw.name, self.terms.encoding, self.names.declared, self.scratch)
        self.encodings[raw.name] = decoded.encoding
        if decoded.note:
            self.note(decoded.note)
        return decoded.path

    def write(
        self,
        raw: Raw,
        columns: Mapping[str, pa.Array],
        where: str | None = None,
        *,
        keep_blank: bool = False,
        **context: pa.Array | str | None,
    ) -> None:
        """A batch of rows of this file. keep_blank: rows of nothing are rows; context: sheet, title, geometry, shape."""
        told = {FILE: raw.name, **{f"@{k}": v for k, v in context.items()}}
        self.rows.write(self._filled(columns), where or raw.name, told, keep_blank=keep_blank)

    def _filled(self, columns: Mapping[str, pa.Array]) -> Mapping[str, pa.Array]:
        """The same with the columns that the file's form lacks and says how to fill."""
        made = {}
        for name, fill in (self.names.form.fill if self.names.form else {}).items():
            if name not in columns and fill.given in columns:
                given = pc.utf8_length(pc.utf8_trim_whitespace(pc.fill_null(columns[fill.given], "")))
                made[name] = pc.if_else(pc.greater(given, 0), fill.then, fill.otherwise)
        return {**columns, **made}

    def write_rows(
        self,
        raw: Raw,
        names: Sequence[str],
        rows: Sequence[Sequence[str | None]],
        where: str | None = None,
        *,
        keep_blank: bool = False,
        **context: pa.Array | str | None,
    ) -> None:
        """The same for rows as Python texts."""
        if rows:
            columns = {n: texts(values) for n, values in zip(names, zip(*rows, strict=True), strict=True)}
            self.write(raw, columns, where, keep_blank=keep_blank, **context)
