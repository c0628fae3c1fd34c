//! The halo exchange alone, compared with plain messages and with copies of as many bytes between the same ranks:
//! `cargo bench --bench halo -- [ranks=2] [n=32,128,256] [rounds=15] [direct=8192]` on in-process ranks; under a launcher
//! (`mpirun -n 2 target/release/deps/halo-…`) the ranks are MPI's, and plain `MPI_Isend` and `MPI_Irecv` are timed too.
//! `direct` is the minimum number of bytes of a plane that is not packed.
//!
//! n³ doubles a rank, a star of radius 1: cut along z, as the framework would, at first periodic along z alone, where
//! an exchange is messages only; then periodic along z and y, and along all axes; then cut along x, whose faces are not
//! contiguous. A step is a stage that writes a field and a stage that reads it; neither computes anything. The contenders take
//! turns; the output is the median and the minimum over rounds.
use halocline::comm::Launch;
use halocline::prelude::*;
use std::time::Instant;

/// A contender: its name, and a function that performs one exchange.
type Contender<'a> = (&'static str, Box<dyn FnMut() + 'a>);

/// Makes a simulation whose step is the exchange of a field's halo and nothing else.
fn exchange(
    comm: &Comm,
    grid: Grid,
    dims: Option<[usize; 3]>,
    extent: Extent,
    direct: Option<usize>,
) -> Result<Simulation> {
    let mut model = Model::new(comm.clone(), grid);
    direct.into_iter().for_each(|bytes| model.direct(bytes));
    if let Some(dims) = dims {
        model.process_grid(dims);
    }
    let t = model.field::<f64>("t").initial(|_| 1.0).build()?;
    let other = model.field::<f64>("other").build()?;
    model.every_step(|s| {
        s.tiles("write", [], [t], |[], [_]| {}).tiles("read", [(t, extent)], [other], |[_], [_]| {});
    });
    model.compile()
}

/// Returns the adjacent ranks, and the bytes sent to each of them and received from it.
fn peers(run: &Simulation, n: usize, extent: &Extent) -> Vec<(usize, usize)> {
    let (me, size) = (run.comm().rank(), run.comm().size());
    let cut = (0..3).find(|&a| run.domain().is_some_and(|d| d.dims[a] > 1) && extent.below[a] > 0);
    let face = 8 * n * n;
    match cut {
        None => vec![],
        Some(_) if size == 2 => vec![(1 - me, 2 * face)],
        Some(_) => vec![((me + size - 1) % size, face), ((me + 1) % size, face)],
    }
}

/// Returns the contender that calls MPI directly.
#[cfg(feature = "mpi")]
fn bare_mpi<'a>(comm: &Comm, peers: &[(usize, usize)]) -> Option<Contender<'a>> {
    use mpi::ffi::*;
    let raw = comm.raw()?;
    type Buffers = (i32, Vec<u8>, Vec<u8>);
    let mut buffers: Vec<Buffers> =
        peers.iter().map(|&(r, bytes)| (r as i32, vec![1; bytes], vec![0; bytes])).collect();
    let work = move || {
        let mut requests = Vec::with_capacity(2 * buffers.len());
        // SAFETY: the buffers outlive all requests and are not accessed until these are complete.
        unsafe {
            for (peer, sent, received) in &mut buffers {
                for receives in [true, false] {
                    let mut request = std::mem::zeroed();
                    if receives {
                        let (at, n) = (received.as_mut_ptr().cast(), received.len() as i32);
                        MPI_Irecv(at, n, RSMPI_UINT8_T, *peer, 77, raw.handle(), &mut request);
                    } else {
                        let (at, n) = (sent.as_ptr().cast(), sent.len() as i32);
                        MPI_Isend(at, n, RSMPI_UINT8_T, *peer, 77, raw.handle(), &mut request);
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
fn bare_mpi<'a>(_: &Comm, _: &[(usize, usize)]) -> Option<Contender<'a>> {
    None
}

fn compete(
    comm: &Comm,
    n: usize,
    dims: Option<[usize; 3]>,
    extent: Extent,
    (rounds, direct): (usize, Option<usize>),
) -> Result<()> {
    // Axes along which nothing is read are bounded: their halos need not be filled.
    let periodic = extent.below.map(|depth| depth > 0);
    // Every rank has the same number of cells, in a row along the axis that is cut.
    let mut cells = [n; 3];
    cells[dims.map_or(0, |d| (0..3).find(|&a| d[a] > 1).unwrap_or(0))] *= comm.size();
    let grid = Grid::new(cells).periodic(periodic);
    let mut run = exchange(comm, grid, dims.or(Some([comm.size(), 1, 1])), extent, direct)?;
    let peers = peers(&run, n, &extent);
    let dims = run.domain().map_or([1; 3], |d| d.dims);
    let all = 8 * n * n * extent.below.iter().chain(&extent.above).sum::<usize>();
    let (from, mut to) = (vec![1_u8; all], vec![0_u8; all]);
    let mut link = (comm.size() > 1).then(|| comm.link(1 << 20, &peers, &peers));

    let mut contenders: Vec<Contender> = vec![("exchange", Box::new(|| run.advance(1).expect("a step")))];
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
    // All ranks must do the same number of rounds, although their clocks differ.
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
    let sent: usize = peers.iter().map(|p| p.1).sum();
    let what = match periodic {
        [_, _, true] => "all faces",
        [_, true, _] => "faces across z and y",
        _ => "faces across z",
    };
    println!(
        "{n}³ a rank, {} ranks × {}, grid {dims:?}, {what}: {:.1} kB of halo, {:.1} kB of it in {} messages",
        comm.size(),
        comm.threads().count(),
        all as f64 / 1e3,
        sent as f64 / 1e3,
        peers.len()
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
    let (mut sizes, mut ranks, mut rounds, mut direct) = (vec![32, 128, 256], None, 15, None);
    for word in std::env::args().skip(1) {
        match word.split_once('=') {
            Some(("n", v)) => sizes = v.split(',').map(|n| n.parse().expect("a list of numbers")).collect(),
            Some(("ranks", v)) => ranks = Some(v.parse().expect("a number of ranks")),
            Some(("direct", v)) => direct = Some(v.parse().expect("bytes of a piece")),
            Some(("rounds", v)) => rounds = v.parse().expect("a number of rounds"),
            _ => {}
        }
    }
    let code = Launch { ranks, threads: None }.run(|comm| {
        let faces = |depth: [usize; 3]| Extent { below: depth, above: depth, corners: false };
        let (along_z, across, all) = (faces([1, 0, 0]), faces([1, 1, 0]), faces([1; 3]));
        for &n in &sizes {
            compete(&comm, n, None, along_z, (rounds, direct))?;
            compete(&comm, n, None, across, (rounds, direct))?;
            compete(&comm, n, None, all, (rounds, direct))?;
            if comm.size() > 1 {
                compete(&comm, n, Some([1, 1, comm.size()]), all, (rounds, direct))?;
            }
        }
        Ok(())
    });
    code.into()
}
