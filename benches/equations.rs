//! The speed of equations, compared with hand-written kernels that compute the same:
//! `cargo bench --bench equations -- [heat2] [heat4] [gray-scott] [wave8] [sponge8] [minus-laplacian] [descend] [n=192]
//! [threads=1] [rows=64] [pairs=7] [least=0.3] [f32] [cpu] [control]`.
//!
//! Each case is measured one step at a time (`fuse = 1`) and with four steps fused. The two contenders take turns, and the order
//! is swapped from pair to pair, so that a disturbance affects both. Tiles have a fixed number of rows, because the engine's choice
//! by measurement could differ between them. Values are random and of order 1: fronts that move into zeros have subnormal numbers,
//! which take longer. For each pair, the ratio is the kernel's time divided by the equation's; the median over all pairs is printed.
//! Above 1, the equation is faster. With `cpu`, CPU time is measured instead of wall time, because other processes on a busy machine
//! change it less. With `control`, the kernel is measured against itself.
use halocline::comm::ranks;
use halocline::model::Profile;
use halocline::prelude::*;
use halocline_kernels::diffusion::{Ftcs, Ftcs4};
use halocline_kernels::gray_scott::{GrayScott, Rates};
use halocline_kernels::linear::{Descend, NegativeLaplacian};
use halocline_kernels::wave::{AbsorbingLeapfrog, Leapfrog, taper};
use std::time::Instant;

/// The cases. Each is a function below of the same name.
const CASES: [&str; 7] = ["heat2", "heat4", "gray-scott", "wave8", "sponge8", "minus-laplacian", "descend"];
/// The spacing along z, y, x.
const H: [f64; 3] = [1.0; 3];
/// The time step.
const DT: f64 = 0.1;

/// Declares a case, by the equation or by the kernel.
fn declare<R: Real>(case: &str, equation: bool, model: &mut Model) -> Result<()> {
    model.fixed_step(DT);
    match case {
        "heat2" | "heat4" => heat::<R>(case == "heat2", equation, model),
        "gray-scott" => gray_scott::<R>(equation, model),
        "wave8" => wave8::<R>(equation, model),
        "sponge8" => sponge8::<R>(equation, model),
        "minus-laplacian" => minus_laplacian::<R>(equation, model),
        _ => descend::<R>(equation, model),
    }
}

fn heat<R: Real>(second: bool, equation: bool, model: &mut Model) -> Result<()> {
    let t = field!(model, t: R).initial(|at| 0.5 + at.uniform(1)).at(Center)?;
    model.every_step(|s| {
        _ = match (equation, second) {
            (true, true) => s.set(t, t + DT * laplacian(t)),
            (true, false) => s.set(t, t + DT * laplacian_of_order::<4, _>(t)),
            (false, true) => s.apply(Ftcs::<R>::new(1.0, DT, H), [t], [t]),
            (false, false) => s.apply(Ftcs4::<R>::new(1.0, DT, H), [t], [t]),
        }
    });
    Ok(())
}

fn gray_scott<R: Real>(equation: bool, model: &mut Model) -> Result<()> {
    let u = field!(model, u: R).initial(|at| 0.5 + 0.1 * at.uniform(1)).at(Center)?;
    let v = field!(model, v: R).initial(|at| 0.25 + 0.1 * at.uniform(2)).at(Center)?;
    let rates = Rates { diffusion_u: 0.2, diffusion_v: 0.1, feed: 0.04, kill: 0.06 };
    let Rates { diffusion_u, diffusion_v, feed, kill } = rates;
    model.every_step(|s| {
        if equation {
            let rate = u * (v * v);
            let new_u = u + (DT * diffusion_u * laplacian(u) + DT * (-rate + feed * (1.0 - u)));
            let new_v = v + (DT * diffusion_v * laplacian(v) + DT * (rate - (feed + kill) * v));
            s.set((u, v), (new_u, new_v));
        } else {
            s.apply(GrayScott::<R>::new(rates, DT, H), (u, v), [u.plain(), v.plain()]);
        }
    });
    Ok(())
}

