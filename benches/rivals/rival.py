"""What the rivals in Python have in common: first values, checks, and the talk with the suite (see rival.h).

PROGRAM CASE N THREADS          measures: a line of JSON with the median of 9 after a warm-up
PROGRAM CASE N THREADS serve    does what it is told on standard input, and answers each line with a line of JSON
"""

import json
import statistics
import sys
import time

import numpy as np


def words():
    """Case, cells along an axis, threads."""
    if len(sys.argv) < 4:
        sys.exit(f"usage: {sys.argv[0]} CASE N THREADS [serve]")
    return sys.argv[1], int(sys.argv[2]), int(sys.argv[3])


def shape(case, n):
    return (n, n) if case == "heat2d" else (n, n, n)


def kind(case):
    return np.float32 if case in ("heat32", "wave8") else np.float64


def bump(size):
    """A product of parabolas, plane after plane, or row after row: two large arrays less."""

    def parabola(n, axis):
        i = np.arange(n)
        j = (i + (axis + 1) * n // 8) % n
        return 4.0 * (j * (n - j)) / (float(n) * float(n))

    axes = [parabola(n, axis) for axis, n in zip(range(3 - len(size), 3), size)]
    if len(size) == 2:
        return (y * axes[1] for y in axes[0])
    return (np.multiply.outer(z * axes[1], axes[2]) for z in axes[0])


def set_first_values(case, field, body):
    """Fills the cells of the field of this number: an array without its halo."""
    scale, offset = {
        "heat64": [(1, 1)],
        "heat32": [(1, 1)],
        "heat2d": [(1, 1)],
        "wave8": [(1, 0)],
        "gray-scott": [(-0.5, 1), (0.25, 0)],
        "staggered": [(1, 0), (0, 0), (0, 0), (0, 0)],
    }[case][field]
    for part, values in zip(body, bump(body.shape)):
        part[...] = offset + scale * values


def weighted(values, inner):
    """The sum of a field times weights along its axes; the inner one leaves out what edges can reach in a few steps."""
    total = values
    for n in reversed(values.shape):
        edge = min(n // 4, 32)
        weights = 1 + np.arange(n) / n
        if inner:
            weights[:edge] = 0
            weights[n - edge :] = 0
        # Plane by plane, so that no array of doubles is made of a large one of floats.
        total = np.array([np.dot(part, weights) for part in total]) if total.ndim > 1 else float(np.dot(total, weights))
    return total


def talk(name, reset, steps, fields):
    """`reset()` sets first values, `steps(count)` computes, `fields()` gives the arrays without halo, z first."""
    case, n, threads = words()
    reset()
    if len(sys.argv) == 4:
        steps(2)
        rates = []
        for _ in range(9):
            start = time.perf_counter()
            steps(8)
            rates.append(8 * np.prod(shape(case, n), dtype=float) / (time.perf_counter() - start))
        say(case=case, rival=name, n=n, threads=threads, cells_per_s=statistics.median(rates))
        return
    for line in sys.stdin:
        verb, _, count = line.split()
        if verb == "check":
            reset()
            steps(int(count))
            sums = [sum((i + 1) * weighted(f, inner) for i, f in enumerate(fields())) for inner in (False, True)]
            say(all=float(sums[0]), inner=float(sums[1]))
        else:
            steps(2)  # awake and warm
            start = time.perf_counter()
            steps(int(count))
            say(seconds=time.perf_counter() - start)


def say(**values):
    print(json.dumps(values), flush=True)
