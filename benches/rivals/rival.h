// What the rivals in C have in common: arrays, first values, checks, a sweep over all rows, and the talk with the suite.
//
// A program defines
//   VARIANTS      the names of its variants, before it includes this
//   set_up        makes the arrays of a case
//   reset         gives them the first values
//   steps         does so many steps
//   total         the weighted sum of all fields (see `weighted`)
// and gets `main`:
//   PROGRAM CASE N THREADS          measures each variant: a line of JSON each, with the median of 9 after a warm-up
//   PROGRAM CASE N THREADS serve    does what it is told on standard input, and answers each line with a line of JSON:
//                                   run VARIANT COUNT, check VARIANT COUNT
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

// Cells z, y, x; numbers from a row to the next. Rows begin on a cache line, with room for a halo along x on both sides.
// Along z and y nothing is copied: a row's neighbour beyond an edge is the row at the other one.
static long nz, ny, nx, pitch;
enum { PAD = 16 };

static inline long wrap(long i, long n)
{
    return i < 0 ? i + n : i < n ? i : i - n;
}
#define ROW(T, Z, Y) ((T) + (wrap(Z, nz) * ny + wrap(Y, ny)) * pitch)

// The halo of a row: only the row's own cells read it.
#define WRAP_X(ROW_, R)                                                                                                \
    for (long k_ = 1; k_ <= (R); k_++) (ROW_)[-k_] = (ROW_)[nx - k_], (ROW_)[nx - 1 + k_] = (ROW_)[k_ - 1]

// First values that every rival can compute to the last bit: a product of parabolas, not symmetric in the box.
static double parabola(long i, long n, int axis)
{
    if (n == 1) return 1;
    long j = (i + (axis + 1) * n / 8) % n;
    return 4.0 * (double)(j * (n - j)) / ((double)n * (double)n);
}
static double bump(long z, long y, long x)
{
    return parabola(z, nz, 0) * parabola(y, ny, 1) * parabola(x, nx, 2);
}

// Weights of a check: they grow along each axis, so that a shifted field has another sum. The inner one leaves out what
// an edge can reach in a few steps, for tools that are not periodic.
static double weight(long i, long n, int inner)
{
    long edge = n / 4 < 32 ? n / 4 : 32;
    if (n == 1) return 1;
    return inner && (i < edge || i >= n - edge) ? 0 : 1 + (double)i / (double)n;
}

static void *array(size_t size)
{
    pitch = (nx + 2 * PAD + 15) / 16 * 16;
    size_t bytes = (size_t)(nz * ny * pitch + 2 * PAD) * size, huge = 2 << 20;
    char *t = aligned_alloc(huge, (bytes + huge - 1) / huge * huge);
    if (!t) perror("rival"), exit(1);
    madvise(t, bytes, MADV_HUGEPAGE);
    return t + PAD * size;
}

typedef double First(long z, long y, long x);

// Each thread first touches what it will compute.
static inline void fill(void *t, size_t size, First *first)
{
#pragma omp parallel for schedule(static)
    for (long row = 0; row < nz * ny; row++)
        for (long x = -PAD; x < nx + PAD; x++) {
            double v = x < 0 || x >= nx ? 0 : first(row / ny, row % ny, x);
            if (size == 8)
                ((double *)t)[row * pitch + x] = v;
            else
                ((float *)t)[row * pitch + x] = (float)v;
        }
}

static inline double weighted(const void *t, size_t size, int inner)
{
    double sum = 0;
#pragma omp parallel for schedule(static) reduction(+ : sum)
    for (long row = 0; row < nz * ny; row++) {
        double part = 0;
        for (long x = 0; x < nx; x++)
            part += weight(x, nx, inner) *
                    (size == 8 ? ((const double *)t)[row * pitch + x] : ((const float *)t)[row * pitch + x]);
        sum += part * weight(row / ny, nz, inner) * weight(row % ny, ny, inner);
    }
    return sum;
}

