"""The cases as one writes them with Devito: symbolic equations, C that it generates, tunes and compiles, OpenMP.

Not periodic: its halo holds what the first values have at the edge of the bump, and is left alone.
"""

import os

import rival

CASE, N, THREADS = rival.words()
os.environ.update(
    OMP_NUM_THREADS=str(THREADS), DEVITO_LANGUAGE="openmp", DEVITO_LOGGING="ERROR", DEVITO_ARCH=os.environ.get("DEVITO_ARCH", "gcc")
)

import numpy as np
from devito import Eq, Function, Grid, Operator, TimeFunction, configuration, solve

SIZE = rival.shape(CASE, N)
KIND = rival.kind(CASE)
grid = Grid(shape=SIZE, extent=tuple(n - 1.0 for n in SIZE), dtype=KIND)
HALO = {"heat64": [1], "heat32": [1], "heat2d": [1], "wave8": [0], "gray-scott": [1, 0]}[CASE]

order, time_order = (8, 2) if CASE == "wave8" else (2, 1)
names = ["u", "v"][: len(HALO)]
fields = [TimeFunction(name=name, grid=grid, space_order=order, time_order=time_order) for name in names]
u = fields[0]
if CASE.startswith("heat"):
    dt, equations = 0.1, [Eq(u.forward, solve(Eq(u.dt, u.laplace), u.forward))]
elif CASE == "wave8":
    c = Function(name="c", grid=grid, space_order=order)
    c.data[:] = 1
    dt, equations = 0.2, [Eq(u.forward, solve(Eq(u.dt2, c * c * u.laplace), u.forward))]
else:
    v, dt = fields[1], 0.5
    reaction = u * v * v
    equations = [
        Eq(u.forward, solve(Eq(u.dt, 0.2 * u.laplace - reaction + 0.04 * (1 - u)), u.forward)),
        Eq(v.forward, solve(Eq(v.dt, 0.1 * v.laplace + reaction - 0.1 * v), v.forward)),
    ]
# Spacings are one, which Devito may know, as the others do.
spacings = {spacing: 1.0 for spacing in grid.spacing_symbols}
operator = Operator(equations, subs=spacings)
BUFFERS = time_order + 1
state = {"time": time_order - 1, "tuned": False}


def advance(count, **more):
    first = state["time"]
    operator.apply(time_m=first, time_M=first + count - 1, dt=KIND(dt), **more)
    # Buffers take turns; small numbers of the same remainder do as well.
    state["time"] = (first + count - (time_order - 1)) % BUFFERS + time_order - 1


def reset():
    if not state["tuned"]:
        # Tries sizes of blocks on the arrays themselves.
        advance(8, autotune=("aggressive", "preemptive"))
        tuned = getattr(operator, "_state", {}).get("autotuning")
        state["tuned"] = True
        state["blocks"] = (tuned[-1].get("tuned") if tuned else None) or {}
    for number, (field, halo) in enumerate(zip(fields, HALO)):
        field.data_with_halo[:] = halo
        for buffer in range(BUFFERS):
            rival.set_first_values(CASE, number, np.asarray(field.data[buffer]))
    state["time"] = time_order - 1


def steps(count):
    advance(count, **state["blocks"])


def present():
    """The latest values are those at the index `time`."""
    return [np.asarray(field.data[state["time"] % BUFFERS]) for field in fields]


rival.talk("Devito", reset, steps, present)
