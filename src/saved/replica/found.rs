//! What a life that was cut short has left in the memory of nodes: which state of it is whole, and how it is put together on
//! other ranks.
use super::piece::{self, Header};
use super::room::Room;
use crate::base::hyperslab::{ContiguousRuns, Selection};
use crate::base::{Error, Result};
use crate::comm::Comm;
use crate::engine::Saved;
use crate::saved::folder::{Life, Moment};
use halocline_kernels::ElementType;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// A state in the memory of nodes.
pub(crate) struct Found {
    comm: Comm,
    /// When it was written.
    pub moment: Moment,
    /// Of all ranks that wrote it, and which rank here has it at hand.
    pieces: Vec<(Header, usize)>,
    /// What this rank has at hand: which piece, and the bytes of its parts' boxes.
    mine: Vec<(usize, piece::Boxes)>,
}

/// Pieces in the memory of nodes: the node, the file, what it says about itself.
type Held = (String, PathBuf, Header);

/// The last state that a life has left whole; what is missing of later ones is said on stderr. Collective.
pub(crate) fn find(comm: &Comm, room: &Room, last: &Life) -> Option<Found> {
    let pieces = if room.is_led_here() { room.pieces() } else { vec![] };
    let listed = comm.all_gather(&serde_json::to_vec(&pieces).expect("paths and headers"));
    let mut held: Vec<Held> = vec![];
    for (node, listed) in room.nodes().iter().zip(listed) {
        let pieces: Vec<(PathBuf, Header)> = serde_json::from_slice(&listed).unwrap_or_default();
        held.extend(pieces.into_iter().map(|(path, header)| (node.clone(), path, header)));
    }
    // A life that was taken for dead may have gone on, on its own: nothing that it did since then counts.
    held.retain(|(_, _, header)| header.life == last.number || Some(header.moment()) == last.from);
    // Two copies that are not alike: which of them is right cannot be told.
    let mut hashes: BTreeMap<(Moment, usize), Vec<&str>> = BTreeMap::new();
    let mut unlike = BTreeSet::new();
    for (_, _, header) in &held {
        let (key, own) = ((header.moment(), header.rank), header.hashes().collect());
        if hashes.entry(key).or_insert_with(|| Vec::clone(&own)) != &own {
            unlike.insert(key);
        }
    }
    held.retain(|(_, _, header)| !unlike.contains(&(header.moment(), header.rank)));
    loop {
        let moment = newest_whole(comm, &held)?;
        match at_hand(comm, room, &held, moment) {
            Ok(found) => return Some(found),
            Err(damaged) => held.retain(|(node, path, _)| !damaged.contains(&(node.clone(), path.clone()))),
        }
    }
}

/// The last moment of which all pieces are held somewhere.
fn newest_whole(comm: &Comm, held: &[Held]) -> Option<Moment> {
    let mut moments: Vec<Moment> = held.iter().map(|(_, _, header)| header.moment()).collect();
    moments.sort_by_key(|moment| (moment.step, moment.life));
    moments.dedup();
    for moment in moments.into_iter().rev() {
        let of = held.iter().map(|(_, _, header)| header).filter(|header| header.moment() == moment);
        let ranks = of.clone().map(|header| header.ranks).max()?;
        let there: BTreeSet<usize> = of.map(|header| header.rank).collect();
        if there.len() == ranks {
            return Some(moment);
        }
        if comm.is_root() {
            let step = moment.step;
            let missing: Vec<usize> = (0..ranks).filter(|rank| !there.contains(rank)).collect();
            eprintln!(
                "warning: of the state after step {step} in the memory of nodes, the pieces of ranks {missing:?} are lost"
            );
        }
    }
    None
}

/// Checks one file of each piece, each by a rank of its node; or says which are damaged. Collective.
fn at_hand(comm: &Comm, room: &Room, held: &[Held], moment: Moment) -> Result<Found, BTreeSet<(String, PathBuf)>> {
    let mut pieces: BTreeMap<usize, (&Held, usize)> = BTreeMap::new();
    for piece in held.iter().filter(|(_, _, header)| header.moment() == moment) {
        let (node, _, Header { rank, .. }) = piece;
        let on: Vec<usize> = room.ranks_on(node).collect();
        // Best where the same rank is now.
        let by = if on.contains(rank) { *rank } else { on[rank % on.len()] };
        if by == *rank || !pieces.contains_key(rank) {
            pieces.insert(*rank, (piece, by));
        }
    }
    let (mut mine, mut damaged) = (vec![], vec![]);
    for (&rank, ((node, path, header), by)) in &pieces {
        if *by != comm.rank() {
            continue;
        }
        match piece::read(path, header) {
            Some(boxes) => mine.push((rank, boxes)),
            None => damaged.push((node.clone(), path.clone())),
        }
    }
    let damaged = comm.all_gather(&serde_json::to_vec(&damaged).expect("texts"));
    let damaged: BTreeSet<(String, PathBuf)> =
        damaged.iter().flat_map(|list| serde_json::from_slice::<Vec<_>>(list).unwrap_or_default()).collect();
    if damaged.is_empty() {
        let pieces = pieces.into_values().map(|((_, _, header), by)| (header.clone(), by)).collect();
        return Ok(Found { comm: comm.clone(), moment, pieces, mine });
    }
    if comm.is_root() {
        for (node, path) in &damaged {
            eprintln!("warning: {} on node {node} is not what was written; another copy is taken", path.display());
        }
    }
    Err(damaged)
}

