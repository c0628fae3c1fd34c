//! The speed of whole time steps, compared with copies of as many bytes and, if `gcc` is installed, with a plain C loop:
//! `cargo bench --bench steps -- [heat64] [heat32] [gray-scott] [wave8] [n=128,256,512] [threads=1,2] [rounds=9] [alone]`.
//!
//! The contenders take turns in every round, so that a disturbance affects all of them. The output is the median and,
//! because noise only slows down, the minimum. A step must read every input field and write every output field at least once;
//! the copies read half as many bytes and write the other half.
use halocline::comm::{Threads, ranks};
use halocline::prelude::*;
use halocline_kernels::diffusion::Ftcs;
use halocline_kernels::gray_scott::{GrayScott, Rates};
use halocline_kernels::wave::Leapfrog;
use std::time::Instant;

/// The part of a copy that one thread does.
const PIECE: usize = 1 << 15;
/// The minimum duration of a measurement in seconds.
const LEAST: f64 = 0.03;

/// The memory of the copies, in words of 8 bytes.
struct Stream {
    from: Vec<u64>,
    to: Vec<u64>,
}

/// Asks for huge pages, as the framework does for its own arrays.
fn filled<T: Copy>(n: usize, value: T) -> Vec<T> {
    let mut all = Vec::with_capacity(n);
    #[cfg(target_os = "linux")]
    // SAFETY: advice about memory of our own; aligned down to a page, which is mapped as it holds the first number.
    unsafe {
        let start = (all.as_mut_ptr() as usize) & !4095;
        libc::madvise(start as *mut _, n * size_of::<T>(), libc::MADV_HUGEPAGE);
    }
    all.resize(n, value);
    all
}

impl Stream {
    fn new(bytes: usize) -> Stream {
        let words = (bytes / 8).next_multiple_of(PIECE / 8);
        Stream { from: filled(words, 1), to: filled(words, 0) }
    }

    fn copy(&mut self, threads: &Threads, past_the_caches: bool) {
        let (from, to) = (&self.from, self.to.as_mut_ptr() as usize);
        threads.for_each(from.len() / (PIECE / 8), |i| {
            let from = &from[i * PIECE / 8..][..PIECE / 8];
            // SAFETY: every piece is written by one thread.
            let to = unsafe { std::slice::from_raw_parts_mut((to as *mut u64).add(i * PIECE / 8), PIECE / 8) };
            if past_the_caches { stream(from, to) } else { to.copy_from_slice(from) }
        });
    }
}

/// Copies with non-temporal stores.
#[cfg(target_arch = "x86_64")]
fn stream(from: &[u64], to: &mut [u64]) {
    use std::arch::x86_64::{__m128i, _mm_loadu_si128, _mm_sfence, _mm_stream_si128};
    let start = to.as_ptr().align_offset(64) & 7;
    to[..start].copy_from_slice(&from[..start]);
    for (from, to) in from[start..].chunks(2).zip(to[start..].chunks_mut(2)) {
        if from.len() < 2 {
            to.copy_from_slice(from);
            continue;
        }
        // SAFETY: 16 bytes on both sides, the target aligned. Baseline SSE2.
        unsafe { _mm_stream_si128(to.as_mut_ptr() as *mut __m128i, _mm_loadu_si128(from.as_ptr() as *const __m128i)) }
    }
    // SAFETY: orders the stores above.
    unsafe { _mm_sfence() }
}
#[cfg(not(target_arch = "x86_64"))]
fn stream(from: &[u64], to: &mut [u64]) {
    to.copy_from_slice(from);
}

/// A C function `(a, b, n, steps, threads, alpha)`, compiled for this machine.
type HeatInC<T> = unsafe extern "C" fn(*mut T, *mut T, i64, i64, i32, f64);

/// Finds a function of `rivals/heat.c`, compiled on the spot.
fn in_c<T>(name: &std::ffi::CStr) -> Option<HeatInC<T>> {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/rivals/heat.c");
    let library = std::env::temp_dir().join(format!("heat-{}.so", std::process::id()));
    let flags = ["-O3", "-march=native", "-fopenmp", "-ffp-contract=off", "-shared", "-fPIC", source, "-o"];
    let made = std::process::Command::new("gcc").args(flags).arg(&library).status().is_ok_and(|s| s.success());
    let path = std::ffi::CString::new(library.to_str()?).ok()?;
    // SAFETY: the library is ours and has no initialisers but OpenMP's; it is never closed. The type is the source's.
    let found = made.then(|| unsafe {
        let handle = libc::dlopen(path.as_ptr(), libc::RTLD_NOW);
        (!handle.is_null()).then(|| libc::dlsym(handle, name.as_ptr()))
    });
    std::fs::remove_file(library).ok();
    let symbol = found.flatten().filter(|s| !s.is_null())?;
    // SAFETY: as above.
    Some(unsafe { std::mem::transmute_copy::<*mut libc::c_void, HeatInC<T>>(&symbol) })
}

