"""Hidden cells stay hidden: an attacker with linear programming learns of none of them that it is small."""

from collections.abc import Iterator

import numpy as np
import pytest
from scipy.optimize import linprog

from etl.exchange.opening.suppress import hidden, rounded, with_totals

K = 10


def bounds(table: np.ndarray, gone: np.ndarray, slack: float = 0.0) -> Iterator[tuple[tuple[int, int], float, float]]:
    """What an attacker can say of each hidden cell: the least and the most that agrees with all shown figures (each within `slack` of the truth)."""
    rows, columns = table.shape
    at = np.arange(rows * columns).reshape(rows, columns)
    equations = np.zeros((rows + columns, rows * columns))
    for i in range(rows):
        equations[i, at[i, :-1]], equations[i, at[i, -1]] = 1, -1
    for j in range(columns):
        equations[rows + j, at[:-1, j]], equations[rows + j, at[-1, j]] = 1, -1
    limits = [(0, None) if g else (max(0, v - slack), v + slack) for v, g in zip(table.ravel(), gone.ravel(), strict=True)]
    for i, j in np.argwhere(gone):
        goal = np.zeros(rows * columns)
        goal[at[i, j]] = 1
        least, most = (linprog(s * goal, A_eq=equations, b_eq=np.zeros(rows + columns), bounds=limits, method="highs") for s in (1, -1))
        assert least.status == 0
        yield (int(i), int(j)), least.fun, np.inf if most.status == 3 else -most.fun


def tables() -> list[np.ndarray]:
    """Tables of many kinds: sparse, dense, with empty rows, single rows and columns, one cell."""
    chance = np.random.default_rng(20180301)
    made = [np.array([[3]]), np.array([[30]]), np.array([[0, 0], [0, 0]]), np.array([[5, 200, 300]]), np.array([[5], [200], [300]])]
    made += [np.array([[9, 100, 100], [100, 100, 100], [100, 100, 100]]), np.array([[1, 1, 1], [500, 400, 300], [200, 600, 0]])]
    for size in ((3, 3), (4, 6), (6, 4)):
        made += [chance.poisson(mean, size) for mean in (2, 9, 15, 60)]
        made += [(chance.lognormal(3, 1.5, size)).astype(np.int64) for _ in range(3)]
    return [np.asarray(m, dtype=np.int64) for m in made]


@pytest.mark.parametrize("cells", tables(), ids=lambda m: f"{m.shape[0]}x{m.shape[1]}")
def test_no_hidden_small_cell_can_be_narrowed_to_less_than_k(cells: np.ndarray) -> None:
    table, gone = with_totals(cells), hidden(cells, K)
    assert (table[~gone] >= K).all()
    for (i, j), least, most in bounds(table, gone):
        if table[i, j] < K:
            assert most - least >= K - 1e-6
            assert most >= K - 1e-6


@pytest.mark.parametrize("cells", tables()[5:12], ids=lambda m: f"{m.shape[0]}x{m.shape[1]}")
def test_rounding_tells_no_more_than_exact_figures(cells: np.ndarray) -> None:
    table, gone = with_totals(cells), hidden(cells, K)
    shown = rounded(table, 10)
    assert set(np.unique(shown[~gone] % 10)) <= {0}
    assert (shown[~gone] >= K).all()
    for (i, j), least, most in bounds(table, gone, slack=5.0):
        assert table[i, j] >= K or most - least >= K - 1e-6


def test_a_table_without_small_cells_is_shown_whole() -> None:
    assert not hidden(np.full((4, 3), 25), K).any()


def test_the_same_table_hides_the_same_cells() -> None:
    cells = np.random.default_rng(1).poisson(12, (20, 8))
    assert (hidden(cells, K) == hidden(cells.copy(), K)).all()


def test_a_single_small_cell_takes_the_cheapest_partners_with_it() -> None:
    cells = np.array([[4, 900, 50], [800, 700, 600], [60, 500, 40]])
    gone = hidden(cells, K)
    assert np.argwhere(gone).tolist() == [[0, 0], [0, 2], [2, 0], [2, 2]]


@pytest.mark.parametrize("change", [-1, 1, 3])
def test_two_releases_differ_by_nothing_or_by_k_and_more(change: int) -> None:
    """One person more or fewer somewhere: no figure shown twice moves by less than k."""
    cells = np.random.default_rng(7).poisson(30, (5, 4))
    first, gone = rounded(with_totals(cells), 10), hidden(cells, K)
    for i, j in np.ndindex(cells.shape):
        later = cells.copy()
        later[i, j] = max(0, later[i, j] + change)
        second, gone_later = rounded(with_totals(later), 10), hidden(later, K)
        moved = np.abs(second - first)[~gone & ~gone_later]
        assert set(moved.tolist()) <= {0, 10}
