//! The halo exchange alone, beside the bare messages of as many bytes between the same ranks, and a copy of those bytes:
//! `cargo bench --bench halo -- [ranks=2] [n=32,128,256] [rounds=15]` on in-process ranks; under a launcher (`mpirun -n 2
//! target/release/deps/halo-…`) the ranks are MPI's, and plain `MPI_Isend` and `MPI_Irecv` compete, too.
//!
//! n³ doubles a rank, periodic, a star of radius 1: on the process grid that the framework chooses, without x (rows wrap
//! around by themselves as kernels write them) and with it, and cut along x, whose faces are the dearest. A plain timing loop: contenders take turns; medians and bests of rounds.
use halocline::comm::Launch;
use halocline::domain::Domain;
use halocline::exchange::{Exchange, Move};
use halocline::field::Array;
use halocline::prelude::*;
use halocline::traffic;
use halocline_kernels::ElementType;
use std::time::Instant;

/// One that is timed: a name and the work of one exchange.
type Contender<'a> = (&'static str, Box<dyn FnMut() + 'a>);

fn moves(grid: &Grid, domain: &Domain, reach: &Reach, rank: usize) -> Vec<Move> {
    let copies = traffic::halo(grid, domain, rank, reach);
    copies.into_iter().map(|copy| Move { copy, from: 0, to: 0, negate: false, element: ElementType::F64 }).collect()
}

/// Bytes to and from each other rank: `(peer, sent, received)`.
fn peers(grid: &Grid, domain: &Domain, reach: &Reach, comm: &Comm) -> Vec<(usize, usize, usize)> {
    let bytes = |at: usize, from: usize| -> usize {
        moves(grid, domain, reach, at).iter().filter(|m| m.copy.from.0 == from).map(|m| 8 * m.copy.target.cells()).sum()
    };
    let me = comm.rank();
    let all = (0..comm.size()).filter(|&r| r != me).map(|r| (r, bytes(r, me), bytes(me, r)));
    all.filter(|&(_, sent, received)| sent + received > 0).collect()
}

/// Messages without a framework.
#[cfg(feature = "mpi")]
fn bare_mpi<'a>(comm: &Comm, peers: &[(usize, usize, usize)]) -> Option<Contender<'a>> {
    use mpi::ffi::*;
    let raw = comm.raw()?;
    type Buffers = (i32, Vec<u8>, Vec<u8>);
    let mut buffers: Vec<Buffers> = peers.iter().map(|&(r, s, g)| (r as i32, vec![1; s], vec![0; g])).collect();
    let work = move || {
        let mut requests = Vec::with_capacity(2 * buffers.len());
        // SAFETY: the buffers live, and nobody looks at them, until all requests are done.
        unsafe {
            for (peer, sent, received) in &mut buffers {
                for receives in [true, false] {
                    let mut request = std::mem::zeroed();
                    if receives {
                        let (at, n) = (received.as_mut_ptr().cast(), received.len() as i32);
                        MPI_Irecv(at, n, RSMPI_UINT8_T, *peer, 77, raw, &mut request);
                    } else {
                        let (at, n) = (sent.as_ptr().cast(), sent.len() as i32);
                        MPI_Isend(at, n, RSMPI_UINT8_T, *peer, 77, raw, &mut request);
                    }
                    requests.push(request);
                }
            }
            MPI_Waitall(requests.len() as i32, requests.as_mut_ptr(), RSMPI_STATUSES_IGNORE);
        }
    };
    Some(("MPI_Isend, MPI_Irecv", Box::new(work)))
}
#[cfg(not(feature = "mpi"))]
fn bare_mpi<'a>(_: &Comm, _: &[(usize, usize, usize)]) -> Option<Contender<'a>> {
    None
}

