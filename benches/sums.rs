//! The cost of exact sums, compared with plain sums over the same arrays: `cargo bench --bench sums`.
//!
//! The four contenders take turns, so that a disturbance affects all of them. The output is the ratio of medians.
use halocline::engine::sums::{ArgExtreme, ExactSum};
use std::hint::black_box;
use std::time::Instant;

/// A floating-point sum in 32 lanes, as a compiler vectorises a plain loop if it may reorder additions.
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

/// A contender: a function of one array or of a pair.
type Run<'a> = &'a mut dyn FnMut(&[f64], &[f64]);

fn main() {
    #[cfg(target_arch = "x86_64")]
    assert!(is_x86_feature_detected!("avx2"), "the plain sums are compiled for AVX2, which this CPU lacks");
    println!("nanoseconds per 1000 terms (of the plain sum or dot product beside it)");
    println!("{:>12} {:>8} {:>16} {:>8} {:>16} {:>16}", "array", "sum", "exact", "dot", "exact", "largest");
    for (name, n) in [
        ("512 B", 1 << 6),
        ("2 KiB", 1 << 8),
        ("16 KiB", 1 << 11),
        ("512 KiB", 1 << 16),
        ("8 MiB", 1 << 20),
        ("256 MiB", 1 << 25),
    ] {
        let mut state = 1_u64;
        let mut draw = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 11) as f64 / (1_u64 << 53) as f64 - 0.3
        };
        let (a, b): (Vec<f64>, Vec<f64>) = (0..n).map(|_| (draw(), draw())).unzip();
        let repeat = ((1 << 21) / n).max(1);
        let (mut exact, mut products, mut largest) = (ExactSum::new(), ExactSum::new(), ArgExtreme::largest());
        #[allow(unused_unsafe)]
        let mut runs: [Run; 5] = [
            // SAFETY: the assertion above has seen AVX2 on this CPU.
            &mut |a, _| _ = black_box(unsafe { plain_sum(a) }),
            &mut |a, _| exact.add_slice(a),
            // SAFETY: the same.
            &mut |a, b| _ = black_box(unsafe { plain_dot(a, b) }),
            &mut |a, b| products.add_products(a, b),
            &mut |a, _| largest.add_row(0, a),
        ];
        let mut times = [const { vec![] }; 5];
        for _ in 0..25 {
            for (run, times) in runs.iter_mut().zip(&mut times) {
                let start = Instant::now();
                for _ in 0..repeat {
                    run(black_box(&a), black_box(&b));
                }
                times.push(start.elapsed().as_secs_f64() * 1e12 / (repeat * n) as f64);
            }
        }
        black_box((exact.value(), products.value(), largest.get()));
        let [sum, exact_sum, dot, exact_dot, largest] = times.map(|mut t| {
            t.sort_by(f64::total_cmp);
            t[t.len() / 2]
        });
        let beside = |t: f64, plain: f64| format!("{t:.0} ({:.2})", t / plain);
        let (es, ed, l) = (beside(exact_sum, sum), beside(exact_dot, dot), beside(largest, sum));
        println!("{name:>12} {sum:>8.0} {es:>16} {dot:>8.0} {ed:>16} {l:>16}");
    }
}
