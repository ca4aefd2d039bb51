"""A department's JSON API: page after page, until as many rows have come as it said there are.

The answer of several pages is one only when nothing changed meanwhile. A total that changes shows it; a record that is
updated moves to another page and shows as a key that came twice, and then the whole is read again until it comes twice alike.
"""

import hashlib
import json
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential,
)

from etl.connections import Connection
from etl.errors import DeliveryRefused
from etl.extract.formats import records
from etl.extract.limits import size, too_big
from etl.extract.reading import Raw, Reading
from etl.settings import SHANGHAI, Settings

PAGE_SIZE = 1000  # the most a service gives
ATTEMPTS = 6  # of one page
STARTS = 3  # of the whole, when the data changed under our hands
SILENCE_SECONDS = 60.0  # without a byte
CONNECT_SECONDS = 15.0
SLOWEST = 10  # times as long as the longest silence a page may take in all
BACK_OFF = 0.5  # seconds before the second attempt; twice as many before each further one
LONGEST_WAIT = 60.0
ENCODINGS = ("", "identity", "gzip", "deflate")


class AskAgainError(Exception):
    """A page that may come if asked again; `after`: seconds the service asked us to wait."""

    def __init__(self, why: str, after: float | None = None):
        self.why, self.after = why, after
        super().__init__(why)


class MovedError(Exception):
    """The data changed between two pages."""


def read(connected: Connection, since: str | None, settings: Settings, reading: Reading) -> tuple[str, str | None]:
    """Reads everything after `since`. Returns the SHA-256 of the records and the new watermark.

    Raises DeliveryRefused: unreachable, format, missing_column, too_big.
    """
    if connected.conn_type not in ("http", "https"):
        raise DeliveryRefused("unreachable", f"{reading.source.department} 的连接类型是 {connected.conn_type}，接口交付要 http")
    file = reading.scratch / "records.jsonl"
    silence = connected.seconds("timeout", SILENCE_SECONDS)
    # Straight to the department: neither a proxy nor a .netrc of this machine has any business in between.
    client = httpx.Client(
        base_url=base_url(connected),
        timeout=httpx.Timeout(silence, connect=min(silence, CONNECT_SECONDS)),
        headers=_headers(connected),
        verify=_trust(connected),
        trust_env=False,
    )
    with client:
        asked = Asked(client, reading, min(max(settings.api_page_size, 1), PAGE_SIZE), since, silence, _back_off(connected))
        sha = _settled(asked, file, reading)
    mark = Watermark(since, reading.terms.updated or "")
    records.write(Raw(file, reading.source.dataset), mark.watching(records.lines(file)), reading)
    file.unlink()
    return sha, mark.text


def base_url(connected: Connection) -> str:
    """The service's address from host (perhaps with its protocol), schema or type, and port."""
    host = connected.host or "localhost"
    if "://" not in host:
        protocol = connected.schema if connected.schema in ("http", "https") else connected.conn_type
        host = f"{protocol}://{f'[{host}]' if ':' in host else host}"
    return f"{host.rstrip('/')}:{connected.port}" if connected.port else host


def _headers(connected: Connection) -> dict[str, str]:
    """The key as X-Api-Key; httpx never shows it."""
    return {"Accept": "application/json", "Accept-Encoding": "gzip, deflate"} | (
        {"X-Api-Key": connected.password} if connected.password else {}
    )


def _trust(connected: Connection) -> ssl.SSLContext:
    """Public authorities, and the one whose certificate the connection's extra `verify` names (a file)."""
    context = ssl.create_default_context()
    if isinstance(extra := connected.extra.get("verify"), str):
        try:
            context.load_verify_locations(extra)
        except OSError:
            raise DeliveryRefused("unreachable", "连接的 verify 应为 CA 证书文件，现在读不到") from None
    return context


