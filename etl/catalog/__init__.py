"""The catalogue of information resources (发改高技〔2017〕1272号) and the themes: generated, never kept by hand."""

from etl.catalog.export import export
from etl.catalog.refresh import refresh
from etl.catalog.themes import themes

__all__ = ["export", "refresh", "themes"]
