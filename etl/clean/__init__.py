"""Cleaning: a landing's rows.parquet becomes cleaned.parquet (docs/architecture.md), by the rules of schemas/rules.yml."""

from etl.clean.again import memo, remember
from etl.clean.run import clean, prepare

__all__ = ["clean", "memo", "prepare", "remember"]