/// A contender: its name, and a function that does a number of steps or copies.
struct Contender<'a> {
    name: &'static str,
    run: Box<dyn FnMut(u64) + 'a>,
}

/// Times the contenders in turns and prints a line for each: median and minimum time of a step, relative to the first one.
fn compete(title: &str, cells: f64, bytes: f64, rounds: usize, mut all: Vec<Contender<'_>>, alone: bool) {
    all.truncate(if alone { 1 } else { all.len() });
    let steps: Vec<u64> = all
        .iter_mut()
        .map(|c| {
            (c.run)(2); // caches, pages and exchanges are warm after it
            let start = Instant::now();
            (c.run)(2);
            // An even number, so that two arrays that are swapped each step are used equally often.
            2 * (LEAST / start.elapsed().as_secs_f64()).ceil().max(1.0) as u64
        })
        .collect();
    let mut times = vec![vec![]; all.len()];
    for _ in 0..rounds {
        for ((c, steps), times) in all.iter_mut().zip(&steps).zip(&mut times) {
            let start = Instant::now();
            (c.run)(*steps);
            times.push(start.elapsed().as_secs_f64() / *steps as f64);
        }
    }
    let ours: Vec<f64> = times[0].clone();
    let sorted = |mut t: Vec<f64>| {
        t.sort_by(f64::total_cmp);
        t
    };
    for (c, times) in all.iter().zip(times) {
        // The ratio is taken within a round, so that a slow round affects both times.
        let ratios = sorted(times.iter().zip(&ours).map(|(theirs, ours)| theirs / ours).collect());
        let times = sorted(times);
        let (median, best) = (times[rounds / 2], times[0]);
        println!(
            "{title:<26} {:<12} {:>9.1} {:>9.1} {:>8.3} {:>8.3} {:>8.1} {:>8.2} {:>8.2}",
            c.name,
            median * 1e6,
            best * 1e6,
            cells / median * 1e-9,
            cells / best * 1e-9,
            bytes / median * 1e-9,
            ratios[rounds / 2],
            times[0] / sorted(ours.clone())[0],
        );
    }
}

/// The options of the command line.
struct Ask {
    cases: Vec<String>,
    sizes: Vec<usize>,
    threads: Vec<usize>,
    rounds: usize,
    /// True to run without contenders, for a profiler.
    alone: bool,
}

impl Ask {
    fn read() -> Ask {
        let list = |v: &str| v.split(',').map(|n| n.parse().expect("a list of numbers")).collect();
        let mut ask = Ask { cases: vec![], sizes: vec![128, 256, 512], threads: vec![1, 2], rounds: 9, alone: false };
        for word in std::env::args().skip(1).filter(|w| !w.starts_with("--")) {
            match word.split_once('=') {
                Some(("n", v)) => ask.sizes = list(v),
                Some(("threads", v)) => ask.threads = list(v),
                Some(("rounds", v)) => ask.rounds = v.parse().expect("a number of rounds"),
                None if word == "alone" => ask.alone = true,
                _ => ask.cases.push(word),
            }
        }
        ask
    }

    fn wants(&self, case: &str) -> bool {
        self.cases.is_empty() || self.cases.iter().any(|c| c == case)
    }
}

fn simulation(comm: &Comm, n: usize, design: impl FnOnce(&mut Model) -> Result<()>) -> Simulation {
    let mut model = Model::new(comm.clone(), Grid::new([n; 3]).periodic([true; 3]));
    design(&mut model).and_then(|()| model.compile()).expect("a model that compiles")
}

/// Returns the copies of `bytes` bytes, as many as a step of the simulation reads and writes.
fn beside<'a>(comm: &'a Comm, run: &'a mut Simulation, stream: &'a mut Stream) -> Vec<Contender<'a>> {
    let stream = std::rc::Rc::new(std::cell::RefCell::new(stream));
    let copies = |past: bool| {
        let stream = stream.clone();
        move |steps| (0..steps).for_each(|_| stream.borrow_mut().copy(comm.threads(), past))
    };
    vec![
        Contender { name: "halocline", run: Box::new(move |steps| run.advance(steps).expect("a step")) },
        Contender { name: "copy", run: Box::new(copies(false)) },
        Contender { name: "copy, nt", run: Box::new(copies(true)) },
    ]
}

