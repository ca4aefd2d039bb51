"""Delivered values as text: numbers in their shortest decimal form, dates in ISO, nothing else touched."""

import json
import math
import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

_DECIMAL = re.compile(r"[+-]?\d*\.?\d*")
_LONGEST_EXPONENT = 400


def shortest(number: str) -> str:
    """A number's text without what says nothing: 690.0 → 690, 0.1000 → 0.1, 5.1e17 → 510000000000000000."""
    if "e" in number or "E" in number:
        number = _unfolded(number)
    if "." in number and _DECIMAL.fullmatch(number):
        number = number.rstrip("0").rstrip(".")
        number = "0" if number in ("", "-", "-0") else number
    return f"0{number}" if number.startswith(".") else number.replace("-.", "-0.", 1) if number.startswith("-.") else number


def _unfolded(number: str) -> str:
    """Scientific notation written out, unless its exponent is absurd."""
    try:
        value = Decimal(number)
    except InvalidOperation:
        return number
    if not value.is_finite() or abs(value.adjusted()) > _LONGEST_EXPONENT:
        return number
    return f"{value:f}"


def text(value: Any) -> str | None:
    """Any delivered value as text; None and the empty string are NULL, objects and lists become JSON."""
    if isinstance(value, str):
        return value or None
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, (float, Decimal)):
        return None if math.isnan(value) else shortest(str(value))
    if isinstance(value, (datetime, date, time, timedelta)):
        return moment(value)
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    return str(value)


def moment(value: datetime | date | time | timedelta) -> str:
    """2018-03-01; 2018-03-01 08:30:00 where there is a time of day; durations as hours:minutes:seconds."""
    if isinstance(value, datetime):
        midnight = value.time() == time(0)
        return value.date().isoformat() if midnight else value.isoformat(sep=" ")
    if isinstance(value, timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"
    return value.isoformat()
