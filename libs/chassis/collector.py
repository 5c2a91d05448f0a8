"""The garbage collector of a process that stays: what it has imported is for ever."""

from __future__ import annotations

import gc


def quiet_gc() -> None:
    """Leave all there is now out of collections, and collect seldom: 1.6 x the requests
    (bench/http.py), and no full collection, of 50 ms and more, in the middle of a page."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 1000)
