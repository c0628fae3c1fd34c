// Gray-Scott of `kernels/src/gray_scott.rs` in f64, periodic. Variants: plain; in blocks of rows; rows computed into the
// first cache and stored past the caches.
#define VARIANTS "plain", "blocked", "streamed", "blocked-streamed"
#include "rival.h"

static double *now[2], *next[2];

static double first_u(long z, long y, long x)
{
    return 1 - 0.5 * bump(z, y, x);
}
static double first_v(long z, long y, long x)
{
    return 0.25 * bump(z, y, x);
}
static void set_up(const char *which)
{
    (void)which;
    for (int f = 0; f < 2; f++) now[f] = array(8), next[f] = array(8);
}
static void reset(void)
{
    for (int f = 0; f < 2; f++) fill(now[f], 8, f ? first_v : first_u), fill(next[f], 8, f ? first_v : first_u);
}

static inline void cells(double *restrict ou, double *restrict ov, long z, long y, long low, long high)
{
    const double dt = 0.5, du = 0.2 * dt, dv = 0.1 * dt, feed = 0.04, loss = 0.04 + 0.06;
    const double *u = ROW(now[0], z, y) + low, *us = ROW(now[0], z, y - 1) + low, *un = ROW(now[0], z, y + 1) + low;
    const double *ud = ROW(now[0], z - 1, y) + low, *uu = ROW(now[0], z + 1, y) + low;
    const double *v = ROW(now[1], z, y) + low, *vs = ROW(now[1], z, y - 1) + low, *vn = ROW(now[1], z, y + 1) + low;
    const double *vd = ROW(now[1], z - 1, y) + low, *vu = ROW(now[1], z + 1, y) + low;
#pragma omp simd
    for (long x = 0; x < high - low; x++) {
        double lap_u = (u[x - 1] + u[x + 1]) + (us[x] + un[x]) + (ud[x] + uu[x]) - 6 * u[x];
        double lap_v = (v[x - 1] + v[x + 1]) + (vs[x] + vn[x]) + (vd[x] + vu[x]) - 6 * v[x];
        double reaction = u[x] * (v[x] * v[x]);
        ou[x] = u[x] + (du * lap_u + dt * (feed * (1 - u[x]) - reaction));
        ov[x] = v[x] + (dv * lap_v + dt * (reaction - loss * v[x]));
    }
}
static double plain(long z, long y)
{
    for (int f = 0; f < 2; f++) WRAP_X(ROW(now[f], z, y), 1);
    cells(ROW(next[0], z, y), ROW(next[1], z, y), z, y, 0, nx);
    return 0;
}
static double streamed(long z, long y)
{
    enum { PIECE = 512 };
    double piece[2][PIECE] __attribute__((aligned(64)));
    for (int f = 0; f < 2; f++) WRAP_X(ROW(now[f], z, y), 1);
    for (long x = 0; x < nx; x += PIECE) {
        long n = nx - x < PIECE ? nx - x : PIECE, i;
        cells(piece[0], piece[1], z, y, x, x + n);
        for (int f = 0; f < 2; f++) {
            typedef double Wide __attribute__((vector_size(WIDE), may_alias));
            double *o = ROW(next[f], z, y) + x;
            for (i = 0; i + WIDE / 8 <= n; i += WIDE / 8) STREAM(o + i, *(Wide *)(piece[f] + i));
            for (; i < n; i++) o[i] = piece[f][i];
        }
    }
    return 0;
}
static void steps(const char *variant, long count)
{
    for (; count > 0; count--) {
        sweep(strstr(variant, "streamed") ? streamed : plain, variant[0] == 'b', 8, 8);
        for (int f = 0; f < 2; f++) {
            double *swap = now[f];
            now[f] = next[f], next[f] = swap;
        }
    }
}
static double total(int inner)
{
    return weighted(now[0], 8, inner) + 2 * weighted(now[1], 8, inner);
}
