"""Connected components of a graph held in DuckDB, by SciPy: a million nodes in a second."""

import duckdb
import numpy as np
import pyarrow as pa
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def components(con: duckdb.DuckDBPyConnection, nodes: str, edges: str, out: str) -> None:
    """`nodes` (rid from 0 without gaps), `edges` (a, b) → table `out` (rid, cluster)."""
    size = int(con.execute(f"select coalesce(max(rid) + 1, 0) from {nodes}").fetchall()[0][0])
    pairs = con.execute(f"select a, b from {edges}").fetchnumpy()
    a, b = np.asarray(pairs["a"], dtype=np.int64), np.asarray(pairs["b"], dtype=np.int64)
    graph = coo_array((np.ones(len(a), dtype=np.int8), (a, b)), shape=(size, size))
    _, label = connected_components(graph, directed=False) if size else (0, np.zeros(0, dtype=np.int32))
    found = pa.table({"rid": np.arange(size, dtype=np.int64), "cluster": label.astype(np.int64)})
    con.register("found_components", found)
    con.execute(f"create or replace table {out} as select * from found_components")
    con.unregister("found_components")