fn wave8<R: Real>(equation: bool, model: &mut Model) -> Result<()> {
    let p = field!(model, p: R).initial(|at| 0.5 + at.uniform(1)).at(Center)?;
    let q = field!(model, q: R).at(Center)?;
    let c = field!(model, c: R).initial(|_| 1.0).at(Center)?;
    let dt = model.dt();
    model.every_step(|s| {
        if equation {
            let rate = q + dt * (c * c) * laplacian_of_order::<8, _>(p);
            s.set((p, q), (p + dt * rate, rate));
        } else {
            s.apply(Leapfrog::<R, 4>::new(DT, H), (p, q, c), [p.plain(), q.plain()]);
        }
    });
    Ok(())
}

fn sponge8<R: Real>(equation: bool, model: &mut Model) -> Result<()> {
    let p = field!(model, p: R).initial(|at| 0.5 + at.uniform(1)).at(Center)?;
    let q = field!(model, q: R).at(Center)?;
    let c = field!(model, c: R).initial(|_| 1.0).at(Center)?;
    let (dt, sponge) = (model.dt(), |x: f64| taper(x, 20.0, 0.1));
    let (gz, gy, gx): (Profile<0>, Profile<1>, Profile<2>) =
        (model.profile(sponge), model.profile(sponge), model.profile(sponge));
    model.every_step(|s| {
        if equation {
            let g = gz * gy * gx;
            let rate = g * (q + dt * (c * c) * laplacian_of_order::<8, _>(p));
            s.set((p, q), (g * p + dt * rate, rate));
        } else {
            s.apply(AbsorbingLeapfrog::<R, 4>::new(DT, H), (p, q, c, gz, gy, gx), [p.plain(), q.plain()]);
        }
    });
    Ok(())
}

fn minus_laplacian<R: Real>(equation: bool, model: &mut Model) -> Result<()> {
    let d = field!(model, d: R).initial(|at| 0.5 + at.uniform(1)).at(Center)?;
    let image = field!(model, image: R).at(Center)?;
    model.every_step(|s| {
        if equation {
            s.set(image, -laplacian(d));
        } else {
            s.apply(NegativeLaplacian::<R>::new(H), [d], [image]);
        }
    });
    Ok(())
}

fn descend<R: Real>(equation: bool, model: &mut Model) -> Result<()> {
    let (x, r) = (field!(model, x: R).at(Center)?, field!(model, r: R).initial(|_| 1.0).at(Center)?);
    let d = field!(model, d: R).initial(|at| 0.5 + at.uniform(1)).at(Center)?;
    let image = field!(model, image: R).initial(|at| 0.1 * at.uniform(2)).at(Center)?;
    let alpha = model.scalar("alpha", 1e-6);
    model.every_step(|s| {
        if equation {
            s.set((x, r), (x + alpha * d, r - alpha * image));
        } else {
            s.apply(Descend, (x, r, alpha, d, image), [x.plain(), r.plain()]);
        }
    });
    Ok(())
}

/// The options of the command line.
struct Ask {
    cases: Vec<String>,
    n: usize,
    threads: usize,
    /// Rows of a tile.
    rows: usize,
    pairs: usize,
    /// The least duration of a measurement in seconds.
    least: f64,
    f32: bool,
    cpu: bool,
    /// True to measure the kernel against itself, which shows what the places of arrays in memory do.
    control: bool,
}

impl Ask {
    fn read() -> Ask {
        let mut ask = Ask {
            cases: vec![],
            n: 192,
            threads: 1,
            rows: 64,
            pairs: 7,
            least: 0.3,
            f32: false,
            cpu: false,
            control: false,
        };
        for word in std::env::args().skip(1).filter(|w| !w.starts_with("--")) {
            let number = |v: &str| v.parse().expect("a number");
            match word.split_once('=') {
                Some(("n", v)) => ask.n = number(v),
                Some(("threads", v)) => ask.threads = number(v),
                Some(("rows", v)) => ask.rows = number(v),
                Some(("pairs", v)) => ask.pairs = number(v),
                Some(("least", v)) => ask.least = v.parse().expect("seconds"),
                None if word == "f32" => ask.f32 = true,
                None if word == "control" => ask.control = true,
                None if word == "cpu" => ask.cpu = true,
                None if CASES.contains(&&*word) => ask.cases.push(word),
                _ => panic!("`{word}` is no option; cases are {CASES:?}"),
            }
        }
        ask
    }
}

