"""Scores as they stood at each delivery, by the same formula as today's (expectations/weights.yml), from what quality.result keeps."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from statistics import fmean

from etl.site.facts import Weights

Line = list[tuple[date, float]]


def of_datasets(claims: Iterable[tuple[str, date, str, str, float, int]], weights: Weights) -> dict[str, Line]:
    """Dataset → (delivery day, score) oldest first. claims: dataset, day, dimension, severity, sum of shares in order, how many.

    Punctuality is not in it: whether a delivery came in time is known of today only.
    """
    sums: dict[tuple[str, date], dict[str, list[float]]] = defaultdict(lambda: defaultdict(lambda: [0.0, 0.0]))
    for dataset, day, dimension, severity, right, n in claims:
        entry = sums[dataset, day][dimension]
        entry[0] += weights.severities[severity] * right
        entry[1] += weights.severities[severity] * n
    out: dict[str, Line] = defaultdict(list)
    for (dataset, day), dimensions in sums.items():
        weighed = [(weights.dimensions[d], right / whole) for d, (right, whole) in dimensions.items() if whole]
        out[dataset].append((day, round(100 * sum(w * v for w, v in weighed) / sum(w for w, _ in weighed), 2)))
    return {n: _one_a_day(sorted(line, key=lambda x: x[0])) for n, line in out.items()}


def _one_a_day(line: Line) -> Line:
    return sorted(dict(line).items())


def means(lines: Iterable[Line]) -> Line:
    """The plain mean of several lines on every day on which one of them moved, each as it stood that day."""
    known = [line for line in lines if line]
    days = sorted({day for line in known for day, _ in line})[-26:]
    out: Line = []
    for day in days:
        standing = [[v for d, v in line if d <= day][-1] for line in known if line[0][0] <= day]
        if standing:
            out.append((day, round(fmean(standing), 2)))
    return out
