"""A department's JSON API, as departments really answer: `GET /<dataset>?page=1&page_size=500[&updated_since=ISO]`.

Answers `{"total": N, "page": P, "data": [ … ]}` from `<folder>/<dataset>.jsonl` (one record a line, sorted by update
time). 401 without the right X-Api-Key, 404 for an unknown dataset, 400 for a page or page_size that cannot be. A file
that changed is read again, so a new day laid over the folder is served without a restart.
"""

import argparse
import hmac
import json
from datetime import datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from urllib.parse import parse_qs, urlsplit

from etl.settings import SHANGHAI

MAX_PAGE_SIZE = 1000
UPDATED = "updated_at"


class Records:
    """The records of one folder: dataset → (lines as delivered, their update times as seconds)."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._read: dict[str, tuple[int, list[bytes], list[float]]] = {}
        self._lock = Lock()

    def of(self, dataset: str) -> tuple[list[bytes], list[float]] | None:
        """Lines and times of a dataset, None when there is no such dataset."""
        file = self.folder / f"{dataset}.jsonl"
        if not dataset.replace("_", "").isalnum() or not file.is_file():
            return None
        with self._lock:
            changed = file.stat().st_mtime_ns
            if self._read.get(dataset, (0,))[0] != changed:
                lines = [line for line in file.read_bytes().splitlines() if line.strip()]
                self._read[dataset] = changed, lines, [seconds(json.loads(line).get(UPDATED) or "") for line in lines]
            return self._read[dataset][1:]


def seconds(text: str) -> float:
    """An ISO time as seconds since 1970; without an offset it is Shanghai's. Nothing readable is long ago.

    A client that does not escape `+08:00` sends ` 08:00`.
    """
    cleaned = text.strip()
    if len(cleaned) > 6 and cleaned[-6] == " " and cleaned[-3] == ":" and cleaned.count(":") > 2:
        cleaned = f"{cleaned[:-6]}+{cleaned[-5:]}"
    try:
        at = datetime.fromisoformat(cleaned)
    except ValueError:
        return 0.0
    return (at if at.tzinfo else at.replace(tzinfo=SHANGHAI)).timestamp()


def answer(records: Records, dataset: str, query: dict[str, str]) -> tuple[HTTPStatus, bytes]:
    """Status and body for one request that showed the right key."""
    found = records.of(dataset)
    if found is None:
        return HTTPStatus.NOT_FOUND, _error(f"没有数据集 {dataset}")
    try:
        page, size = int(query.get("page", 1)), int(query.get("page_size", 500))
    except ValueError:
        return HTTPStatus.BAD_REQUEST, _error("page 和 page_size 应为整数")
    if page < 1 or not 1 <= size <= MAX_PAGE_SIZE:
        return HTTPStatus.BAD_REQUEST, _error(f"page 从 1 起，page_size 为 1 至 {MAX_PAGE_SIZE}")
    lines, times = found
    if since := query.get("updated_since"):
        after = seconds(since)
        lines = [line for line, at in zip(lines, times, strict=True) if at > after]
    part = lines[(page - 1) * size : page * size]
    return HTTPStatus.OK, b'{"total": %d, "page": %d, "data": [%s]}' % (len(lines), page, b", ".join(part))


def _error(sentence: str) -> bytes:
    return json.dumps({"error": sentence}, ensure_ascii=False).encode()


def server(folder: Path, port: int, key: str) -> ThreadingHTTPServer:
    """The HTTP server on the loopback; port 0 takes a free one."""
    records = Records(folder)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            if hmac.compare_digest((self.headers.get("X-Api-Key") or "").encode(), key.encode()):
                status, body = answer(records, url.path.strip("/"), {k: v[0] for k, v in parse_qs(url.query).items()})
            else:
                status, body = HTTPStatus.UNAUTHORIZED, _error("缺少 X-Api-Key 或不正确")
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Requests are not logged: their query is nobody's business."""

    made = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    made.daemon_threads = True
    return made


def main() -> None:
    """Serves until it is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--key-file", type=Path, required=True)
    given = parser.parse_args()
    server(given.folder, given.port, given.key_file.read_text(encoding="utf-8").strip()).serve_forever()


if __name__ == "__main__":
    main()
