"""Great Expectations itself on one PostgreSQL table, for claims that etl.judging does not know: imported late, one context
a process, counts and never values."""

import gc
import hashlib
import logging
import os
import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from psycopg2.extensions import parse_dsn

from etl.check.deferred import defer
from etl.check.outcome import Outcome
from etl.errors import DatabaseError
from etl.spec.suite import Claim
from etl.warned import unwarned

if TYPE_CHECKING:
    from great_expectations.datasource.fluent.interfaces import Batch
    from great_expectations.datasource.fluent.postgres_datasource import PostgresDatasource
    from great_expectations.expectations.expectation import Expectation

# BASIC gives the counts; with no examples asked for, the queries for them end at LIMIT 0 and no value leaves the database.
COUNTS_ONLY = {"result_format": "BASIC", "partial_unexpected_count": 0}
# Sorting for uniqueness in memory rather than in files: 1M rows in a third of the time. JIT costs more than it saves here.
SESSION: dict[str, Any] = {
    "options": "-c work_mem=128MB -c jit=off -c timezone=Asia/Shanghai",
    "application_name": "jichu check",
    "connect_timeout": 10,
}
NEVER_USED = ("altair", "scipy.stats")  # a third of Great Expectations' import, for distribution tests and their charts


_alone = threading.Lock()


@contextmanager
def _borrowed(database_url: str) -> Iterator["PostgresDatasource"]:
    """The database's data source for a while. Context and data source are one for the process, and made for one thread: the others wait."""
    with _alone:
        source = datasource(database_url)
        try:
            yield source
        finally:
            forget(source)


def validate(
    claims: Sequence[Claim], target: str, database_url: str, schema: str, table: str, places: Mapping[str, str], today: str
) -> list[Outcome]:
    """Every claim on `schema.table`, in the order given. `places`: where the other tables are that they read."""
    with _borrowed(database_url) as source:
        try:
            found = batch(source, schema, table)
        except Exception:  # not readable, for a reason that is not the data's
            return [broken(claim, target) for claim in claims]
        return _outcomes(claims, target, found, places, {"today": today})


def one_by_one(
    claims: Sequence[Claim], database_url: str, schema: str, table: str, places: Mapping[str, str], today: str
) -> tuple[float, dict[str, bool]]:
    """Seconds, and what was met (of those that did not break), of each claim validated by itself with Great Expectations' defaults, as its documentation shows it."""
    with _borrowed(database_url) as source:
        found, met = batch(source, schema, table), {}
        expectations = {c.name: expectation(c, places, stock=True) for c in claims}
        began = time.monotonic()
        for name, one in expectations.items():
            result = found.validate(one, expectation_parameters={"today": today})
            if not _raised(result.exception_info):  # as its stock queries do on some regular expressions
                met[name] = bool(result.success)
        return time.monotonic() - began, met


def forget(source: "PostgresDatasource") -> None:
    """Lets go of its tables and connections: no idle one is left in the database."""
    for asset in source.get_asset_names():
        source.delete_asset(asset)
    for engine in (source.get_engine(), source.get_execution_engine().engine):
        engine.dispose()


def batch(source: "PostgresDatasource", schema: str, table: str) -> "Batch":
    """The whole table as Great Expectations has it."""
    name = f"{schema}.{table}"
    with unwarned:  # a schema for each asset is on its way out in favour of one for each connection
        asset = source.add_table_asset(name, table_name=table, schema_name=schema)
    return asset.add_batch_definition_whole_table(name).get_batch()


