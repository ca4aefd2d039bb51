"""Open data: aggregated sets without small cells, for everybody."""

from etl.exchange.opening.publish import open_data

__all__ = ["open_data"]
