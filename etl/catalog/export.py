"""The catalogue as files: the guide's workbook and DCAT."""

from pathlib import Path

from etl.catalog.listed import read
from etl.settings import Settings


def export(settings: Settings, out: Path) -> list[Path]:
    """Writes `政务信息资源目录.xlsx` (the 2017 guide's elements, share and open lists) and `catalog.jsonld` (DCAT) into the folder. Returns both paths."""
    from etl.catalog import dcat, workbook  # openpyxl is not wanted by a run of the pipeline

    listed = read(settings)
    return [workbook.write(listed, out / "政务信息资源目录.xlsx"), dcat.write(listed, out / "catalog.jsonld")]
