"""A synthetic city: every department's deliveries in the form in which they come, with the truth behind them."""

from etl.demo.generate import Summary, generate

__all__ = ["Summary", "generate"]
