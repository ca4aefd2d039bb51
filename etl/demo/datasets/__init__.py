"""The datasets of the deliveries, department by department."""

from functools import cache

from etl.demo.rows import Dataset


@cache
def catalogue() -> tuple[Dataset, ...]:
    """Every dataset that a synthetic city delivers."""
    from etl.demo.datasets import (
        civil,
        credit,
        health,
        labour,
        licences,
        market,
        monthly,
        police,
        registers,
        spatial,
        systems,
        taxes,
        weather,
        yearly,
    )

    modules = (police, health, civil, labour, market, taxes, credit, licences, registers, spatial, monthly, yearly, weather, systems)
    return tuple(d for m in modules for d in m.DATASETS)
