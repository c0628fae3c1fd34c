"""The cases as one writes them with pystencils: symbolic assignments, C that it generates and compiles, OpenMP.

Not periodic: its halo holds what the first values have at the edge of the bump, and is left alone.
"""

import os

import rival

CASE, N, THREADS = rival.words()
os.environ["OMP_NUM_THREADS"] = str(THREADS)

import numpy as np
import pystencils as ps

SIZE = rival.shape(CASE, N)
KIND = rival.kind(CASE)
HALO = {"heat64": [1], "heat32": [1], "heat2d": [1], "gray-scott": [1, 0]}[CASE]
ROOM = tuple(n + 2 for n in SIZE)
BODY = tuple(slice(1, n + 1) for n in SIZE)
AXES = len(SIZE)

arrays = [[np.empty(ROOM, KIND) for _ in range(2)] for _ in HALO]
text = "double" if KIND is np.float64 else "float"
names = ["u", "v"][: len(HALO)]
now = [ps.Field.create_fixed_size(name, ROOM, dtype=KIND) for name in names]
then = [ps.Field.create_fixed_size(f"next_{name}", ROOM, dtype=KIND) for name in names]


def neighbours(field):
    units = [tuple(sign * (a == axis) for a in range(AXES)) for axis in range(AXES) for sign in (-1, 1)]
    return sum(field[unit] for unit in units)


here = [field[(0,) * AXES] for field in now]
there = [field[(0,) * AXES] for field in then]
if CASE.startswith("heat"):
    assignments = [ps.Assignment(there[0], (1 - 2 * AXES * 0.1) * here[0] + 0.1 * neighbours(now[0]))]
else:
    (u, v), dt = here, 0.5
    reaction = u * v * v
    laplacians = [neighbours(field) - 6 * own for field, own in zip(now, here)]
    assignments = [
        ps.Assignment(there[0], u + dt * (0.2 * laplacians[0] - reaction + 0.04 * (1 - u))),
        ps.Assignment(there[1], v + dt * (0.1 * laplacians[1] + reaction - 0.1 * v)),
    ]


def build():
    """Version 2 has other names than version 1."""
    if hasattr(ps, "CreateKernelConfig") and int(ps.__version__.split(".")[0]) >= 2:
        config = ps.CreateKernelConfig(target=ps.Target.CurrentCPU, default_dtype=text, ghost_layers=1)
        config.cpu.openmp.enable = True
        config.cpu.openmp.num_threads = THREADS
        config.cpu.vectorize.enable = True
        config.cpu.vectorize.assume_inner_stride_one = True
        return ps.create_kernel(assignments, config).compile()
    vector = {"instruction_set": "best", "assume_inner_stride_one": True, "nontemporal": False}
    config = ps.CreateKernelConfig(
        data_type=text, ghost_layers=1, cpu_openmp=THREADS, cpu_vectorize_info=vector, default_number_float=text
    )
    return ps.create_kernel(assignments, config=config).compile()


kernel = build()


def reset():
    for number, (copies, halo) in enumerate(zip(arrays, HALO)):
        for copy in copies:
            copy[:] = halo
            rival.set_first_values(CASE, number, copy[BODY])


def steps(count):
    for _ in range(count):
        ins = {name: field[0] for name, field in zip(names, arrays)}
        outs = {f"next_{name}": field[1] for name, field in zip(names, arrays)}
        kernel(**ins, **outs)
        for field in arrays:
            field.reverse()


rival.talk("pystencils", reset, steps, lambda: [field[0][BODY] for field in arrays])
