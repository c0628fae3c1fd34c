"""The cases as one writes them with Numba: parallel loops over rows, a halo that is copied, periodic."""

import rival

CASE, N, THREADS = rival.words()

import numba
import numpy as np

numba.set_num_threads(THREADS)

R = 4 if CASE == "wave8" else 1
SIZE = rival.shape(CASE, N)
ROOM = tuple(n + 2 * R for n in SIZE)
BODY = tuple(slice(R, n + R) for n in SIZE)
KIND = rival.kind(CASE)
jit = numba.njit(parallel=True, fastmath={"contract"}, boundscheck=False, cache=True)


@jit
def wrap3(t, r):
    nz, ny, nx = t.shape
    for z in numba.prange(r, nz - r):
        for y in range(r, ny - r):
            for k in range(r):
                t[z, y, k] = t[z, y, nx - 2 * r + k]
                t[z, y, nx - r + k] = t[z, y, r + k]
        for k in range(r):
            for x in range(r, nx - r):
                t[z, k, x] = t[z, ny - 2 * r + k, x]
                t[z, ny - r + k, x] = t[z, r + k, x]
    for y in numba.prange(r, ny - r):
        for k in range(r):
            for x in range(r, nx - r):
                t[k, y, x] = t[nz - 2 * r + k, y, x]
                t[nz - r + k, y, x] = t[r + k, y, x]


@jit
def wrap2(t):
    ny, nx = t.shape
    for y in numba.prange(1, ny - 1):
        t[y, 0] = t[y, nx - 2]
        t[y, nx - 1] = t[y, 1]
    for x in range(1, nx - 1):
        t[0, x] = t[ny - 2, x]
        t[ny - 1, x] = t[1, x]


@jit
def heat3(t, o, own, alpha):
    nz, ny, nx = t.shape
    for z in numba.prange(1, nz - 1):
        for y in range(1, ny - 1):
            for x in range(1, nx - 1):
                o[z, y, x] = own * t[z, y, x] + alpha * (
                    (t[z, y, x - 1] + t[z, y, x + 1])
                    + (t[z, y - 1, x] + t[z, y + 1, x])
                    + (t[z - 1, y, x] + t[z + 1, y, x])
                )


@jit
def heat2(t, o, own, alpha):
    ny, nx = t.shape
    for y in numba.prange(1, ny - 1):
        for x in range(1, nx - 1):
            o[y, x] = own * t[y, x] + alpha * ((t[y, x - 1] + t[y, x + 1]) + (t[y - 1, x] + t[y + 1, x]))


@jit
def wave(p, o, c, dt, w):
    nz, ny, nx = p.shape
    w0, w1, w2, w3, w4 = w[0], w[1], w[2], w[3], w[4]
    two = np.float32(2)
    for z in numba.prange(4, nz - 4):
        for y in range(4, ny - 4):
            for x in range(4, nx - 4):
                lap = (
                    w0 * p[z, y, x]
                    + w1 * (p[z, y, x - 1] + p[z, y, x + 1] + p[z, y - 1, x] + p[z, y + 1, x] + p[z - 1, y, x] + p[z + 1, y, x])
                    + w2 * (p[z, y, x - 2] + p[z, y, x + 2] + p[z, y - 2, x] + p[z, y + 2, x] + p[z - 2, y, x] + p[z + 2, y, x])
                    + w3 * (p[z, y, x - 3] + p[z, y, x + 3] + p[z, y - 3, x] + p[z, y + 3, x] + p[z - 3, y, x] + p[z + 3, y, x])
                    + w4 * (p[z, y, x - 4] + p[z, y, x + 4] + p[z, y - 4, x] + p[z, y + 4, x] + p[z - 4, y, x] + p[z + 4, y, x])
                )
                a = dt * c[z, y, x]
                o[z, y, x] = two * p[z, y, x] - o[z, y, x] + a * a * lap