impl Saved for Found {
    fn step(&self) -> u64 {
        self.moment.step
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.pieces[0].0.numbers.get(name).copied()
    }

    fn part(&self, name: &str) -> Option<(ElementType, Vec<usize>)> {
        self.pieces[0].0.parts.iter().find(|part| part.name == name).map(|part| (part.number, part.shape.clone()))
    }

    fn read(&self, part: &str, boxes: &[Selection]) -> Result<Vec<Vec<u8>>> {
        let size = self.part(part).map_or(1, |(number, _)| number.size());
        let wanted = self.comm.all_gather(&serde_json::to_vec(boxes).expect("numbers"));
        let wanted: Vec<Vec<Selection>> =
            wanted.iter().map(|w| serde_json::from_slice(w).unwrap_or_default()).collect();
        let mut to: Vec<Vec<u8>> = vec![vec![]; wanted.len()];
        for (rank, held) in &self.mine {
            for (outline, bytes) in parts(&self.pieces[*rank].0, part).flat_map(|(i, p)| p.boxes.iter().zip(&held[i])) {
                for (wanted, to) in wanted.iter().zip(&mut to) {
                    for want in wanted {
                        let common = common(want, (&outline.start, &outline.count));
                        common
                            .iter()
                            .flat_map(|c| runs(c, &outline.start, &outline.count, size))
                            .for_each(|run| to.extend(&bytes[run]));
                    }
                }
            }
        }
        let come = self.comm.all_to_all(to);
        // They come in the same order.
        let mut read: Vec<Vec<u8>> =
            boxes.iter().map(|(_, count)| vec![0; count.iter().product::<usize>() * size]).collect();
        let mut missing: usize = read.iter().map(Vec::len).sum();
        for (by, bytes) in come.iter().enumerate() {
            let mut bytes = &bytes[..];
            let pieces = self.pieces.iter().filter(|(_, server)| *server == by);
            for outline in pieces.flat_map(|(header, _)| parts(header, part)).flat_map(|(_, p)| &p.boxes) {
                for (want, into) in boxes.iter().zip(&mut read) {
                    let common = common(want, (&outline.start, &outline.count));
                    for run in common.iter().flat_map(|c| runs(c, &want.0, &want.1, size)) {
                        let (now, later) = bytes.split_at(run.len());
                        missing -= run.len();
                        into[run].copy_from_slice(now);
                        bytes = later;
                    }
                }
            }
        }
        let whole = if missing == 0 {
            Ok(())
        } else {
            Err(Error::failure(format!("{missing} bytes of `{part}` are in no piece")))
        };
        self.comm.agree(whole).map(|()| read)
    }
}

/// The parts of a piece with this name, one, and which that is.
fn parts<'a>(header: &'a Header, name: &'a str) -> impl Iterator<Item = (usize, &'a piece::PartOutline)> {
    header.parts.iter().enumerate().filter(move |(_, part)| part.name == name)
}

/// What two boxes have in common, if anything.
fn common((start, count): &Selection, (other, extent): (&[usize], &[usize])) -> Option<Selection> {
    let low: Vec<usize> = start.iter().zip(other).map(|(a, b)| *a.max(b)).collect();
    let high = (0..low.len()).map(|a| (start[a] + count[a]).min(other[a] + extent[a]));
    let size: Option<Vec<usize>> =
        low.iter().zip(high).map(|(low, high)| high.checked_sub(*low).filter(|n| *n > 0)).collect();
    size.map(|size| (low, size))
}

/// Where the bytes of a box lie in a larger one.
fn runs(
    (start, count): &Selection,
    of: &[usize],
    shape: &[usize],
    size: usize,
) -> impl Iterator<Item = std::ops::Range<usize>> {
    let start: Vec<usize> = start.iter().zip(of).map(|(i, first)| i - first).collect();
    let runs = ContiguousRuns::new(&start, count, shape);
    let length = runs.length * size;
    runs.starts().map(move |at| at * size..at * size + length)
}