fn heat<R: Real>(comm: &Comm, n: usize, ask: &Ask, in_c: Option<HeatInC<R>>) {
    let mut run = simulation(comm, n, |model| {
        let t = model.field::<R>("t").initial(|at| at.bell(0.1)).build()?;
        model.every_step(|s| {
            s.apply(Ftcs::<R>::new(0.1, 1.0, [1.0; 3]), [t], [t]);
        });
        Ok(())
    });
    let (cells, bytes) = (n.pow(3), 2 * n.pow(3) * size_of::<R>());
    let mut stream = Stream::new(bytes / 2);
    let mut all = beside(comm, &mut run, &mut stream);
    if let Some(heat) = in_c {
        let [mut a, mut b] = [1.0, 0.0].map(|v| filled((n + 2).pow(3), R::of(v)));
        let threads = comm.threads().count() as i32;
        // SAFETY: both arrays have a layer of halo.
        let run = move |steps| unsafe { heat(a.as_mut_ptr(), b.as_mut_ptr(), n as i64, steps as i64, threads, 0.1) };
        all.push(Contender { name: "C, OpenMP", run: Box::new(run) });
    }
    let name = R::TYPE.name();
    compete(
        &format!("heat {name} {n}³ × {}", comm.threads().count()),
        cells as f64,
        bytes as f64,
        ask.rounds,
        all,
        ask.alone,
    );
}

fn gray_scott(comm: &Comm, n: usize, ask: &Ask) {
    let mut run = simulation(comm, n, |model| {
        let u = model.field::<f64>("u").initial(|at| 1.0 - at.bell(0.1)).build()?;
        let v = model.field::<f64>("v").initial(|at| 0.5 * at.bell(0.1)).build()?;
        let rates = Rates { diffusion_u: 0.2, diffusion_v: 0.1, feed: 0.04, kill: 0.06 };
        model.every_step(|s| {
            s.apply(GrayScott::new(rates, 0.5, [1.0; 3]), [u, v], [u, v]);
        });
        Ok(())
    });
    let (cells, bytes) = (n.pow(3), 4 * n.pow(3) * 8);
    let mut stream = Stream::new(bytes / 2);
    let all = beside(comm, &mut run, &mut stream);
    compete(
        &format!("Gray–Scott f64 {n}³ × {}", comm.threads().count()),
        cells as f64,
        bytes as f64,
        ask.rounds,
        all,
        ask.alone,
    );
}

fn wave(comm: &Comm, n: usize, ask: &Ask) {
    let mut run = simulation(comm, n, |model| {
        let p = model.field::<f32>("p").initial(|at| at.bell(0.1)).build()?;
        let q = model.field::<f32>("q").build()?;
        let c = model.field::<f32>("c").initial(|_| 1.0).build()?;
        model.every_step(|s| {
            s.apply(Leapfrog::<f32, 4>::new(0.2, [1.0; 3]), [p, q, c], [p, q]);
        });
        Ok(())
    });
    let (cells, bytes) = (n.pow(3), 5 * n.pow(3) * 4);
    let mut stream = Stream::new(bytes / 2);
    let all = beside(comm, &mut run, &mut stream);
    compete(
        &format!("wave order 8 f32 {n}³ × {}", comm.threads().count()),
        cells as f64,
        bytes as f64,
        ask.rounds,
        all,
        ask.alone,
    );
}

fn main() {
    let ask = Ask::read();
    // SAFETY: no other thread runs yet. OpenMP's threads would spin after their work, in the time of the others.
    unsafe { std::env::set_var("OMP_WAIT_POLICY", "passive") };
    println!(
        "medians of {} rounds that take turns, and the best; ratio: that contender's time over halocline's",
        ask.rounds
    );
    let heads = ["µs", "best", "Gcell/s", "best", "GB/s", "ratio", "of bests"];
    let [a, b, c, d, e, f, g] = heads;
    println!("{:<26} {:<12} {a:>9} {b:>9} {c:>8} {d:>8} {e:>8} {f:>8} {g:>8}", "case, grid × threads", "");
    for &n in &ask.sizes {
        for &threads in &ask.threads {
            let one = |comm: Comm| {
                if ask.wants("heat64") {
                    heat::<f64>(&comm, n, &ask, in_c(c"heat_f64"));
                }
                if ask.wants("heat32") {
                    heat::<f32>(&comm, n, &ask, in_c(c"heat_f32"));
                }
                if ask.wants("gray-scott") {
                    gray_scott(&comm, n, &ask);
                }
                if ask.wants("wave8") {
                    wave(&comm, n, &ask);
                }
            };
            ranks(1, threads, one).expect("the rank ends well");
        }
    }
}
