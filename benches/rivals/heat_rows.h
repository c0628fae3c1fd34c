// The rows of heat.c for one type of numbers, REAL; NAME(x) makes names of it.
typedef REAL NAME(Wide) __attribute__((vector_size(WIDE), aligned(sizeof(REAL)), may_alias));

static REAL *NAME(a), *NAME(b), NAME(alpha);

// t + alpha (six neighbours - 6 t), with one product less.
static inline double NAME(row)(long z, long y, int streamed)
{
    REAL *restrict o = ROW(NAME(b), z, y), *c = ROW(NAME(a), z, y), alpha = NAME(alpha);
    const REAL *s = ROW(NAME(a), z, y - 1), *n = ROW(NAME(a), z, y + 1);
    const REAL *d = ROW(NAME(a), z - 1, y), *u = ROW(NAME(a), z + 1, y);
    REAL own = 1 - (nz == 1 ? 4 : 6) * alpha;
    WRAP_X(c, 1);
    long x = 0;
    if (streamed && nz == 1)
        for (long wide = WIDE / sizeof(REAL); x + wide <= nx; x += wide) {
#define AT(P) (*(const NAME(Wide) *)(P + x))
            STREAM(o + x, own * AT(c) + alpha * ((AT((c - 1)) + AT((c + 1))) + (AT(s) + AT(n))));
        }
    else if (streamed)
        for (long wide = WIDE / sizeof(REAL); x + wide <= nx; x += wide)
            STREAM(o + x,
                   own * AT(c) + alpha * ((AT((c - 1)) + AT((c + 1))) + (AT(s) + AT(n)) + (AT(d) + AT(u))));
#undef AT
    if (nz == 1)
        for (; x < nx; x++) o[x] = own * c[x] + alpha * ((c[x - 1] + c[x + 1]) + (s[x] + n[x]));
    else
        for (; x < nx; x++) o[x] = own * c[x] + alpha * ((c[x - 1] + c[x + 1]) + (s[x] + n[x]) + (d[x] + u[x]));
    return 0;
}
static double NAME(plain)(long z, long y)
{
    return NAME(row)(z, y, 0);
}
static double NAME(streamed)(long z, long y)
{
    return NAME(row)(z, y, 1);
}

static void NAME(steps)(int blocked, int streamed, long count)
{
    for (; count > 0; count--) {
        sweep(streamed ? NAME(streamed) : NAME(plain), blocked, 4, sizeof(REAL));
        REAL *swap = NAME(a);
        NAME(a) = NAME(b), NAME(b) = swap;
    }
}

// For a program that has the arrays: n^3 cells in (n + 2)^3 numbers, any values in the rest.
void NAME(heat)(REAL *a, REAL *b, long n, long count, int threads, double alpha)
{
    omp_set_num_threads(threads);
    nz = ny = nx = n, pitch = n + 2;
    NAME(a) = a + 1, NAME(b) = b + 1, NAME(alpha) = (REAL)alpha;
    NAME(steps)(0, 0, count);
}
