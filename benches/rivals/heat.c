// The step of `kernels/src/diffusion.rs` (Ftcs) as one writes it by hand, periodic: heat64, heat32 with seven points,
// heat2d with five. Variants: plain; in blocks of rows; with stores past the caches; with both.
// With -shared it is a library of heat_f64 and heat_f32.
#define VARIANTS "plain", "blocked", "streamed", "blocked-streamed"
#include "rival.h"

#define REAL double
#define NAME(X) X##_f64
#include "heat_rows.h"
#undef REAL
#undef NAME
#define REAL float
#define NAME(X) X##_f32
#include "heat_rows.h"

static int single;

static double first(long z, long y, long x)
{
    return 1 + bump(z, y, x);
}

static void set_up(const char *which)
{
    single = strstr(which, "32") != 0;
    if (single)
        a_f32 = array(4), b_f32 = array(4), alpha_f32 = 0.1f;
    else
        a_f64 = array(8), b_f64 = array(8), alpha_f64 = 0.1;
}
static void reset(void)
{
    if (single)
        fill(a_f32, 4, first), fill(b_f32, 4, first);
    else
        fill(a_f64, 8, first), fill(b_f64, 8, first);
}
static void steps(const char *variant, long count)
{
    int blocked = strstr(variant, "blocked") != 0, streamed = strstr(variant, "streamed") != 0;
    if (single)
        steps_f32(blocked, streamed, count);
    else
        steps_f64(blocked, streamed, count);
}
static double total(int inner)
{
    return single ? weighted(a_f32, 4, inner) : weighted(a_f64, 8, inner);
}
