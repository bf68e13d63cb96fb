"""Random inputs for hidden tests: new for each test, the same for all hand-ins of a run, from the run's secret seed."""

from __future__ import annotations

import zlib

import numpy as np


class RandomInputs:
    """A source of inputs for one test. Floats are float64, integers int64; a program converts floats to its dtype."""

    def __init__(self, seed: int, test_name: str) -> None:
        self.seed = seed
        self.rng = np.random.default_rng([seed, zlib.crc32(test_name.encode())])

    def named(self, name: str) -> RandomInputs:
        """Another source, the same for all tests that use this name: for a draw that several tests look at."""
        return RandomInputs(self.seed, f"the draw named {name}")

    def normal(self, *shape: int, scale: float = 1.0) -> np.ndarray:
        """Normal numbers with mean 0 and standard deviation `scale`."""
        return self.rng.normal(0.0, scale, shape)

    def uniform(self, low: float, high: float, *shape: int) -> np.ndarray:
        """Uniform numbers from `low` up to, not including, `high`."""
        return self.rng.uniform(low, high, shape)

    def ids(self, low: int, high: int, *shape: int) -> np.ndarray:
        """Integers from `low` up to, not including, `high`."""
        return self.rng.integers(low, high, shape)

    def integer(self, low: int, high: int) -> int:
        """One integer from `low` up to, not including, `high`."""
        return int(self.rng.integers(low, high))

    def permutation(self, n: int) -> np.ndarray:
        """A permutation of 0..n-1, shape (n,), that is not the identity (for n > 1)."""
        while True:
            order = self.rng.permutation(n)
            if n < 2 or (order != np.arange(n)).any():
                return order

    def lengths(self, batch: int, longest: int) -> np.ndarray:
        """Lengths from 1 to `longest`, shape (batch,): one is `longest`, and one is shorter where there are several."""
        lengths = self.rng.integers(1, longest + 1, batch)
        lengths[self.integer(0, batch)] = longest
        if batch > 1 and longest > 1 and (lengths == longest).all():
            lengths[int(np.flatnonzero(lengths == longest)[0])] = longest - 1
        return lengths

    def mask(self, *shape: int, keep: float = 0.7) -> np.ndarray:
        """Booleans, True with probability `keep`; each row of the last axis has a True, and if longer, a False."""
        mask = self.rng.random(shape) < keep
        rows = mask.reshape(-1, shape[-1])
        for row in rows:
            if shape[-1] > 1 and row.all():
                row[self.integer(0, shape[-1])] = False
            if not row.any():
                row[self.integer(0, shape[-1])] = True
        return mask
