"""Libraries' warnings kept from the terminal, whichever threads ask for it at once: GDAL's quote the data."""

import threading
import warnings
from types import TracebackType


class _Unwarned:
    """Within it no warning is printed. Python's own `catch_warnings` gives back the filters that it found, which may be another thread's that
    has ended meanwhile, or take them from one that has not; here the first in sets them and the last out restores them."""

    def __init__(self) -> None:
        self._lock, self._inside, self._before = threading.Lock(), 0, warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._before = warnings.catch_warnings()
                self._before.__enter__()
                warnings.simplefilter("ignore")
            self._inside += 1

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._before.__exit__(kind, error, trace)


unwarned = _Unwarned()
