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
MAX_RECORD_BYTES = 64 * MB  # one JSON record, one line of text: more is not a record but a mistake


@dataclass(frozen=True)
class Limits:
    """file, unzipped, cell: bytes; ratio: unzipped over zipped; columns: how many."""

    file: int = MAX_FILE_BYTES
    unzipped: int = MAX_UNZIPPED_BYTES
    ratio: int = MAX_RATIO
    columns: int = MAX_COLUMNS
    cell: int = MAX_CELL


def limits() -> Limits:
    """The limits in force: JICHU_MAX_FILE_BYTES, _UNZIPPED_BYTES, _RATIO, _COLUMNS, _CELL or the defaults."""
    return Limits(
        file=_of("JICHU_MAX_FILE_BYTES", MAX_FILE_BYTES),
        unzipped=_of("JICHU_MAX_UNZIPPED_BYTES", MAX_UNZIPPED_BYTES),
        ratio=_of("JICHU_MAX_RATIO", MAX_RATIO),
        columns=_of("JICHU_MAX_COLUMNS", MAX_COLUMNS),
        cell=_of("JICHU_MAX_CELL", MAX_CELL),
    )


def _of(name: str, default: int) -> int:
    text = os.environ.get(name)
    try:
        return int(text) if text else default
    except ValueError:
        raise UsageError(f"{name} 应为整数，现为“{text}”") from None


def too_big(what: str, found: str, allowed: str) -> DeliveryRefused:
    """The refusal of something beyond a limit: what, how big it is, how big it may be."""
    return DeliveryRefused("too_big", f"{what}：{found}，超过上限 {allowed}")


def size(count: int) -> str:
    """Bytes as a person reads them."""
    return f"{count / MB / 1024:.1f} GB" if count >= 1024 * MB else f"{count / MB:.1f} MB" if count >= MB else f"{count} 字节"
