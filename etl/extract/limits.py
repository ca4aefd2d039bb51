"""How big a delivery may be. Every limit can be overridden by an environment variable of the same name."""

import os
from dataclasses import dataclass

from etl.errors import DeliveryRefused, UsageError

MB = 1024 * 1024
MAX_FILE_BYTES = 16 * 1024 * MB
MAX_UNZIPPED_BYTES = 8 * 1024 * MB
MAX_RATIO = 200  # an honest workbook of a million alike rows reaches about 40; deflate can do 1032
SMALL_ENOUGH = 16 * MB  # below this an archive may have any ratio
MAX_COLUMNS = 2000
MAX_CELL = 1 * MB  # bytes of UTF-8; a workbook's cell holds 32767 characters
MAX_RECORD_BYTES = 64 * MB  # one JSON or XML record, one line of text: more is not a record but a mistake
MAX_PAGE_BYTES = 32 * MB  # of an API: a thousand records of 32 KB each
MAX_STRINGS_BYTES = 512 * MB  # a workbook's shared texts, which every reader holds in memory


@dataclass(frozen=True)
class Limits:
    """file, unzipped, cell, record, page, strings: bytes; ratio: unzipped over zipped; columns: how many."""

    file: int = MAX_FILE_BYTES
    unzipped: int = MAX_UNZIPPED_BYTES
    ratio: int = MAX_RATIO
    columns: int = MAX_COLUMNS
    cell: int = MAX_CELL
    record: int = MAX_RECORD_BYTES
    page: int = MAX_PAGE_BYTES
    strings: int = MAX_STRINGS_BYTES


SETTINGS = {
    "file": "JICHU_MAX_FILE_BYTES",
    "unzipped": "JICHU_MAX_UNZIPPED_BYTES",
    "ratio": "JICHU_MAX_RATIO",
    "columns": "JICHU_MAX_COLUMNS",
    "cell": "JICHU_MAX_CELL",
    "record": "JICHU_MAX_RECORD_BYTES",
    "page": "JICHU_MAX_PAGE_BYTES",
    "strings": "JICHU_MAX_STRINGS_BYTES",
}


def limits() -> Limits:
    """The limits in force: the settings of the environment (docs/settings.md), or the defaults."""
    return Limits(**{field: _of(name, getattr(Limits, field)) for field, name in SETTINGS.items()})


def _of(name: str, default: int) -> int:
    """A whole number above 0."""
    text = os.environ.get(name)
    try:
        found = int(text) if text else default
    except ValueError:
        found = 0
    if found < 1:
        raise UsageError(f"{name} 应为大于 0 的整数，现为“{text}”")
    return found


def too_big(what: str, found: str, allowed: str) -> DeliveryRefused:
    """The refusal of something beyond a limit: what, how big it is, how big it may be."""
    return DeliveryRefused("too_big", f"{what}：{found}，超过上限 {allowed}")


def size(count: int) -> str:
    """Bytes as a person reads them."""
    return f"{count / MB / 1024:.1f} GB" if count >= 1024 * MB else f"{count / MB:.1f} MB" if count >= MB else f"{count} 字节"