// What is done to a row; what it gives is added up.
typedef double Row(long z, long y);

// All rows, z slowest; or in blocks of rows, so that the planes that a block's stencil reads stay in the second cache.
static inline double sweep(Row *row, int blocked, int planes, size_t size)
{
    double sum = 0;
    long rows = ny;
    if (blocked || nz == 1) {
        // As many blocks for each thread, each as thick.
        long cache = sysconf(_SC_LEVEL2_CACHE_SIZE), share = (ny - 1) / omp_get_max_threads() + 1;
        long most = (cache > 0 ? cache : 1 << 20) / 2 / (planes * pitch * (long)size);
        long blocks = most < 4 ? (share - 1) / 4 + 1 : (share - 1) / most + 1;
        rows = (share - 1) / blocks + 1;
    }
#pragma omp parallel reduction(+ : sum)
    {
        if (rows < ny) {
#pragma omp for schedule(static) nowait
            for (long b = 0; b < ny; b += rows)
                for (long z = 0; z < nz; z++)
                    for (long y = b; y < ny && y < b + rows; y++) sum += row(z, y);
        } else {
#pragma omp for schedule(static) nowait
            for (long z = 0; z < nz; z++)
                for (long y = 0; y < ny; y++) sum += row(z, y);
        }
#ifdef __x86_64__
        _mm_sfence();
#endif
    }
    return sum;
}

// Stores past the caches, as wide as the machine has them.
#if defined __AVX512F__
enum { WIDE = 64 };
#define STREAM(P, V) _mm512_stream_si512((void *)(P), (__m512i)(V))
#elif defined __AVX__
enum { WIDE = 32 };
#define STREAM(P, V) _mm256_stream_si256((void *)(P), (__m256i)(V))
#elif defined __SSE2__
enum { WIDE = 16 };
#define STREAM(P, V) _mm_stream_si128((void *)(P), (__m128i)(V))
#else
enum { WIDE = 16 };
#define STREAM(P, V) (*(P) = (V))
#endif

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

#ifdef VARIANTS
static const char *variants[] = {VARIANTS, 0};
static void set_up(const char *which);
static void reset(void);
static void steps(const char *variant, long count);
static double total(int inner);

int main(int count, char **words)
{
    if (count < 4) return fprintf(stderr, "usage: %s CASE N THREADS [serve]\n", words[0]), 2;
    long n = atol(words[2]);
    omp_set_num_threads(atoi(words[3]));
    nx = ny = n, nz = strstr(words[1], "2d") ? 1 : n;
    set_up(words[1]);
    reset();
    if (count == 4) {
        for (const char **v = variants; *v; v++) {
            double rates[9];
            steps(*v, 2);
            for (int i = 0; i < 9; i++) {
                double start = omp_get_wtime();
                steps(*v, 8);
                rates[i] = 8.0 * (double)(nz * ny * nx) / (omp_get_wtime() - start);
            }
            qsort(rates, 9, sizeof *rates, by_size);
            printf("{\"case\": \"%s\", \"rival\": \"C %s\", \"n\": %ld, \"threads\": %s, \"cells_per_s\": %.4e}\n",
                   words[1], *v, n, words[3], rates[4]);
        }
        return 0;
    }
    char line[256], verb[32], variant[64];
    long number;
    while (fgets(line, sizeof line, stdin) && sscanf(line, "%31s %63s %ld", verb, variant, &number) == 3) {
        if (verb[0] == 'c') {
            reset();
            steps(variant, number);
            printf("{\"all\": %.17g, \"inner\": %.17g}\n", total(0), total(1));
        } else {
            steps(variant, 2); // awake and warm
            double start = omp_get_wtime();
            steps(variant, number);
            printf("{\"seconds\": %.9g}\n", omp_get_wtime() - start);
        }
        fflush(stdout);
    }
    return 0;
}
#endif
