"""A stand-in for a cipher machine (密码机), to measure and test with; it is no certified device."""

from __future__ import annotations

import time

from .keys import SoftwareKeys
from .sealing import fresh_key

ANSWERS_AFTER_S = 0.002


class StubCipherMachine:
    """Answers as a machine at the other end of a network would, after 2 ms; its master is made
    anew each time. Never for people's data."""

    def __init__(self) -> None:
        self._inside = SoftwareKeys(fresh_key())
        self.asked = 0

    def wrap(self, key: bytes, about: bytes) -> bytes:
        self._answer()
        return self._inside.wrap(key, about)

    def unwrap(self, wrapped: bytes, about: bytes) -> bytes:
        self._answer()
        return self._inside.unwrap(wrapped, about)

    def _answer(self) -> None:
        self.asked += 1
        time.sleep(ANSWERS_AFTER_S)
