// Conjugate gradients for minus the Laplacian with grounded walls, f64, as in the poisson job: a step is an iteration.
// Three sweeps: the direction; its image and their product; solution, residual and its square.
#define VARIANTS "plain", "blocked"
#include "rival.h"

static double *phi, *r, *d, *q, alpha, beta, rr;

static double zero(long z, long y, long x)
{
    return 0 * (z + y + x);
}
static void set_up(const char *which)
{
    (void)which;
    phi = array(8), r = array(8), d = array(8), q = array(8);
}
static double square(long z, long y)
{
    double sum = 0, *t = ROW(r, z, y);
    for (long x = 0; x < nx; x++) sum += t[x] * t[x];
    return sum;
}
static void reset(void)
{
    fill(phi, 8, zero), fill(r, 8, bump), fill(d, 8, zero), fill(q, 8, zero);
    beta = 0, rr = sweep(square, 0, 1, 8);
}
static double direction(long z, long y)
{
    double *restrict t = ROW(d, z, y);
    const double *s = ROW(r, z, y);
    for (long x = 0; x < nx; x++) t[x] = s[x] + beta * t[x];
    t[-1] = -t[0], t[nx] = -t[nx - 1]; // the wall is half a cell away
    return 0;
}
static double image(long z, long y)
{
    double sum = 0, *restrict o = ROW(q, z, y);
    const double *t = ROW(d, z, y), *s = ROW(d, z, y - 1), *n = ROW(d, z, y + 1);
    const double *down = ROW(d, z - 1, y), *up = ROW(d, z + 1, y);
    if (y > 0 && y < ny - 1 && z > 0 && z < nz - 1) {
#pragma omp simd reduction(+ : sum)
        for (long x = 0; x < nx; x++) {
            o[x] = 6 * t[x] - ((t[x - 1] + t[x + 1]) + (s[x] + n[x]) + (down[x] + up[x]));
            sum += o[x] * t[x];
        }
    } else {
        for (long x = 0; x < nx; x++) {
            double along_y = (y > 0 ? s[x] : -t[x]) + (y < ny - 1 ? n[x] : -t[x]);
            double along_z = (z > 0 ? down[x] : -t[x]) + (z < nz - 1 ? up[x] : -t[x]);
            o[x] = 6 * t[x] - ((t[x - 1] + t[x + 1]) + along_y + along_z);
            sum += o[x] * t[x];
        }
    }
    return sum;
}
static double descend(long z, long y)
{
    double sum = 0, *restrict solution = ROW(phi, z, y), *restrict rest = ROW(r, z, y);
    const double *t = ROW(d, z, y), *o = ROW(q, z, y);
#pragma omp simd reduction(+ : sum)
    for (long x = 0; x < nx; x++) {
        solution[x] += alpha * t[x];
        rest[x] -= alpha * o[x];
        sum += rest[x] * rest[x];
    }
    return sum;
}
static void steps(const char *variant, long count)
{
    for (; count > 0; count--) {
        sweep(direction, 0, 2, 8);
        alpha = rr / sweep(image, variant[0] == 'b', 4, 8);
        double before = rr;
        rr = sweep(descend, 0, 4, 8);
        beta = rr / before;
    }
}
static double total(int inner)
{
    return weighted(phi, 8, inner);
}
