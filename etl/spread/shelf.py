"""Where driver and executors lay what they hand each other: a folder that all of them see, or an object store (JICHU_SPARK_STORE)."""

import posixpath
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Shelf:
    """One work's place. `url`: a folder's absolute path, or an fsspec URL (s3://bucket/prefix); credentials come from the environment."""

    url: str

    @property
    def shared(self) -> bool:
        """Whether it is a folder: then its files are read where they are, and nothing is copied."""
        return "://" not in self.url

    def within(self, name: str) -> "Shelf":
        """A place of its own inside this one, under a name that nobody else has."""
        return Shelf(posixpath.join(self.url, f"{name}-{secrets.token_hex(8)}"))

    def lend(self, file: Path) -> str:
        """Makes a local file readable for everybody: its path, or the name of its copy."""
        if self.shared:
            return str(file.absolute())
        name = posixpath.join(self.url, "lent", f"{secrets.token_hex(8)}.parquet")
        self._store().put_file(str(file), name)
        return name

    def fetched(self, name: str, scratch: Path) -> Path:
        """What was lent, as a local file; a copy stands in `scratch`, and is not fetched twice."""
        if self.shared:
            return Path(name)
        copy = scratch / posixpath.basename(name)
        if not copy.exists():
            self._store().get_file(name, str(copy))
        return copy

    def rows(self, name: str) -> int:
        """The rows of a Parquet file that was lent."""
        import pyarrow.parquet as pq

        if self.shared:
            return int(pq.read_metadata(name).num_rows)
        with self._store().open(name, "rb") as file:
            return int(pq.read_metadata(file).num_rows)

    def keep(self, file: Path, output: str, part: int) -> None:
        """Moves a part of an output to its place, whole or not at all; a task that ran twice writes the same name twice."""
        name = posixpath.join(self.url, output, f"{part:05d}.parquet")
        if self.shared:
            target = Path(name)
            target.parent.mkdir(parents=True, exist_ok=True)
            beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
            shutil.move(file, beside)
            beside.replace(target)
        else:
            self._store().put_file(str(file), name)
            file.unlink()

    def output(self, output: str, scratch: Path) -> Path:
        """The pattern of an output's files, as local files."""
        folder = Path(posixpath.join(self.url, output))
        if not self.shared:
            folder = scratch / f"{output}-{secrets.token_hex(4)}"
            folder.mkdir()
            store = self._store()
            for name in store.ls(posixpath.join(self.url, output), detail=False):
                store.get_file(name, str(folder / posixpath.basename(name)))
        return folder / "*.parquet"

    def clear(self) -> None:
        """Removes what a finished work left in an object store; a folder's is removed with the connection's scratch folder."""
        if not self.shared and (store := self._store()).exists(self.url):
            store.rm(self.url, recursive=True)

    def _store(self) -> Any:
        from fsspec.core import url_to_fs  # type: ignore[import-untyped]

        return url_to_fs(self.url)[0]
