"""Writing a proposal: whole, and never over anything that is there."""

from collections.abc import Mapping
from pathlib import Path

from etl.errors import UsageError


def write(files: Mapping[str, bytes], under: Path) -> list[Path]:
    """Every file under `under`. Raises UsageError, having written nothing, when one of them is there already."""
    there = [name for name in files if (under / name).exists()]
    there += [
        str(p.relative_to(under))
        for name in files
        for p in (under / name).parent.glob("delivered.*")
        if "/delivered." in name and str(p.relative_to(under)) not in there
    ]
    if there:
        raise UsageError(f"已有文件，不覆盖：{'、'.join(sorted(there))}；要重新提议请先移走")
    written = []
    for name, content in files.items():
        path = under / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as f:
            f.write(content)
        written.append(path)
    return written
