"""Children that do not outlive us: the kernel tells them when we are gone, SIGKILL included."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable

PR_SET_PDEATHSIG = 1


def follows_us(number: int) -> Callable[[], None]:
    """A `preexec_fn`: the child gets signal `number` when the thread that starts it ends.

    A change of user clears that wish (prctl(2)), so it must be made after it, as `preexec_fn` is.
    Safe beside threads: between fork and exec it takes no lock that one of them may hold.
    """
    prctl, us = ctypes.PyDLL(None).prctl, os.getpid()

    def follow_us() -> None:
        if prctl(PR_SET_PDEATHSIG, number) or os.getppid() != us:  # dead before it was watched
            os._exit(1)

    return follow_us
