//! A self-test of every method of a transport. Unit tests run it on in-process ranks, an example under an MPI launcher.
use super::communicator::Comm;
use super::transport::{RawMessage, Reduce};
use crate::base::{Error, Result};

/// Tests all operations of a communicator, on itself and on halves of it. Collective.
///
/// # Errors
/// If an operation returns a wrong result; the error names the operation and the rank.
pub fn selftest(comm: &Comm) -> Result<()> {
    test(comm)?;
    let colour = comm.rank() % 2 + 5_000_000_000;
    let half = comm.split(colour);
    let expected = (comm.size() + 1 - comm.rank() % 2) / 2;
    same(comm, "split", (half.size(), half.rank()), (expected, comm.rank() / 2))?;
    test(&half)?;
    // The same tag, and a reduction, on both communicators at the same time: their messages must not mix.
    let mut links = [comm, &half].map(|comm| {
        let (before, after) = ((comm.rank() + comm.size() - 1) % comm.size(), (comm.rank() + 1) % comm.size());
        let ends = |peer| if comm.size() > 1 { vec![(peer, 1)] } else { vec![] };
        (before, comm.link(5, &ends(after), &ends(before)))
    });
    for ((_, link), comm) in links.iter_mut().zip([comm, &half]).filter(|(_, comm)| comm.size() > 1) {
        link.outgoing(0)[0] = comm.rank() as u8;
    }
    links.iter_mut().for_each(|(_, link)| link.start());
    let pending = [comm, &half].map(|comm| comm.begin_reduce(Reduce::Sum, vec![1]));
    let sums: Vec<_> = pending.into_iter().rev().flat_map(|pending| pending.finish()).collect();
    same(comm, "begin_reduce on two communicators", sums, vec![half.size() as i64, comm.size() as i64])?;
    for ((before, link), comm) in links.iter_mut().zip([comm, &half]).rev().filter(|(_, comm)| comm.size() > 1) {
        link.finish();
        same(comm, "one tag on two communicators", link.incoming(0)[0] as usize, *before)?;
    }
    // A split of one half alone, then all ranks again.
    if comm.rank().is_multiple_of(2) {
        test(&half.split(half.rank() / 2))?;
    }
    test(comm)
}

/// Tests all operations except `split`.
fn test(comm: &Comm) -> Result<()> {
    collectives(comm)?;
    reductions(comm)?;
    ring(comm)?;
    for round in 0..4 {
        random_messages(comm, round)?;
    }
    messages_without_buffers(comm)?;
    agreement(comm)
}

/// Test data that depends on all arguments, so that a message of another rank, position or round is detected.
fn bytes(from: usize, to: usize, round: usize, len: usize) -> Vec<u8> {
    (0..len).map(|i| mix((((from * 1000 + to) * 1000 + round) * 100_000 + i) as u64) as u8).collect()
}

/// A step of splitmix64.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Returns an error unless the values are equal.
fn same<T: PartialEq + std::fmt::Debug>(comm: &Comm, what: &str, got: T, expected: T) -> Result<()> {
    if got == expected {
        return Ok(());
    }
    let [mut got, mut expected] = [format!("{got:?}"), format!("{expected:?}")];
    got.truncate(200);
    expected.truncate(200);
    Err(Error::failure(format!(
        "{what} is wrong on rank {} of {} ({}): {got} instead of {expected}",
        comm.rank(),
        comm.size(),
        comm.kind()
    )))
}

fn collectives(comm: &Comm) -> Result<()> {
    let (me, size) = (comm.rank(), comm.size());
    comm.barrier();
    // Different lengths, some of them zero.
    let len = |from: usize, to: usize, round: usize| match mix((from * 31 + to * 7 + round) as u64) % 5 {
        0 => 0,
        n => n as usize * 37,
    };
    for round in 0..3 {
        let of = |from| bytes(from, 0, round, len(from, 0, round));
        let all: Vec<_> = (0..size).map(of).collect();
        same(comm, "all_gather", comm.all_gather(&all[me]), all.clone())?;
        for root in 0..size {
            let expected = (me == root).then(|| all.clone());
            same(comm, "gather", comm.gather(root, &all[me]), expected)?;
            let mut message = if me == root { bytes(root, 0, round, 1234) } else { vec![9; round] };
            comm.broadcast(root, &mut message);
            same(comm, "broadcast", message, bytes(root, 0, round, 1234))?;
        }
        let to = (0..size).map(|to| bytes(me, to, round, len(me, to, round))).collect();
        let expected = (0..size).map(|from| bytes(from, me, round, len(from, me, round))).collect();
        same(comm, "all_to_all", comm.all_to_all(to), expected)?;
    }
    Ok(())
}

fn reductions(comm: &Comm) -> Result<()> {
    let of = |rank: usize| -> Vec<i64> { (0..300).map(|i| mix((rank * 1000 + i) as u64) as i64).collect() };
    let fold = |f: fn(i64, i64) -> i64| -> Vec<i64> {
        let all: Vec<_> = (0..comm.size()).map(of).collect();
        (0..300).map(|i| all.iter().map(|v| v[i]).reduce(f).expect("at least one rank")).collect()
    };
    let cases = [(Reduce::Sum, fold(i64::wrapping_add)), (Reduce::Max, fold(i64::max)), (Reduce::Min, fold(i64::min))];
    for (op, expected) in cases {
        let mut values = of(comm.rank());
        let mut pending = comm.begin_reduce(op, values.clone());
        // Other collectives overtake the pending one.
        comm.reduce(op, &mut values);
        same(comm, "reduce", &values, &expected)?;
        comm.barrier();
        while !pending.poll() {
            std::thread::yield_now();
        }
        same(comm, "begin_reduce", pending.finish(), expected)?;
    }
    let pending = comm.begin_reduce(Reduce::Sum, vec![]);
    same(comm, "an empty begin_reduce", pending.finish(), vec![])
}