fn compete(comm: &Comm, n: usize, dims: Option<[usize; 3]>, reach: &Reach, rounds: usize) -> Result<()> {
    let across = dims.map_or(0, |d| (0..3).find(|&a| d[a] > 1).unwrap_or(0));
    let mut cells = [n; 3];
    cells[across] *= comm.size();
    let grid = Grid::new(cells).periodic([true; 3]);
    let domain = Domain::new(&grid, comm.size(), dims, [1; 3])?;
    let array = |p: &halocline::domain::Patch| Array::new(ElementType::F64, p.region, [1; 3], [1; 3], [false; 3]);
    let mut arrays = vec![domain.patches(comm.rank()).iter().map(array).collect::<Vec<_>>()];
    for array in &mut arrays[0] {
        let owned = array.owned();
        array.view_mut::<f64>(&owned).fill(1.0);
    }
    let mut exchange = Exchange::new(comm, 1, |rank| moves(&grid, &domain, reach, rank));
    let peers = peers(&grid, &domain, reach, comm);
    let (messages, bytes) = exchange.traffic();
    let all: usize = moves(&grid, &domain, reach, comm.rank()).iter().map(|m| 8 * m.copy.target.cells()).sum();
    let (from, mut to) = (vec![1_u8; all], vec![0_u8; all]);
    let sends: Vec<_> = peers.iter().filter(|p| p.1 > 0).map(|p| (p.0, p.1)).collect();
    let receives: Vec<_> = peers.iter().filter(|p| p.2 > 0).map(|p| (p.0, p.2)).collect();
    let mut link = (comm.size() > 1).then(|| comm.link(2, &sends, &receives));

    let mut contenders: Vec<Contender> = vec![(
        "exchange",
        Box::new(|| {
            exchange.start(comm, &arrays, &arrays);
            exchange.finish(comm, &arrays);
        }),
    )];
    if let Some(link) = &mut link {
        contenders.push((
            "messages",
            Box::new(|| {
                link.start();
                link.finish();
            }),
        ));
    }
    contenders.extend(bare_mpi(comm, &peers));
    contenders.push(("copy", Box::new(|| to.copy_from_slice(std::hint::black_box(&from)))));

    let mut times = vec![vec![]; contenders.len()];
    // The same on every rank, though clocks differ.
    let repeat = (1 << 22) / (n * n * 8) + 4;
    for round in 0..=rounds {
        for ((_, work), times) in contenders.iter_mut().zip(&mut times) {
            comm.barrier();
            let start = Instant::now();
            (0..repeat).for_each(|_| work());
            if round > 0 {
                times.push(start.elapsed().as_secs_f64() / repeat as f64);
            }
        }
    }
    if !comm.is_root() {
        return Ok(());
    }
    let case = format!("{n}³ a rank, {} ranks × {}, grid {:?}", comm.size(), comm.threads().count(), domain.dims);
    let what = if reach.below[2] > 0 { "all faces" } else { "faces across z and y" };
    println!(
        "{case}, {what}: {messages} messages, {:.1} kB sent, {:.1} kB of halo",
        bytes as f64 / 1e3,
        all as f64 / 1e3
    );
    let sorted = |times: &[f64]| {
        let mut times = times.to_vec();
        times.sort_by(f64::total_cmp);
        times
    };
    let ours = sorted(&times[0]);
    for ((name, _), times) in contenders.iter().zip(&times) {
        let t = sorted(times);
        let (median, best) = (t[t.len() / 2], t[0]);
        let ratios = (median / ours[t.len() / 2], best / ours[0]);
        println!(
            "    {name:<22} {:>9.1} µs, best {:>9.1}; {:.2}, {:.2} of the exchange",
            median * 1e6,
            best * 1e6,
            ratios.0,
            ratios.1
        );
    }
    Ok(())
}

fn main() -> std::process::ExitCode {
    let (mut sizes, mut ranks, mut rounds) = (vec![32, 128, 256], None, 15);
    for word in std::env::args().skip(1) {
        match word.split_once('=') {
            Some(("n", v)) => sizes = v.split(',').map(|n| n.parse().expect("a list of numbers")).collect(),
            Some(("ranks", v)) => ranks = Some(v.parse().expect("a number of ranks")),
            Some(("rounds", v)) => rounds = v.parse().expect("a number of rounds"),
            _ => {}
        }
    }
    let code = Launch { ranks, threads: None }.run(|comm| {
        let (all, across) = (Reach::star(1), Reach { below: [1, 1, 0], above: [1, 1, 0], corners: false });
        for &n in &sizes {
            compete(&comm, n, None, &across, rounds)?;
            compete(&comm, n, None, &all, rounds)?;
            if comm.size() > 1 {
                compete(&comm, n, Some([1, 1, comm.size()]), &all, rounds)?;
            }
        }
        Ok(())
    });
    code.into()
}
