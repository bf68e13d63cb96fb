"""How seldom a right `mask_tokens` fails by bad luck: the chances behind the margins of exercise 7's hidden tests.

    python -m benchmarks.masking [--seed 1]

An answer that tosses for each place makes every share that a test looks at a binomial one. For each check the table
has the number of tosses n, the share that is right, the margin, and the exact chance that a binomial share is outside
of it. The n come from the tests' own inputs for the seed. Where n is itself a matter of chance (the selected places),
it is taken six standard deviations below its mean, which makes the chances larger than they are. Where two shares of
the same answer are compared, each gets a part of the margin. An answer that counts out its places varies less.
"""

from __future__ import annotations

import argparse
import math

import numpy as np
from rich.console import Console
from rich.table import Table

from autograder.exercises.bert_pretraining.hidden_tests import (
    FEW_IDS,
    FEW_WORDS,
    LENGTH,
    ROWS,
    VOCABULARY,
    sentences,
)
from autograder.judging.random_inputs import RandomInputs


def outside(n: int, share: float, low: float, high: float) -> float:
    """The chance that of n tosses with this share fewer than n * low, or more than n * high, are won."""
    k = np.arange(n + 1)
    ways = math.lgamma(n + 1) - np.array([math.lgamma(i + 1) + math.lgamma(n - i + 1) for i in range(n + 1)])
    chances = np.exp(ways + k * math.log(share) + (n - k) * math.log1p(-share))
    return float(chances[(k < n * low - 1e-9) | (k > n * high + 1e-9)].sum())


def at_least(n: int, share: float) -> int:
    """How many of n tosses are won at least, but for one time in a thousand million."""
    return int(n * share - 6 * math.sqrt(n * share * (1 - share)))


def chances(seed: int) -> list[tuple[str, int, float, float, int, float]]:
    """The checks of both tracks: name, tosses, share, margin, how many such comparisons, chance that one fails."""

    def near(n: int, share: float, margin: float) -> float:
        return outside(n, share, share - margin, share + margin)

    found = []

    def add(name: str, n: int, share: float, margin: float, times: int, chance: float) -> None:
        found.append((name, n, share, margin, times, times * chance))

    for p in (0.15, 0.4):
        _ids, special = sentences(RandomInputs(seed, "").named(f"sentences at {p}"))
        n = int((~special).sum())
        # the given probability, its default (two calls), and in Keras an integer as seed
        times, name = (4, "selected, 15%") if p == 0.15 else (1, "selected, 40%")
        add(name, n, p, 0.03, times, near(n, p, 0.03))
    for p in (0.15, 0.5):
        ids, special = sentences(RandomInputs(seed, "").named(f"sentences at {p}"))
        n = at_least(int((~special).sum()), p)
        hit = 1 / VOCABULARY  # a random id is the id of [MASK], or the one that stood there
        times = 2 if p == 0.15 else 1  # with a generator, and in Keras with an integer as seed
        name = f"of {p:.0%} selected: "
        for what, target, share in (
            ("masked", 0.8, 0.8 + 0.1 * hit),
            ("replaced", 0.1, 0.1 - 0.2 * hit),
            ("kept", 0.1, 0.1 + 0.1 * hit),
        ):
            add(name + what, n, share, 0.03, times, outside(n, share, target - 0.03, target + 0.03))

    p = 0.15
    ids, special = sentences(RandomInputs(seed, "").named(f"sentences at {p}"))
    usable = ~special
    n = int(usable.sum())
    # |of neighbours - of all| > 0.05 needs one of the two to be off by its part
    add("selected, next to neighbours", n, p, 0.015, 1, near(n, p, 0.015))
    for name, pairs in (
        ("selected after a selected neighbour", usable[:, :-1] & usable[:, 1:]),
        ("selected below a selected place", usable[:-1] & usable[1:]),
    ):
        pair_count = at_least(int(pairs.sum()), p)
        add(name, pair_count, p, 0.035, 1, near(pair_count, p, 0.035))
    words = np.bincount(ids[usable], minlength=VOCABULARY)
    often = [int(n) for n in words if n > 300]
    add("selected, of one word", min(often), p, 0.135, len(often), max(near(n, p, 0.135) for n in sorted(often)[:3]))

    places = ROWS * LENGTH
    chance = 0.1 / FEW_IDS
    ids_that_came = FEW_IDS - FEW_WORDS - 1
    add("one random id", places, chance, 0.5 * chance, ids_that_came, outside(places, chance, chance / 2, 1.5 * chance))
    # The fates of neighbours, as equal as chance has it: pairs that share no place, half of them, toss by toss.
    pairs = places // 2 - ROWS
    masked, replaced, kept = 0.8 + 0.1 / FEW_IDS, 0.1 - 0.2 / FEW_IDS, 0.1 + 0.1 / FEW_IDS
    equal = masked**2 + replaced**2 + kept**2
    add("neighbours with the same fate", pairs, equal, 0.06, 4, near(pairs, equal, 0.06))
    add("masked, where all are selected", places, masked, 0.01, 1, near(places, masked, 0.01))
    both = at_least(pairs, replaced**2)
    add(
        "neighbours with the same random id",
        both,
        1 / FEW_IDS,
        0.2,
        4,
        outside(both, 1 / FEW_IDS, 0, 1 / FEW_IDS + 0.2),
    )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.masking", description=__doc__.split("\n\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    found = chances(options.seed)
    table = Table("share", "tosses", "right", "margin", "times", "chance of a false failure")
    for name, n, share, margin, times, chance in found:
        table.add_row(name, f"{n:,}", f"{share:.4g}", f"{margin:.3g}", str(times), f"{chance:.1e}")
    table.add_row("all", "", "", "", "", f"{sum(row[-1] for row in found):.1e}")
    Console().print(table)


if __name__ == "__main__":
    main()