@cache
def context() -> Any:
    """The one context of this process; its import is the expensive part (about 5 s)."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read at import
    for module in NEVER_USED:
        defer(module)
    collecting = gc.isenabled()
    gc.disable()  # imports make nothing but lasting objects
    try:
        import geoalchemy2  # noqa: F401 – or every check of a table with a geometry column breaks
        import great_expectations as gx
        from great_expectations.data_context.types.base import ProgressBarsConfig
    finally:
        if collecting:
            gc.enable()
    for noisy in ("great_expectations", "geoalchemy2"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)  # their messages quote PostgreSQL's, which quote values
    made = gx.get_context(mode="ephemeral")
    made.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    return made


@cache
def datasource(database_url: str) -> "PostgresDatasource":
    """The database as Great Expectations has it. Its own reading of addresses knows no sockets and takes `$` for a variable:
    the address goes to the driver as libpq reads it."""
    known = context()
    name = hashlib.sha256(database_url.encode()).hexdigest()[:16]
    address = {"host": None, "user": None, "dbname": None, **parse_dsn(database_url), **SESSION}
    try:
        source: PostgresDatasource = known.data_sources.add_postgres(
            name, connection_string="postgresql+psycopg2://user@host/database", kwargs={"connect_args": address}
        )
    except Exception:  # its message may hold the address
        raise DatabaseError("质量检查连不上数据库") from None
    return source


def _outcomes(claims: Sequence[Claim], target: str, batch: "Batch", places: Mapping[str, str], parameters: dict[str, str]) -> list[Outcome]:
    """All claims together, in as few scans as Great Expectations bundles them into; what broke, once more alone:
    one faulty query breaks every claim that shares its scan."""
    outcomes = _validate(claims, target, batch, places, parameters)
    unsaid = [c for c in claims if outcomes[c.name].broken]
    if len(claims) > 1:
        for claim in unsaid:
            outcomes |= _validate([claim], target, batch, places, parameters)
    return [outcomes[c.name] for c in claims]


def _validate(
    claims: Iterable[Claim], target: str, batch: "Batch", places: Mapping[str, str], parameters: dict[str, str]
) -> dict[str, Outcome]:
    from great_expectations import ExpectationSuite

    outcomes = {c.name: broken(c, target) for c in claims}
    by_name = {c.name: c for c in claims}
    suite = ExpectationSuite(name=target)
    for claim in claims:
        try:
            suite.add_expectation(expectation(claim, places))
        except Exception:  # noqa: S112 – arguments that its type does not take; the claim stays broken
            continue
    if not suite.expectations:
        return outcomes
    try:
        results = batch.validate(suite, result_format=COUNTS_ONLY, expectation_parameters=dict(parameters)).results
    except Exception:  # one claim that cannot even be planned stops them all; they are tried again alone
        return outcomes
    for result in results:
        configuration = result.expectation_config
        if configuration and configuration.meta and not _raised(result.exception_info):
            claim = by_name[configuration.meta["claim"]]
            outcomes[claim.name] = outcome(claim, target, bool(result.success), result.result)
    return outcomes


def expectation(claim: Claim, places: Mapping[str, str], *, stock: bool = False) -> "Expectation":
    """The claim as Great Expectations has it; `stock`: as it comes, also where ours asks the database once instead of twice."""
    from great_expectations.expectations.core.unexpected_rows_expectation import UnexpectedRowsExpectation
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    from etl.check.expectations import ExpectNoSuchRows, ExpectNoSuchValues

    common: dict[str, Any] = {"meta": {"claim": claim.name}, "severity": claim.severity}
    if claim.type == "expect_column_values_to_refer_to":
        column, key, place = claim.kwargs["column"], claim.kwargs["key"], places[claim.kwargs["table"]]
        query = (
            f'select 1 from (select * from {{batch}}) as referring where referring."{column}" is not null '
            f'and not exists (select from {place} as referred where referred."{key}" = referring."{column}")'
        )
        if stock:
            return UnexpectedRowsExpectation(unexpected_rows_query=query, **common)
        return ExpectNoSuchValues(unexpected_rows_query=query, column=column, **common)
    if claim.type == "unexpected_rows_expectation":
        query = re.sub(r"\{(\w+\.\w+)\}", lambda m: places[m[1]], claim.kwargs["unexpected_rows_query"])
        if stock:
            return UnexpectedRowsExpectation(unexpected_rows_query=query, **common)
        return ExpectNoSuchRows(unexpected_rows_query=query, **common)
    return ExpectationConfiguration(type=claim.type, kwargs=dict(claim.kwargs), **common).to_domain_obj()


def _raised(info: Any) -> bool:
    """Whether the check itself failed: `exception_info` is one record, or one for each metric."""
    if not isinstance(info, dict):
        return False
    if "raised_exception" in info:
        return bool(info["raised_exception"])
    return any(_raised(i) for i in info.values())


def outcome(claim: Claim, target: str, success: bool, result: dict[str, Any]) -> Outcome:
    """Counts of a map expectation; an aggregate counts as one thing checked, none when there was nothing to aggregate."""
    if "element_count" in result:
        checked = int(result["element_count"] or 0) - int(result.get("missing_count") or 0)
        failed = int(result["unexpected_count"] or 0)
    else:
        checked = 0 if result.get("observed_value") is None else 1
        failed = 0 if success else checked
    return Outcome(
        target, claim.name, claim.dimension, claim.severity, success or checked == 0, False, checked, failed, claim.because, claim.column
    )


def broken(claim: Claim, target: str) -> Outcome:
    return Outcome(target, claim.name, claim.dimension, claim.severity, False, True, 0, 0, claim.because, claim.column)
