use halocline::prelude::*;
use halocline::comm::{Launch,ranks};
use halocline_kernels::diffusion::Ftcs;
use std::time::Instant;
fn heat<R: Real>(comm: Comm, n: usize, k: usize, rows: usize) -> Simulation {
    let mut m = Model::new(comm, Grid::new([n, n, n]).periodic([true; 3]));
    m.fuse(k); if rows>0 { m.tile_rows(rows); }
    let h = m.grid().spacing();
    let dt = m.fixed_step(0.9 * Ftcs::<R>::stable_step(1.0, h));
    let t = m.field::<R>("t").initial(|at| at.x*at.y+at.z).build().unwrap();
    m.every_step(|s| { s.apply(Ftcs::<R>::new(1.0, dt, h), [t], [t]); });
    m.compile().unwrap()
}
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let n: usize = a[1].parse().unwrap(); let threads: usize = a[2].parse().unwrap(); let rounds: usize = a[3].parse().unwrap();
    let configs: Vec<(usize, usize)> = a[5..].iter().map(|s| { let (k, r) = s.split_once(':').unwrap(); (k.parse().unwrap(), r.parse().unwrap()) }).collect();
    let f32s = a[4] == "f32";
    ranks(1, threads, |comm| {
        let mut sims: Vec<Simulation> = configs.iter().map(|&(k, r)| if f32s { heat::<f32>(comm.clone(), n, k, r) } else { heat::<f64>(comm.clone(), n, k, r) }).collect();
        let mut times = vec![vec![]; configs.len()];
        for round in 0..=rounds { for (i, s) in sims.iter_mut().enumerate() {
            let t = Instant::now(); s.advance(16).unwrap(); let t = t.elapsed().as_secs_f64() / 16.0;
            if round > 0 { times[i].push(t) }
        } }
        for (c, t) in configs.iter().zip(&mut times) { t.sort_by(f64::total_cmp); let g = |t: f64| (n as f64).powi(3) / t / 1e9; println!("k{} rows{}: median {:.3} best {:.3} Gcell/s", c.0, c.1, g(t[t.len()/2]), g(t[0])); }
    }).unwrap();
    let _ = Launch { ranks: None, threads: None };
}