/// Sends to both neighbours on a ring: with two ranks they are the same one, with one rank there are none.
fn ring(comm: &Comm) -> Result<()> {
    let (me, size) = (comm.rank(), comm.size());
    let neighbour = |step: usize| (me + step) % size;
    let up = if size > 1 { vec![(neighbour(1), 100_000)] } else { vec![] };
    let down = if size > 1 { vec![(neighbour(size - 1), 100_000)] } else { vec![] };
    let mut links = [comm.link(40, &up, &down), comm.link(41, &down, &up)];
    for round in 0..5 {
        for (link, to) in links.iter_mut().zip([&up, &down]) {
            same(comm, "poll of an idle link", link.poll(), true)?;
            if let Some((peer, len)) = to.first() {
                let out = link.outgoing(0);
                same(comm, "alignment of outgoing", out.as_ptr() as usize % 64, 0)?;
                out.copy_from_slice(&bytes(me, *peer, round, *len));
            }
            link.start();
        }
        // Finished in reverse order, one by waiting and one by polling.
        links[1].finish();
        while !links[0].poll() {
            std::thread::yield_now();
        }
        for (link, from) in links.iter_mut().zip([&down, &up]) {
            link.finish();
            if let Some((peer, len)) = from.first() {
                let got = link.incoming(0);
                same(comm, "alignment of incoming", got.as_ptr() as usize % 64, 0)?;
                same(comm, "a message on a ring", got, &bytes(*peer, me, round, *len))?;
            }
        }
    }
    Ok(())
}

/// Sends messages of random lengths on a random graph, several times, with a collective in between.
fn random_messages(comm: &Comm, round: usize) -> Result<()> {
    let (me, size) = (comm.rank(), comm.size());
    let len = |from: usize, to: usize| {
        let dice = mix((from * 100 + to + 10_000 * round) as u64);
        (from != to && !dice.is_multiple_of(3)).then_some((dice >> 8) as usize % 20_000 * (dice >> 40 & 1) as usize)
    };
    let sends: Vec<_> = (0..size).rev().filter_map(|to| Some((to, len(me, to)?))).collect();
    let receives: Vec<_> = (0..size).filter_map(|from| Some((from, len(from, me)?))).collect();
    let mut link = comm.link(7, &sends, &receives);
    for repeat in 0..3 {
        for (i, (to, len)) in sends.iter().enumerate() {
            link.outgoing(i).copy_from_slice(&bytes(me, *to, repeat, *len));
        }
        link.start();
        if repeat == 1 {
            comm.barrier();
        }
        link.finish();
        for (i, (from, len)) in receives.iter().enumerate() {
            same(comm, "a random message", link.incoming(i), &bytes(*from, me, repeat, *len))?;
        }
    }
    Ok(())
}

/// Sends three messages per round to each neighbour on a ring, from and to other memory in each round.
fn messages_without_buffers(comm: &Comm) -> Result<()> {
    let (me, size) = (comm.rank(), comm.size());
    if size == 1 {
        return Ok(());
    }
    let (before, after) = ((me + size - 1) % size, (me + 1) % size);
    let len = |i: usize| [30_000, 0, 7][i];
    let mut messages = comm.direct(8);
    for round in 0..4 {
        // Messages in one direction first, on both sides.
        let order = [(after, before), (before, after)];
        let ends = order.iter().flat_map(|&(to, from)| (0..3).map(move |i| (to, from, i)));
        let mut memory: Vec<_> =
            ends.map(|(to, from, i)| (to, from, i, bytes(me, to, 10 * round + i, len(i)), vec![0; len(i)])).collect();
        let message = |peer: usize, at: &mut Vec<u8>| RawMessage { peer, at: at.as_mut_ptr(), bytes: at.len() };
        let sends: Vec<_> = memory.iter_mut().map(|(to, _, _, out, _)| message(*to, out)).collect();
        let receives: Vec<_> = memory.iter_mut().map(|(_, from, _, _, into)| message(*from, into)).collect();
        // SAFETY: `memory` is not accessed before all messages have arrived.
        unsafe { messages.start(&sends, &receives) };
        while round % 2 == 1 && !messages.poll() {
            std::thread::yield_now();
        }
        messages.finish();
        same(comm, "poll after finish", messages.poll(), true)?;
        for (_, from, i, _, got) in memory {
            same(comm, "a message without a buffer", got, bytes(from, me, 10 * round + i, len(i)))?;
        }
        messages.finish();
    }
    Ok(())
}

fn agreement(comm: &Comm) -> Result<()> {
    let (me, size) = (comm.rank(), comm.size());
    same(comm, "agree on success", comm.agree(Ok(me)), Ok(me))?;
    let error = |text: &str| Error::input(text).remedy("do it right");
    let all = comm.agree::<()>(Err(error(&format!("wrong on {me}"))));
    same(comm, "agree on an error of all", all, Err(error("wrong on 0")))?;
    if size > 1 {
        let last = comm.agree(if me + 1 == size { Err(Error::stopped("time is up")) } else { Ok(()) });
        let text = format!("rank {} of {size}: time is up", size - 1);
        same(comm, "agree on an error of one", last, Err(Error::stopped(text)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comm::ranks;

    #[test]
    fn in_process_ranks_pass() {
        for size in [1, 2, 3, 4, 7] {
            let results = ranks(size, 1, |comm| selftest(&comm)).unwrap();
            assert_eq!(results, vec![Ok(()); size]);
        }
        assert_eq!(selftest(&Comm::alone()), Ok(()));
    }
}
