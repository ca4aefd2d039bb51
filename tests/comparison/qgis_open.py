"""The written project opened by QGIS itself, without a screen: is every layer valid, what does each hold, and what does the map look like?

    apt-get install --no-install-recommends python3-qgis
    jichu maps --out FOLDER && /usr/bin/python3 tests/comparison/qgis_open.py FOLDER/基础库.qgz PG_SERVICE.conf FOLDER [X Y]

Runs under the system's Python, which has QGIS's library; needs nothing of ours. Writes whole.png, and with X Y (degrees) near.png around it.
"""

import os
import sys
from pathlib import Path

os.environ["QT_QPA_PLATFORM"] = "offscreen"
os.environ["PGSERVICEFILE"] = str(Path(sys.argv[2]).resolve())

from PyQt5.QtCore import QSize
from PyQt5.QtGui import QColor
from qgis.core import Qgis, QgsApplication, QgsMapRendererParallelJob, QgsMapSettings, QgsProject, QgsRectangle

SIZE = QSize(1200, 1000)


def draw(project: QgsProject, extent: QgsRectangle, path: Path) -> list[str]:
    """Renders what is checked in the tree; returns the layers that could not be drawn."""
    settings = QgsMapSettings()
    settings.setLayers(project.layerTreeRoot().checkedLayers())
    settings.setDestinationCrs(project.crs())
    settings.setExtent(extent)
    settings.setOutputSize(SIZE)
    settings.setOutputDpi(110)
    settings.setBackgroundColor(QColor("white"))
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    job.renderedImage().save(str(path))
    print(f"{path}: 1:{settings.scale():,.0f}")
    return [f"{e.layerID}: {e.message}" for e in job.errors()]


def main(file: str, out: Path, centre: list[float]) -> int:
    """Says what QGIS made of the project; 0 when everything is valid and drawn."""
    said: list[str] = []
    QgsApplication.messageLog().messageReceived.connect(lambda text, tag, level: said.append(f"{tag}: {text}"))
    project = QgsProject.instance()
    if not project.read(file):
        print(project.error())
        return 1
    print(f"QGIS {Qgis.QGIS_VERSION}, {project.crs().authid() or 'no reference system'}")
    wrong = 0 if project.crs().isValid() else 1
    for layer in project.layerTreeRoot().layerOrder():
        valid = layer.isValid()
        read = sum(1 for _ in layer.getFeatures()) if valid else 0
        print(f"{layer.id():24} {layer.name():16} {'valid' if valid else 'INVALID'} {layer.crs().authid()} {read:8,} features")
        wrong += not valid
    failed = draw(project, project.viewSettings().defaultViewExtent(), out / "whole.png")
    if centre:
        for node in project.layerTreeRoot().findLayers():
            node.setItemVisibilityChecked(True)
        x, y = centre
        failed += draw(project, QgsRectangle(x - 0.02, y - 0.016, x + 0.02, y + 0.016), out / "near.png")
    print("\n".join(said + failed))
    return 1 if wrong or failed else 0


if __name__ == "__main__":
    application = QgsApplication([], False)
    application.initQgis()
    try:
        code = main(sys.argv[1], Path(sys.argv[3]), [float(x) for x in sys.argv[4:6]])
    finally:
        application.exitQgis()
    sys.exit(code)
