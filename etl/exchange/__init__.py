"""Exchange with the province and the counties, each county's own schema, and open data for everybody."""

from etl.exchange.acknowledge import acknowledge
from etl.exchange.counties import build as build_counties
from etl.exchange.counties import readers
from etl.exchange.export import export
from etl.exchange.receive import receive
from etl.exchange.trust import PackageRefused

__all__ = ["PackageRefused", "acknowledge", "build_counties", "export", "readers", "receive"]
