// How fast memory is: PROGRAM MEGABYTES THREADS serve; each line on standard input, `run copy|streamed|in-place COUNT`, is
// answered with the seconds that COUNT of them took. MEGABYTES is what each reads plus what it writes.
//   copy       a plain loop: the target is read into the caches before it is written
//   streamed   with stores past the caches
//   in-place   every number is read, and written where it was
#include "rival.h"

static void once(int kind, double *from, double *to, long n, double factor)
{
    typedef double Wide __attribute__((vector_size(WIDE), may_alias));
#pragma omp parallel
    {
        // A share of whole cache lines for each thread.
        long lines = n / 8, me = omp_get_thread_num(), all = omp_get_num_threads();
        long low = lines * me / all * 8, high = lines * (me + 1) / all * 8;
        const double *restrict f = from;
        double *restrict t = to;
        if (kind == 'c')
            for (long i = low; i < high; i++) t[i] = f[i] * factor;
        else if (kind == 's')
            for (long i = low; i < high; i += WIDE / 8) STREAM(t + i, *(const Wide *)(f + i));
        else
            for (long i = low; i < high; i++) from[i] *= factor;
#ifdef __x86_64__
        _mm_sfence();
#endif
    }
}

int main(int count, char **words)
{
    if (count < 3) return fprintf(stderr, "usage: %s MEGABYTES THREADS [serve]\n", words[0]), 2;
    omp_set_num_threads(atoi(words[2]));
    // Two arrays of half as many bytes each.
    long n = atol(words[1]) * (1 << 20) / 2 / 8;
    size_t bytes = (size_t)n * 8, huge = 2 << 20;
    bytes = (bytes + huge - 1) / huge * huge;
    double *from = aligned_alloc(huge, bytes), *to = aligned_alloc(huge, bytes);
    if (!from || !to) return perror("copies"), 1;
    madvise(from, bytes, MADV_HUGEPAGE), madvise(to, bytes, MADV_HUGEPAGE);
#pragma omp parallel for schedule(static)
    for (long i = 0; i < n; i++) from[i] = 1, to[i] = 0;
    volatile double one = 1; // lest the compiler calls memcpy, which goes past the caches where it likes
    double factor = one;
    if (count == 3) {
        for (const char **kind = (const char *[]){"copy", "streamed", "in-place", 0}; *kind; kind++) {
            double rates[9];
            once(**kind, from, to, n, factor);
            for (int i = 0; i < 9; i++) {
                double start = omp_get_wtime();
                for (int k = 0; k < 4; k++) once(**kind, from, to, n, factor);
                rates[i] = 4 * 16.0 * (double)n / (omp_get_wtime() - start);
            }
            qsort(rates, 9, sizeof *rates, by_size);
            printf("{\"rival\": \"%s\", \"threads\": %s, \"bytes_per_s\": %.4e}\n", *kind, words[2], rates[4]);
        }
        return 0;
    }
    char line[256], kind[64];
    long number;
    while (fgets(line, sizeof line, stdin) && sscanf(line, "%*s %63s %ld", kind, &number) == 2) {
        once(kind[0], from, to, n, factor);
        double start = omp_get_wtime();
        for (long k = 0; k < number; k++) once(kind[0], from, to, n, factor);
        printf("{\"seconds\": %.9g}\n", omp_get_wtime() - start);
        fflush(stdout);
    }
    return 0;
}
