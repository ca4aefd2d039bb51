"""Maps of the libraries: a QGIS project with styles, and the same layers drawn as a picture."""

from etl.maps.layers import LAYERS, Layer, relation
from etl.maps.picture import draw
from etl.maps.project import extent, write

__all__ = ["LAYERS", "Layer", "draw", "extent", "relation", "write"]
