//! The speed of the state hash in GB/s on one core, compared with a plain sum of the same words: `cargo bench --bench state`.
use halocline::engine::state_hash::FieldHash;
use halocline_kernels::ElementType;
use std::hint::black_box;
use std::time::Instant;

fn median_gb_per_s(bytes: usize, mut run: impl FnMut()) -> f64 {
    let repeat = ((1 << 25) / bytes).max(1);
    let mut times: Vec<f64> = (0..15)
        .map(|_| {
            let start = Instant::now();
            (0..repeat).for_each(|_| run());
            start.elapsed().as_secs_f64() / repeat as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    bytes as f64 / 1e9 / times[times.len() / 2]
}

fn main() {
    println!("{:>12} {:>8} {:>8} {:>8} {:>12}", "row", "f32", "f64", "c64", "plain sum");
    for (name, bytes) in [("512 B", 1 << 9), ("4 KiB", 1 << 12), ("1 MiB", 1 << 20), ("256 MiB", 1 << 28)] {
        let row: Vec<u8> = (0..bytes).map(|i: usize| ((i * i) >> 7) as u8).collect();
        let of = |element| {
            let mut field = FieldHash::new(element);
            let speed = median_gb_per_s(bytes, || field.add_row(7, black_box(&row)));
            black_box(field);
            speed
        };
        let (f32, f64, c64) = (of(ElementType::F32), of(ElementType::F64), of(ElementType::C64));
        let sum = median_gb_per_s(bytes, || {
            let words = black_box(&row).as_chunks().0.iter();
            black_box(words.map(|w| u64::from_ne_bytes(*w)).fold(0, u64::wrapping_add));
        });
        println!("{name:>12} {f32:>8.1} {f64:>8.1} {c64:>8.1} {sum:>12.1}");
    }
}