@jit
def gray_scott(u, v, next_u, next_v, dt):
    nz, ny, nx = u.shape
    du, dv, feed, loss = 0.2 * dt, 0.1 * dt, 0.04, 0.04 + 0.06
    for z in numba.prange(1, nz - 1):
        for y in range(1, ny - 1):
            for x in range(1, nx - 1):
                a, b = u[z, y, x], v[z, y, x]
                lap_u = (u[z, y, x - 1] + u[z, y, x + 1]) + (u[z, y - 1, x] + u[z, y + 1, x]) + (u[z - 1, y, x] + u[z + 1, y, x]) - 6 * a
                lap_v = (v[z, y, x - 1] + v[z, y, x + 1]) + (v[z, y - 1, x] + v[z, y + 1, x]) + (v[z - 1, y, x] + v[z + 1, y, x]) - 6 * b
                reaction = a * (b * b)
                next_u[z, y, x] = a + (du * lap_u + dt * (feed * (1 - a) - reaction))
                next_v[z, y, x] = b + (dv * lap_v + dt * (reaction - loss * b))


@jit
def velocities(p, w, v, u, c):
    nz, ny, nx = p.shape
    for z in numba.prange(1, nz - 1):
        for y in range(1, ny - 1):
            for x in range(1, nx - 1):
                w[z, y, x] += c * (p[z + 1, y, x] - p[z, y, x])
                v[z, y, x] += c * (p[z, y + 1, x] - p[z, y, x])
                u[z, y, x] += c * (p[z, y, x + 1] - p[z, y, x])


@jit
def pressure(p, w, v, u, c):
    nz, ny, nx = p.shape
    for z in numba.prange(1, nz - 1):
        for y in range(1, ny - 1):
            for x in range(1, nx - 1):
                p[z, y, x] += c * ((u[z, y, x] - u[z, y, x - 1]) + (v[z, y, x] - v[z, y - 1, x]) + (w[z, y, x] - w[z - 1, y, x]))


COPIES = {"heat64": 2, "heat32": 2, "heat2d": 2, "wave8": 2, "gray-scott": 2, "staggered": 1}[CASE]
FIELDS = 1 if CASE in ("heat64", "heat32", "heat2d", "wave8") else 2 if CASE == "gray-scott" else 4
arrays = [[np.zeros(ROOM, KIND) for _ in range(COPIES)] for _ in range(FIELDS)]
speed = np.ones(ROOM, KIND) if CASE == "wave8" else None
WEIGHTS = np.array([-3 * 205 / 72, 8 / 5, -1 / 5, 8 / 315, -1 / 560], np.float32)


def reset():
    for number, copies in enumerate(arrays):
        for copy in copies:
            rival.set_first_values(CASE, number, copy[BODY])


def steps(count):
    for _ in range(count):
        if CASE == "heat2d":
            wrap2(arrays[0][0])
            heat2(arrays[0][0], arrays[0][1], KIND(0.6), KIND(0.1))
        elif CASE.startswith("heat"):
            wrap3(arrays[0][0], 1)
            heat3(arrays[0][0], arrays[0][1], KIND(1 - 6 * 0.1), KIND(0.1))
        elif CASE == "wave8":
            wrap3(arrays[0][0], 4)
            wave(arrays[0][0], arrays[0][1], speed, KIND(0.2), WEIGHTS)
        elif CASE == "gray-scott":
            for field in arrays:
                wrap3(field[0], 1)
            gray_scott(arrays[0][0], arrays[1][0], arrays[0][1], arrays[1][1], 0.5)
        else:
            p, w, v, u = (field[0] for field in arrays)
            wrap3(p, 1)
            velocities(p, w, v, u, 0.3)
            for field in (w, v, u):
                wrap3(field, 1)
            pressure(p, w, v, u, 0.3)
        for field in arrays:
            field.reverse()


rival.talk("Numba", reset, steps, lambda: [field[0][BODY] for field in arrays])
