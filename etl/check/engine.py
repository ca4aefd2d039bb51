"""Great Expectations on one PostgreSQL table: imported late, one context a process, counts and never values."""

import gc
import hashlib
import logging
import os
import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import parse_dsn

from etl.check.deferred import defer
from etl.check.outcome import Outcome
from etl.errors import DatabaseError
from etl.settings import load
from etl.spec.suite import Claim, Suite

if TYPE_CHECKING:
    from great_expectations.datasource.fluent.interfaces import Batch
    from great_expectations.datasource.fluent.postgres_datasource import PostgresDatasource
    from great_expectations.expectations.expectation import Expectation

CANDIDATE = "candidate"
# BASIC gives the counts; with no examples asked for, the queries for them end at LIMIT 0 and no value leaves the database.
COUNTS_ONLY = {"result_format": "BASIC", "partial_unexpected_count": 0}
# Sorting for uniqueness in memory rather than in files: 1M rows in a third of the time. JIT costs more than it saves here.
SESSION = {"options": "-c work_mem=128MB -c jit=off -c timezone=Asia/Shanghai", "application_name": "jichu check", "connect_timeout": 10}
NEVER_USED = ("altair", "scipy.stats")  # a third of Great Expectations' import, for distribution tests and their charts


def run(suite: Suite, target: str, database_url: str, schema: str, table: str, *, today: date | None = None) -> list[Outcome]:
    """Every claim of the suite on `schema.table` (a table or view), in the suite's order.

    today: what `{$PARAMETER: today}` stands for in a suite; the business date unless given.
    A claim that cannot be checked is `broken`, whatever the reason; an unreachable database raises DatabaseError.
    """
    ground = _survey(suite, database_url, schema, table)
    if not ground.there:
        return [_broken(claim, target) for claim in suite.expectations]
    if not ground.filled and not any(c.type.startswith("expect_table_") for c in suite.expectations):
        return [_outcome(claim, target, True, {"element_count": 0, "unexpected_count": 0}) for claim in suite.expectations]
    source = _datasource(database_url)
    try:
        try:
            batch = _batch(source, schema, table)
        except Exception:  # not readable, for a reason that is not the data's
            return [_broken(claim, target) for claim in suite.expectations]
        parameters = {"today": (today or load().today).isoformat()}
        return _outcomes(suite.expectations, target, batch, ground.places, parameters)
    finally:
        for asset in source.get_asset_names():
            source.delete_asset(asset)
        for engine in (source.get_engine(), source.get_execution_engine().engine):
            engine.dispose()  # no idle connection is left in the database


@dataclass(frozen=True)
class Ground:
    """What stands where: the table, whether it has rows, and where the other tables are that the suite reads."""

    there: bool
    filled: bool
    places: dict[str, str]


def _survey(suite: Suite, database_url: str, schema: str, table: str) -> Ground:
    """Looks before Great Expectations is imported. A table that is read beside the checked one is taken from its candidate,
    when a candidate is checked and there is one."""
    named = {str(c.kwargs["table"]) for c in suite.expectations if c.type == "expect_column_values_to_refer_to"}
    for claim in suite.expectations:
        named |= set(re.findall(r"\{(\w+\.\w+)\}", str(claim.kwargs.get("unexpected_rows_query", ""))))
    try:
        con = psycopg2.connect(database_url, connect_timeout=10, application_name="jichu check")
    except psycopg2.OperationalError:
        raise DatabaseError("质量检查连不上数据库") from None
    try:
        with con.cursor() as c:
            c.execute("select to_regclass(format('%%I.%%I', %s, %s)) is not null", [schema, table])
            if not c.fetchall()[0][0]:
                return Ground(False, False, {})
            c.execute(sql.SQL("select exists (select from {})").format(sql.Identifier(schema, table)))
            filled = bool(c.fetchall()[0][0])
            sought = sorted(named) if schema == CANDIDATE else []
            c.execute("select t from unnest(%s::text[]) t where to_regclass('candidate.' || replace(t, '.', '__')) is not null", [sought])
            waiting = {t for (t,) in c.fetchall()}
        return Ground(True, filled, {t: f"{CANDIDATE}.{t.replace('.', '__')}" if t in waiting else t for t in named})
    finally:
        con.close()


def _batch(source: "PostgresDatasource", schema: str, table: str) -> "Batch":
    """The whole table as Great Expectations has it."""
    name = f"{schema}.{table}"
    with warnings.catch_warnings():  # a schema for each asset is on its way out in favour of one for each connection
        warnings.simplefilter("ignore", DeprecationWarning)
        asset = source.add_table_asset(name, table_name=table, schema_name=schema)
    return asset.add_batch_definition_whole_table(name).get_batch()


