// The step of `kernels/src/diffusion.rs` (Ftcs) as one writes it by hand: n^3 cells, one layer of halo, periodic.
// gcc -O3 -march=native -fopenmp -ffp-contract=off -shared -fPIC
#include <omp.h>

#define HEAT(NAME, REAL)                                                                                               \
    static void NAME##_wrap(REAL *t, long n)                                                                           \
    {                                                                                                                  \
        long sy = n + 2, sz = sy * sy;                                                                                 \
        _Pragma("omp parallel for") for (long z = 1; z <= n; z++)                                                      \
        {                                                                                                              \
            REAL *p = t + z * sz;                                                                                      \
            for (long x = 1; x <= n; x++) p[x] = p[n * sy + x], p[(n + 1) * sy + x] = p[sy + x];                       \
            for (long y = 1; y <= n; y++) p[y * sy] = p[y * sy + n], p[y * sy + n + 1] = p[y * sy + 1];                \
        }                                                                                                              \
        _Pragma("omp parallel for") for (long y = 1; y <= n; y++) for (long x = 1; x <= n; x++)                        \
            t[y * sy + x] = t[n * sz + y * sy + x], t[(n + 1) * sz + y * sy + x] = t[sz + y * sy + x];                 \
    }                                                                                                                  \
    void NAME(REAL *a, REAL *b, long n, long steps, int threads, double alpha_)                                        \
    {                                                                                                                  \
        long sy = n + 2, sz = sy * sy;                                                                                 \
        REAL alpha = (REAL)alpha_;                                                                                     \
        omp_set_num_threads(threads);                                                                                  \
        for (long s = 0; s < steps; s++) {                                                                             \
            NAME##_wrap(a, n);                                                                                         \
            _Pragma("omp parallel for") for (long z = 1; z <= n; z++) for (long y = 1; y <= n; y++)                    \
            {                                                                                                          \
                const REAL *restrict t = a + z * sz + y * sy;                                                          \
                REAL *restrict o = b + z * sz + y * sy;                                                                \
                for (long x = 1; x <= n; x++) {                                                                        \
                    REAL twice = t[x] + t[x];                                                                          \
                    o[x] = t[x] + ((alpha * (t[x - 1] + t[x + 1] - twice) + alpha * (t[x - sy] + t[x + sy] - twice)) + \
                                   alpha * (t[x - sz] + t[x + sz] - twice));                                           \
                }                                                                                                      \
            }                                                                                                          \
            REAL *swap = a;                                                                                            \
            a = b, b = swap;                                                                                           \
        }                                                                                                              \
    }

HEAT(heat_f64, double)
HEAT(heat_f32, float)