def _back_off(connected: Connection) -> Callable[[RetryCallState], float]:
    """Seconds until the next attempt: what the service asked for, else 0.5, 1, 2 … (extra `backoff`: the first, `longest_wait`: the most)."""
    first, longest = connected.seconds("backoff", BACK_OFF), connected.seconds("longest_wait", LONGEST_WAIT)
    usual = wait_exponential(multiplier=first, max=longest)

    def wait(state: RetryCallState) -> float:
        outcome = state.outcome.exception() if state.outcome else None
        if isinstance(outcome, AskAgainError) and outcome.after is not None:
            return min(max(outcome.after, 0.0), longest)
        return usual(state)

    return wait


class Asked:
    """One dataset of one service, page by page. `silence`: seconds without a byte; `wait`: between attempts."""

    def __init__(
        self,
        client: httpx.Client,
        reading: Reading,
        page_size: int,
        since: str | None,
        silence: float,
        wait: Callable[[RetryCallState], float],
    ):
        self.name = reading.source.name
        self._client, self._source, self._limit = client, reading.source, reading.limits.page
        self._longest, self._wait = silence * SLOWEST, wait
        self._parameters = {"page_size": str(page_size)} | ({"updated_since": since} if since else {})

    def page(self, number: int) -> tuple[int, list[Any]]:
        """(total, records) of a page, asked for again with back-off on 429, 5xx, time-outs and broken answers."""
        retrying = Retrying(retry=retry_if_exception_type(AskAgainError), stop=stop_after_attempt(ATTEMPTS), wait=self._wait, reraise=True)
        try:
            return retrying(self._once, number)
        except AskAgainError as e:
            raise DeliveryRefused("unreachable", f"{self._source.name} 的接口第 {number} 页试了 {ATTEMPTS} 次仍读不到：{e.why}") from None

    def _once(self, number: int) -> tuple[int, list[Any]]:
        try:
            with self._client.stream("GET", f"/{self._source.dataset}", params={"page": str(number), **self._parameters}) as response:
                self._accept(response)
                body = self._body(response)
        except (httpx.TransportError, httpx.DecodingError) as e:
            raise AskAgainError(f"网络中断（{type(e).__name__}）") from None
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            raise DeliveryRefused("unreachable", f"{self._source.department} 的接口地址写法有误") from None
        return self._parsed(body)

    def _accept(self, response: httpx.Response) -> None:
        code = response.status_code
        if code == 429 or code >= 500:
            raise AskAgainError(f"接口答复 {code}", _retry_after(response))
        if code in (401, 403):
            raise DeliveryRefused("unreachable", f"{self._source.name} 的接口不认密钥（{code}）")
        if code in (301, 302, 303, 307, 308):  # not followed: the key is for this host alone
            raise DeliveryRefused("unreachable", f"{self._source.name} 的接口把请求转往别处（{code}），不予跟随；请改连接的地址")
        if code != 200:
            raise DeliveryRefused("unreachable", f"{self._source.name} 的接口答复 {code}，应为 200")
        if response.headers.get("Content-Encoding", "").strip().lower() not in ENCODINGS:
            raise DeliveryRefused("unreachable", f"{self._source.name} 的接口用了没有约定的压缩方式")

    def _body(self, response: httpx.Response) -> bytes:
        out, began = bytearray(), time.monotonic()
        for block in response.iter_bytes():
            out += block
            if len(out) > self._limit:
                raise too_big(f"{self._source.name} 的接口的一页", f"超过 {size(self._limit)}", size(self._limit))
            if time.monotonic() - began > self._longest:
                raise AskAgainError(f"一页 {self._longest:g} 秒没有送完")
        return bytes(out)

    def _parsed(self, body: bytes) -> tuple[int, list[Any]]:
        if sum(body.count(c) for c in (b",", b"[", b"{")) > records.MOST_VALUES:
            raise too_big(f"{self.name} 的接口的一页", f"超过 {records.MOST_VALUES} 个值", f"{records.MOST_VALUES} 个值")
        try:
            page = json.loads(body)
            total, data = int(page["total"]), page["data"]
            if not isinstance(data, list) or total < 0 or not all(isinstance(r, dict) for r in data):
                raise TypeError
        except (ValueError, KeyError, TypeError, RecursionError):
            raise AskAgainError('答复不是约定的 {"total": …, "data": […]}') from None
        return total, data


