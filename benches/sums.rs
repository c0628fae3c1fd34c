//! The cost of exact sums beside that of plain ones over the same arrays: `cargo bench --bench sums`.
//!
//! A plain timing loop rather than a harness: the four take turns, so that a noisy minute hits all of them, and what is
//! reported is the ratio of medians.
use halocline::sums::{ExactSum, Extreme};
use std::hint::black_box;
use std::time::Instant;

/// Floating sum in 32 lanes: what a compiler makes of a plain loop when it may reorder.
#[inline(always)]
fn lanes(a: &[f64], b: &[f64], term: impl Fn(f64, f64) -> f64) -> f64 {
    let mut lanes = [0.0; 32];
    for (a, b) in a.as_chunks::<32>().0.iter().zip(b.as_chunks::<32>().0) {
        for i in 0..32 {
            lanes[i] += term(a[i], b[i]);
        }
    }
    lanes.iter().sum()
}

#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
fn plain_sum(a: &[f64]) -> f64 {
    lanes(a, a, |a, _| a)
}

#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
fn plain_dot(a: &[f64], b: &[f64]) -> f64 {
    lanes(a, b, |a, b| a * b)
}

fn main() {
    #[cfg(target_arch = "x86_64")]
    assert!(is_x86_feature_detected!("avx2"), "the plain sums are compiled for AVX2, which this CPU lacks");
    println!("nanoseconds per 1000 terms (of the plain sum or dot product beside it)");
    println!("{:>12} {:>8} {:>16} {:>8} {:>16} {:>16}", "array", "sum", "exact", "dot", "exact", "largest");
    for (name, n) in [("16 KiB", 1 << 11), ("512 KiB", 1 << 16), ("8 MiB", 1 << 20), ("256 MiB", 1 << 25)] {
        let mut state = 1_u64;
        let mut draw = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 11) as f64 / (1_u64 << 53) as f64 - 0.3
        };
        let (a, b): (Vec<f64>, Vec<f64>) = (0..n).map(|_| (draw(), draw())).unzip();
        // SAFETY: the assertion above has seen AVX2 on this CPU.
        #[allow(unused_unsafe)]
        let plain: [&dyn Fn(&[f64], &[f64]) -> f64; 2] =
            [&|a, _| unsafe { plain_sum(a) }, &|a, b| unsafe { plain_dot(a, b) }];
        let runs: [&dyn Fn(&[f64], &[f64]) -> f64; 5] = [
            plain[0],
            &|a, _| {
                let mut sum = ExactSum::new();
                sum.add_slice(a);
                sum.value()
            },
            plain[1],
            &|a, b| {
                let mut sum = ExactSum::new();
                sum.add_products(a, b);
                sum.value()
            },
            &|a, _| {
                let mut largest = Extreme::largest();
                largest.add_row(0, a);
                largest.get().map_or(0.0, |(value, _)| value)
            },
        ];
        let repeat = ((1 << 21) / n).max(1);
        let mut times = [const { vec![] }; 5];
        for _ in 0..25 {
            for (run, times) in runs.iter().zip(&mut times) {
                let start = Instant::now();
                for _ in 0..repeat {
                    black_box(run(black_box(&a), black_box(&b)));
                }
                times.push(start.elapsed().as_secs_f64() * 1e12 / (repeat * n) as f64);
            }
        }
        let [sum, exact_sum, dot, exact_dot, largest] = times.map(|mut t| {
            t.sort_by(f64::total_cmp);
            t[t.len() / 2]
        });
        let beside = |t: f64, plain: f64| format!("{t:.0} ({:.2})", t / plain);
        let (es, ed, l) = (beside(exact_sum, sum), beside(exact_dot, dot), beside(largest, sum));
        println!("{name:>12} {sum:>8.0} {es:>16} {dot:>8.0} {ed:>16} {l:>16}");
    }
}
