// Acoustic waves of order 8 in space and 2 in time, f32, periodic: the leapfrog of `kernels/src/wave.rs` in its classic
// form, next = 2 p - before + (c dt)^2 lap p, where `next` takes the place of `before`: 4 numbers a cell move, not 5.
#define VARIANTS "plain", "blocked"
#include "rival.h"

static float *p, *before, *c;

static double one(long z, long y, long x)
{
    return 1 + 0 * (z + y + x);
}
static void set_up(const char *which)
{
    (void)which;
    p = array(4), before = array(4), c = array(4);
}
static void reset(void)
{
    fill(p, 4, bump), fill(before, 4, bump), fill(c, 4, one); // at rest half a step earlier
}

static double row(long z, long y)
{
    enum { R = 4 };
    const float w[R + 1] = {-3 * 205 / 72.f, 8 / 5.f, -1 / 5.f, 8 / 315.f, -1 / 560.f}, dt = 0.2f;
    float *t = ROW(p, z, y), *restrict o = ROW(before, z, y);
    const float *speed = ROW(c, z, y), *s[R + 1], *n[R + 1], *d[R + 1], *u[R + 1];
    for (int k = 1; k <= R; k++)
        s[k] = ROW(p, z, y - k), n[k] = ROW(p, z, y + k), d[k] = ROW(p, z - k, y), u[k] = ROW(p, z + k, y);
    WRAP_X(t, R);
#define RING(K) (w[K] * ((t[x - K] + t[x + K]) + (s[K][x] + n[K][x]) + (d[K][x] + u[K][x])))
#pragma omp simd
    for (long x = 0; x < nx; x++) {
        float lap = w[0] * t[x] + (RING(1) + RING(2) + RING(3) + RING(4)), a = dt * speed[x];
        o[x] = 2 * t[x] - o[x] + a * a * lap;
    }
    return 0;
}
static void steps(const char *variant, long count)
{
    for (; count > 0; count--) {
        sweep(row, variant[0] == 'b', 11, 4);
        float *swap = p;
        p = before, before = swap;
    }
}
static double total(int inner)
{
    return weighted(p, 4, inner);
}
