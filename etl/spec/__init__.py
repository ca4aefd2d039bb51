"""Everything that is declared: frozen models of schemas/, each refusing keys it does not know."""

from etl.spec.codes import CodeTable
from etl.spec.library import Library
from etl.spec.registry import Registry, load
from etl.spec.rule import RuleSpec
from etl.spec.source import Column, Feed, Source

__all__ = ["CodeTable", "Column", "Feed", "Library", "Registry", "RuleSpec", "Source", "load"]
