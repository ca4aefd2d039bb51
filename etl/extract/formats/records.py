"""JSON, one record at a time: a list, or an object that holds the list under a key; bounded memory at any size."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from etl.errors import DeliveryRefused
from etl.extract.formats.keyed import Keyed
from etl.extract.limits import size, too_big
from etl.extract.reading import Raw, Reading
from etl.extract.values import shortest, text

CHUNK = 1024 * 1024
MOST_VALUES = 4_000_000  # of one record: each is an object in memory, however few bytes it has here
NEAR_THE_END = 16  # characters: a fault this close to what has been read may be cured by reading on
_BLANK = re.compile(r"[ \t\r\n]*")


def decoder() -> json.JSONDecoder:
    """JSON with numbers as their shortest text; what is no number (NaN, Infinity) is nothing."""
    return json.JSONDecoder(parse_float=shortest, parse_constant=lambda _: None)


def read(raw: Raw, reading: Reading) -> None:
    """Reads one JSON file. Raises DeliveryRefused: encoding, format, truncated, missing_column, too_big."""
    with reading.utf8(raw).open(encoding="utf-8-sig", newline="") as f:
        write(raw, Scan(f, raw.name, reading.limits.record).records(reading.terms.records), reading)


def write(raw: Raw, records: Iterator[Any], reading: Reading) -> None:
    """Objects as rows. Raises format for an element that is none."""
    keyed = Keyed(raw, reading)
    for number, record in enumerate(records, 1):
        if not isinstance(record, dict):
            raise DeliveryRefused("format", f"{raw.name} 第 {number} 条记录不是对象")
        try:
            keyed.add({k: text(v) for k, v in record.items()})
        except RecursionError:
            raise DeliveryRefused("format", f"{raw.name} 第 {number} 条记录嵌套过深") from None
    keyed.close()


def values(record: str) -> int:
    """How many values a JSON text holds, at most."""
    return record.count(",") + record.count("[") + record.count("{")


class Scan:
    """A JSON text read through a window that moves."""

    def __init__(self, file: TextIO, name: str, limit: int):
        self._file, self._name, self._limit = file, name, limit
        self._text, self._at, self._ended = "", 0, False
        self._decoder = decoder()

    def records(self, key: str | None) -> Iterator[Any]:
        """The elements of the list: the text itself, or what stands under `key` (a path with dots) of its object."""
        if self._peek() == "[":
            key = None
        for part in key.split(".") if key else ():
            self._enter(part)
        if self._peek() != "[":
            raise DeliveryRefused("format", f"{self._name} 不是约定的 JSON：{f'“{key}”下' if key else '最外层'}应为列表")
        self._at += 1
        if self._peek() == "]":
            self._at += 1
        else:
            yield from self._elements()
        self._close(key)

    def _elements(self) -> Iterator[Any]:
        while True:
            yield self._value()
            mark = self._peek()
            self._at += 1
            if mark == "]":
                return
            if mark != ",":
                raise self._broken()

    def _enter(self, key: str) -> None:
        """Moves to the value of `key` in the object that begins here, past the keys before it."""
        if self._peek() != "{":
            raise DeliveryRefused("format", f"{self._name} 不是约定的 JSON：没有“{key}”")
        self._at += 1
        while self._peek() != "}":
            found = self._value()
            if self._peek() != ":":
                raise self._broken()
            self._at += 1
            if found == key:
                return
            self._value()
            if self._peek() == ",":
                self._at += 1
        raise DeliveryRefused("format", f"{self._name} 不是约定的 JSON：没有“{key}”")

    def _close(self, key: str | None) -> None:
        """A delivery is whole only when its outermost bracket is closed."""
        for _ in (key or "").split(".") if key else ():
            while self._peek() != "}":
                if self._peek() != ",":
                    raise self._broken()
                self._at += 1
                self._value()
                if self._peek() != ":":
                    raise self._broken()
                self._at += 1
                self._value()
            self._at += 1

    def _value(self) -> Any:
        """The value that begins here, with as much more text as it takes."""
        self._peek()
        want = CHUNK
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except json.JSONDecodeError as e:
                cut = "Unterminated" in e.msg or e.pos > len(self._text) - NEAR_THE_END
                if self._ended or not cut:
                    raise self._broken(cut) from e
            except RecursionError:
                raise DeliveryRefused("format", f"{self._name} 的 JSON 嵌套过深") from None
            except ValueError:  # an integer of thousands of digits
                raise DeliveryRefused("format", f"{self._name} 的 JSON 中有过长的数字") from None
            else:
                if end < len(self._text) or self._ended:
                    self._at = end
                    return value
            if len(self._text) - self._at > self._limit:
                raise too_big(f"{self._name} 的一条记录", f"超过 {size(self._limit)}", size(self._limit))
            self._more(want)
            want *= 2
            if values(self._text) > MOST_VALUES:
                raise too_big(f"{self._name} 的一条记录", f"超过 {MOST_VALUES} 个值", f"{MOST_VALUES} 个值")

    def _peek(self) -> str:
        """The next character that is not blank; raises where the text ends."""
        while True:
            blank = _BLANK.match(self._text, self._at)
            self._at = blank.end() if blank else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if self._ended:
                raise DeliveryRefused("truncated", f"{self._name} 的 JSON 没有写完，文件被截断")
            self._more(CHUNK)

    def _more(self, count: int) -> None:
        read = self._file.read(count)
        self._ended = not read
        self._text, self._at = self._text[self._at :] + read, 0

    def _broken(self, cut: bool = False) -> DeliveryRefused:
        """`cut`: the fault is that the text ends too early."""
        if cut:
            return DeliveryRefused("truncated", f"{self._name} 的 JSON 没有写完，文件被截断")
        return DeliveryRefused("format", f"{self._name} 不是合法的 JSON")


def lines(path: Path) -> Iterator[Any]:
    """Records of a file that we wrote ourselves, one JSON object a line."""
    parse = decoder().decode
    with path.open(encoding="utf-8") as f:
        for line in f:
            yield parse(line)