def _settled(asked: Asked, file: Path, reading: Reading) -> str:
    """Reads the whole, over again while it changes under our hands; its SHA-256. Two readings that are alike are the truth."""
    before = None
    for _ in range(STARTS):
        try:
            fetched = _fetch(asked, file, reading)
        except MovedError:
            continue
        if not fetched.doubtful or fetched.sha256 == before:
            return fetched.sha256
        before = fetched.sha256
    told = f"{reading.source.name} 的接口在读取中数据不断变化，读了 {STARTS} 遍仍对不上总数"
    raise DeliveryRefused("unreachable", told)


@dataclass(frozen=True)
class Fetched:
    """One reading of all pages. doubtful: a key came twice on different pages, as when a record moved meanwhile."""

    sha256: str
    doubtful: bool


def _fetch(asked: Asked, file: Path, reading: Reading) -> Fetched:
    """All pages into `file`, one record a line. Raises MovedError when the total changes or a page is empty too early, too_big."""
    digest, written, limit = hashlib.sha256(), 0, reading.limits.file
    keys: list[np.ndarray] = []
    with file.open("wb") as out:
        for data in _pages(asked):
            for record in data:
                line = json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass") + b"\n"
                digest.update(line)
                written += out.write(line)
            if written > limit:
                raise too_big(f"{reading.source.name} 的接口的全部记录", f"超过 {size(limit)}", size(limit))
            keys.append(np.unique(np.array([hash(tuple(str(r.get(k)) for k in reading.source.key)) for r in data], dtype=np.int64)))
    every = np.concatenate(keys)
    return Fetched(digest.hexdigest(), len(np.unique(every)) < len(every))


def _pages(asked: Asked) -> Iterator[list[Any]]:
    """The records page by page. A service that gives one page over and over would never show that others are missing."""
    total, data = asked.page(1)
    came, number = len(data), 1
    yield data
    while came < total:
        if not data:
            raise MovedError
        number += 1
        (now, data), before = asked.page(number), data
        if now != total:
            raise MovedError
        if data == before and len(data) > 1:
            raise DeliveryRefused("format", f"{asked.name} 的接口第 {number} 页与前一页相同：它没有翻页")
        came += len(data)
        yield data
    if came > total:
        raise MovedError


def _retry_after(response: httpx.Response) -> float | None:
    """The header Retry-After in seconds: a number, or a moment in time."""
    told = response.headers.get("Retry-After")
    if not told:
        return None
    try:
        return float(told) if told.strip().isdigit() else (parsedate_to_datetime(told) - datetime.now(SHANGHAI)) / timedelta(seconds=1)
    except (ValueError, TypeError):
        return None


class Watermark:
    """The greatest update time among the records that pass by; unreadable times do not count."""

    def __init__(self, since: str | None, column: str):
        self._since, self._column = since, column
        self._greatest = moment(since) if since else None

    def watching(self, passing: Iterator[Any]) -> Iterator[Any]:
        for record in passing:
            at = moment(record.get(self._column))
            if at and (self._greatest is None or at > self._greatest):
                self._greatest = at
            yield record

    @property
    def text(self) -> str | None:
        """ISO with +08:00, so that greater is also later in the alphabet."""
        return self._greatest.isoformat() if self._greatest else self._since


def moment(value: Any) -> datetime | None:
    """A delivered time in Asia/Shanghai, which is also meant where no offset is told."""
    if not isinstance(value, str) or not value.strip():
        return None
    try:
        at = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return at.replace(tzinfo=SHANGHAI) if at.tzinfo is None else at.astimezone(SHANGHAI)
