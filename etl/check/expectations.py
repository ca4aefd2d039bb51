"""Our own expectations. Importing this module imports Great Expectations (seconds): only etl.check.engine does."""

from __future__ import annotations

from typing import Any, ClassVar

from great_expectations.execution_engine.execution_engine import ExecutionEngine
from great_expectations.expectations.core.unexpected_rows_expectation import UnexpectedRowsExpectation

NULLS = "column_values.nonnull.unexpected_count"


class ExpectNoSuchRows(UnexpectedRowsExpectation):
    """`unexpected_rows_expectation`, counted once: the stock one also fetches rows, by running its query a second time."""

    metric_dependencies: ClassVar[tuple[str, ...]] = ("unexpected_rows_query.row_count", "table.row_count")

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,
        execution_engine: ExecutionEngine[Any] | None = None,
    ) -> dict[str, Any]:
        """The shape of a map expectation's result, so that both are read alike."""
        failed = int(metrics["unexpected_rows_query.row_count"])
        checked = int(metrics["table.row_count"])
        return {
            "success": failed == 0,
            "result": {"element_count": checked, "missing_count": self._missing(metrics), "unexpected_count": failed},
        }

    def _missing(self, metrics: dict[str, Any]) -> int:
        return 0


class ExpectNoSuchValues(ExpectNoSuchRows):
    """The same about the values of one column: rows where it is null are not judged."""

    column: str
    metric_dependencies: ClassVar[tuple[str, ...]] = (*ExpectNoSuchRows.metric_dependencies, NULLS)
    domain_keys: ClassVar[tuple[str, ...]] = (*UnexpectedRowsExpectation.domain_keys, "column")

    def _missing(self, metrics: dict[str, Any]) -> int:
        return int(metrics[NULLS] or 0)