fn simulation(comm: &Comm, ask: &Ask, case: &str, equation: bool, fuse: usize) -> Simulation {
    let mut model = Model::new(comm.clone(), Grid::new([ask.n; 3]).length([ask.n as f64; 3]).periodic([true; 3]));
    model.fuse(fuse);
    model.tile_rows(ask.rows);
    let declared =
        if ask.f32 { declare::<f32>(case, equation, &mut model) } else { declare::<f64>(case, equation, &mut model) };
    declared.and_then(|()| model.compile()).expect("a model that compiles")
}

/// Seconds of this process on its processors.
fn cpu_seconds() -> f64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes the time to `now`, and to nothing else.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut now) };
    now.tv_sec as f64 + 1e-9 * now.tv_nsec as f64
}

/// Seconds per step.
fn time(run: &mut Simulation, steps: u64, cpu: bool) -> f64 {
    let (start, before) = (Instant::now(), cpu_seconds());
    run.advance(steps).expect("a step");
    let seconds = if cpu { cpu_seconds() - before } else { start.elapsed().as_secs_f64() };
    seconds / steps as f64
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

/// Measures a case and returns the median of the ratios.
fn compare(comm: &Comm, ask: &Ask, case: &str, fuse: usize) -> f64 {
    let mut both = [false, !ask.control].map(|equation| simulation(comm, ask, case, equation, fuse));
    // An even number of blocks, so that two arrays that are swapped each step are used equally often.
    let block = 2 * fuse as u64;
    let warm = both.each_mut().map(|run| [time(run, block, false), time(run, block, false)][1]);
    let steps = block * (ask.least / (warm[0] * block as f64)).ceil().max(1.0) as u64;
    let (mut times, mut ratios) = ([vec![], vec![]], vec![]);
    for pair in 0..ask.pairs {
        let mut of_pair = [0.0; 2];
        for i in [pair % 2, 1 - pair % 2] {
            of_pair[i] = time(&mut both[i], steps, ask.cpu);
            times[i].push(of_pair[i]);
        }
        ratios.push(of_pair[0] / of_pair[1]);
    }
    let cells = (ask.n as f64 * ask.n as f64 * ask.n as f64) * 1e-9;
    let best = times.each_ref().map(|t| t.iter().copied().fold(f64::MAX, f64::min));
    let [kernel, equation] = times.map(|t| cells / median(t));
    let ratio = median(ratios);
    println!(
        "| {case} | {} | {kernel:.3} | {equation:.3} | {ratio:.3} | {:.3} |",
        if fuse == 1 { "one step" } else { "fused" },
        best[0] / best[1]
    );
    ratio
}

fn main() {
    let ask = Ask::read();
    let element = if ask.f32 { "f32" } else { "f64" };
    println!(
        "{}³, {element}, one rank, {} threads, {} pairs, {}",
        ask.n,
        ask.threads,
        ask.pairs,
        ["time", "time of processors"][usize::from(ask.cpu)]
    );
    println!("| case | steps | kernel, 10⁹ cells/s | equation | kernel time / equation time | of the best times |");
    println!("|---|---|---|---|---|---|");
    let all = |comm: Comm| {
        let wanted = CASES.iter().filter(|c| ask.cases.is_empty() || ask.cases.iter().any(|case| case == *c));
        let ratios: Vec<f64> = wanted.flat_map(|case| [1, 4].map(|fuse| compare(&comm, &ask, case, fuse))).collect();
        println!("mean of the ratios: {:.3}", ratios.iter().sum::<f64>() / ratios.len() as f64);
    };
    ranks(1, ask.threads, all).expect("the rank ends well");
}
