// Staggered acoustics in f64, periodic: pressure in the middle of cells, velocities on the upper faces, all in place:
// velocity += c difference of p, then p += c divergence of the velocity. Two sweeps.
#define VARIANTS "plain", "blocked"
#include "rival.h"

static double *p, *speed[3]; // along z, y, x
static const double c = 0.3;

static double zero(long z, long y, long x)
{
    return 0 * (z + y + x);
}
static void set_up(const char *which)
{
    (void)which;
    p = array(8);
    for (int a = 0; a < 3; a++) speed[a] = array(8);
}
static void reset(void)
{
    fill(p, 8, bump);
    for (int a = 0; a < 3; a++) fill(speed[a], 8, zero);
}
static double velocities(long z, long y)
{
    double *t = ROW(p, z, y), *restrict w = ROW(speed[0], z, y), *restrict v = ROW(speed[1], z, y),
           *restrict u = ROW(speed[2], z, y);
    const double *n = ROW(p, z, y + 1), *up = ROW(p, z + 1, y);
    WRAP_X(t, 1);
    for (long x = 0; x < nx; x++) {
        w[x] += c * (up[x] - t[x]);
        v[x] += c * (n[x] - t[x]);
        u[x] += c * (t[x + 1] - t[x]);
    }
    WRAP_X(u, 1);
    return 0;
}
static double pressure(long z, long y)
{
    double *restrict t = ROW(p, z, y);
    const double *w = ROW(speed[0], z, y), *v = ROW(speed[1], z, y), *u = ROW(speed[2], z, y);
    const double *d = ROW(speed[0], z - 1, y), *s = ROW(speed[1], z, y - 1);
    for (long x = 0; x < nx; x++) t[x] += c * ((u[x] - u[x - 1]) + (v[x] - s[x]) + (w[x] - d[x]));
    return 0;
}
static void steps(const char *variant, long count)
{
    for (; count > 0; count--) {
        sweep(velocities, variant[0] == 'b', 6, 8);
        sweep(pressure, variant[0] == 'b', 6, 8);
    }
}
static double total(int inner)
{
    double sum = weighted(p, 8, inner);
    for (int a = 0; a < 3; a++) sum += (2 + a) * weighted(speed[a], 8, inner);
    return sum;
}
