"""Renders the pages and puts them into a folder; a file whose content is the same is left as it is, what is no longer made is removed."""

import json
import shutil
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from etl import store
from etl.errors import UsageError
from etl.site import charts, known, lineage, words
from etl.site.known import Known
from etl.site.page import Page

TEMPLATES = Path(__file__).parent / "templates"
ASSETS = Path(__file__).parent / "assets"
MARK = "site.json"
MENU = (
    ("home", "总览", "index.html"),
    ("departments", "部门", "departments/index.html"),
    ("datasets", "数据集", "datasets/index.html"),
    ("checks", "检查", "checks/index.html"),
    ("trends", "走势", "trends.html"),
    ("lineage", "血缘", "lineage/index.html"),
    ("dictionary", "数据字典", "dictionary/index.html"),
)


@cache
def _templates() -> Environment:
    env = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters |= {
        "soft": lambda text: escape(text).replace("_", Markup("_<wbr>")),
        "count": words.count,
        "score": words.score,
        "day": words.day,
        "title": words.title,
        "reason": words.reason,
    }
    env.globals |= {
        "words": words,
        "charts": charts,
        "menu": MENU,
        "standard": lineage.standard,
        "dataset_page": known.dataset_page,
        "department_page": known.department_page,
        "library_page": known.library_page,
        "table_page": known.table_page,
        "lineage_page": known.lineage_page,
    }
    return env


def files(k: Known, pages: Iterable[Page], made: datetime, index: str) -> dict[str, bytes]:
    """Path → content of everything."""
    out = {f"assets/{p.name}": p.read_bytes() for p in sorted(ASSETS.iterdir()) if p.suffix in (".css", ".js")}
    out["assets/index.js"] = index.encode()
    env = _templates()
    shared: dict[str, Any] = {"k": k, "made": made}
    for page in pages:
        assert page.path not in out, page.path
        text = env.get_template(page.template).render({**page.given, **shared, "page": page, "root": page.root})
        out[page.path] = "\n".join(line for line in text.splitlines() if line.strip()).encode() + b"\n"
    return out


def write(out: Path, made: dict[str, bytes]) -> int:
    """Puts the files into the folder. UsageError when the folder holds something that is not a site of ours. Returns the bytes."""
    mark = out / MARK
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not mark.is_file())):
        raise UsageError(f"{out} 里已有别的东西，不是从前生成的站点；请换一个空文件夹")
    before = set(json.loads(mark.read_text(encoding="utf-8"))["files"]) if mark.is_file() else set()
    out.mkdir(parents=True, exist_ok=True)
    with store.write_atomically(mark) as beside:  # first, so that an interrupted build is known for one
        beside.write_text(json.dumps({"files": sorted(before | set(made))}, indent=0) + "\n", encoding="utf-8")
    for name, content in made.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_bytes() != content:
            path.write_bytes(content)
    for name in before - set(made):
        path = (out / name).resolve()
        if path.is_relative_to(out.resolve()):
            path.unlink(missing_ok=True)
    _tidy(out)
    with store.write_atomically(mark) as beside:
        beside.write_text(json.dumps({"files": sorted(made)}, indent=0) + "\n", encoding="utf-8")
    return sum(map(len, made.values()))


def _tidy(out: Path) -> None:
    """Folders that are left empty."""
    for folder in out.iterdir():
        if folder.is_dir() and not any(folder.iterdir()):
            shutil.rmtree(folder)