@cache
def _context() -> Any:
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
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    return context


@cache
def _datasource(database_url: str) -> "PostgresDatasource":
    """The database as Great Expectations has it. Its own reading of addresses knows no sockets and takes `$` for a variable:
    the address goes to the driver as libpq reads it."""
    context = _context()
    name = hashlib.sha256(database_url.encode()).hexdigest()[:16]
    address = {"host": None, "user": None, "dbname": None, **parse_dsn(database_url), **SESSION}
    try:
        source: PostgresDatasource = context.data_sources.add_postgres(
            name, connection_string="postgresql+psycopg2://user@host/database", kwargs={"connect_args": address}
        )
    except Exception:  # its message may hold the address
        raise DatabaseError("质量检查连不上数据库") from None
    return source


def _outcomes(claims: Sequence[Claim], target: str, batch: "Batch", places: dict[str, str], parameters: dict[str, str]) -> list[Outcome]:
    """All claims together, in as few scans as Great Expectations bundles them into; what broke, once more alone:
    one faulty query breaks every claim that shares its scan."""
    outcomes = _validate(claims, target, batch, places, parameters)
    broken = [c for c in claims if outcomes[c.name].broken]
    if len(claims) > 1:
        for claim in broken:
            outcomes |= _validate([claim], target, batch, places, parameters)
    return [outcomes[c.name] for c in claims]


def _validate(
    claims: Iterable[Claim], target: str, batch: "Batch", places: dict[str, str], parameters: dict[str, str]
) -> dict[str, Outcome]:
    from great_expectations import ExpectationSuite

    outcomes = {c.name: _broken(c, target) for c in claims}
    by_name = {c.name: c for c in claims}
    suite = ExpectationSuite(name=target)
    for claim in claims:
        try:
            suite.add_expectation(_expectation(claim, places))
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
            outcomes[claim.name] = _outcome(claim, target, bool(result.success), result.result)
    return outcomes


def _expectation(claim: Claim, places: dict[str, str]) -> "Expectation":
    """The claim as Great Expectations has it."""
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    from etl.check.expectations import ExpectNoSuchRows, ExpectNoSuchValues

    common: dict[str, Any] = {"meta": {"claim": claim.name}, "severity": claim.severity}
    if claim.type == "expect_column_values_to_refer_to":
        column, key, place = claim.kwargs["column"], claim.kwargs["key"], places[claim.kwargs["table"]]
        query = (
            f'select 1 from (select * from {{batch}}) as referring where referring."{column}" is not null '
            f'and not exists (select from {place} as referred where referred."{key}" = referring."{column}")'
        )
        return ExpectNoSuchValues(unexpected_rows_query=query, column=column, **common)
    if claim.type == "unexpected_rows_expectation":
        query = re.sub(r"\{(\w+\.\w+)\}", lambda m: places[m[1]], claim.kwargs["unexpected_rows_query"])
        return ExpectNoSuchRows(unexpected_rows_query=query, **common)
    if claim.type == "expect_column_values_to_be_unique" and set(claim.kwargs) == {"column"}:
        return ExpectNoSuchValues(unexpected_rows_query=_repeated([claim.kwargs["column"]]), column=claim.kwargs["column"], **common)
    if claim.type == "expect_compound_columns_to_be_unique" and set(claim.kwargs) == {"column_list"}:
        return ExpectNoSuchRows(unexpected_rows_query=_repeated(claim.kwargs["column_list"]), **common)
    return ExpectationConfiguration(type=claim.type, kwargs=dict(claim.kwargs), **common).to_domain_obj()


def _repeated(columns: Sequence[str]) -> str:
    """Every row whose key occurs more than once: hashed, in half the time of the stock expectations' sort and self-join."""
    listed = ", ".join(f'"{c}"' for c in columns)
    present = " or ".join(f'"{c}" is not null' for c in columns)
    return (
        f"select 1 from (select count(*) as times from {{batch}} where {present} group by {listed} having count(*) > 1) as repeated, "
        "generate_series(1, repeated.times)"
    )


def _raised(info: Any) -> bool:
    """Whether the check itself failed: `exception_info` is one record, or one for each metric."""
    if not isinstance(info, dict):
        return False
    if "raised_exception" in info:
        return bool(info["raised_exception"])
    return any(_raised(i) for i in info.values())


def _outcome(claim: Claim, target: str, success: bool, result: dict[str, Any]) -> Outcome:
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


def _broken(claim: Claim, target: str) -> Outcome:
    return Outcome(target, claim.name, claim.dimension, claim.severity, False, True, 0, 0, claim.because, claim.column)
