//! Recovery from memory: finds the newest complete state that an interrupted attempt has left on the nodes, and
//! redistributes it to the ranks of the next attempt.
use super::memory_segment::MemorySegment;
use super::shard::{self, Manifest};
use crate::base::hyperslab::{ContiguousRuns, Selection};
use crate::base::message::message;
use crate::base::{Error, Result};
use crate::comm::Comm;
use crate::engine::Saved;
use crate::saved::attempt::{AttemptId, TimeLevel};
use halocline_kernels::ElementType;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// A complete state in the memory of nodes.
pub(crate) struct ReplicatedState {
    comm: Comm,
    /// The time level of the state.
    pub time_level: TimeLevel,
    /// The manifest of each shard, by the rank that wrote it, and the rank here that has loaded it.
    shards: Vec<(Manifest, usize)>,
    /// The shards loaded on this rank: the rank that wrote each, and the bytes of its boxes.
    mine: Vec<(usize, shard::Boxes)>,
}

/// A shard in the memory of a node: the node, the file, the manifest.
type Held = (String, PathBuf, Manifest);

/// The newest complete state of the run whose last attempt is `last`; none if there is none. Incomplete newer states are
/// reported on stderr. Collective.
pub(crate) fn find(comm: &Comm, segment: &MemorySegment, last: &AttemptId) -> Option<ReplicatedState> {
    let shards = if segment.is_node_leader() { segment.shards() } else { vec![] };
    let listed = comm.all_gather(&serde_json::to_vec(&shards).expect("paths and headers"));
    let mut held: Vec<Held> = vec![];
    for (node, listed) in segment.nodes().iter().zip(listed) {
        let shards: Vec<(PathBuf, Manifest)> = serde_json::from_slice(&listed).unwrap_or_default();
        held.extend(shards.into_iter().map(|(path, manifest)| (node.clone(), path, manifest)));
    }
    // An attempt that was taken for dead may have continued: what it wrote after its successor began is ignored.
    held.retain(|(_, _, manifest)| manifest.attempt == last.number || Some(manifest.time_level()) == last.from);
    // Two copies that are not alike: which of them is right cannot be acknowledged.
    let mut hashes: BTreeMap<(TimeLevel, usize), Vec<&str>> = BTreeMap::new();
    let mut unlike = BTreeSet::new();
    for (_, _, manifest) in &held {
        let (key, own) = ((manifest.time_level(), manifest.rank), manifest.hashes().collect());
        if hashes.entry(key).or_insert_with(|| Vec::clone(&own)) != &own {
            unlike.insert(key);
        }
    }
    held.retain(|(_, _, manifest)| !unlike.contains(&(manifest.time_level(), manifest.rank)));
    loop {
        let time_level = newest_whole(comm, &held)?;
        match at_hand(comm, segment, &held, time_level) {
            Ok(found) => return Some(found),
            Err(damaged) => held.retain(|(node, path, _)| !damaged.contains(&(node.clone(), path.clone()))),
        }
    }
}

/// The newest time level of which all shards are available.
fn newest_whole(comm: &Comm, held: &[Held]) -> Option<TimeLevel> {
    let mut time_levels: Vec<TimeLevel> = held.iter().map(|(_, _, manifest)| manifest.time_level()).collect();
    time_levels.sort_by_key(|time_level| (time_level.step, time_level.attempt));
    time_levels.dedup();
    for time_level in time_levels.into_iter().rev() {
        let of = held.iter().map(|(_, _, manifest)| manifest).filter(|manifest| manifest.time_level() == time_level);
        let ranks = of.clone().map(|manifest| manifest.ranks).max()?;
        let there: BTreeSet<usize> = of.clone().map(|manifest| manifest.rank).collect();
        let mut all = of.clone();
        let first = all.next()?;
        if there.len() == ranks && all.all(|manifest| manifest.agrees_with(first)) {
            return Some(time_level);
        }
        if comm.is_root() {
            let step = time_level.step;
            // Limited, because the number of ranks is read from a file.
            let missing: Vec<usize> = (0..ranks).filter(|rank| !there.contains(rank)).take(100).collect();
            message!(
                "warning: of the state after step {step} in the memory of nodes, the shards of ranks {missing:?} are lost"
            );
        }
    }
    None
}

/// Loads one copy of each shard on a rank of its node.
///
/// # Errors
/// The damaged copies, if there are any. Collective.
fn at_hand(
    comm: &Comm,
    segment: &MemorySegment,
    held: &[Held],
    time_level: TimeLevel,
) -> Result<ReplicatedState, BTreeSet<(String, PathBuf)>> {
    let mut shards: BTreeMap<usize, (&Held, usize)> = BTreeMap::new();
    for shard in held.iter().filter(|(_, _, manifest)| manifest.time_level() == time_level) {
        let (node, _, Manifest { rank, .. }) = shard;
        let on: Vec<usize> = segment.ranks_on(node).collect();
        // Preferably on the rank that wrote it.
        let by = if on.contains(rank) { *rank } else { on[rank % on.len()] };
        if by == *rank || !shards.contains_key(rank) {
            shards.insert(*rank, (shard, by));
        }
    }
    let (mut mine, mut damaged) = (vec![], vec![]);
    for (&rank, ((node, path, manifest), by)) in &shards {
        if *by != comm.rank() {
            continue;
        }
        match shard::read(path, manifest) {
            Some(boxes) => mine.push((rank, boxes)),
            None => damaged.push((node.clone(), path.clone())),
        }
    }
    let damaged = comm.all_gather(&serde_json::to_vec(&damaged).expect("texts"));
    let damaged: BTreeSet<(String, PathBuf)> =
        damaged.iter().flat_map(|list| serde_json::from_slice::<Vec<_>>(list).unwrap_or_default()).collect();
    if damaged.is_empty() {
        let shards = shards.into_values().map(|((_, _, manifest), by)| (manifest.clone(), by)).collect();
        return Ok(ReplicatedState { comm: comm.clone(), time_level, shards, mine });
    }
    if comm.is_root() {
        for (node, path) in &damaged {
            message!("warning: {} on node {node} is not what was written; another copy is taken", path.display());
        }
    }
    Err(damaged)
}

impl Saved for ReplicatedState {
    fn step(&self) -> u64 {
        self.time_level.step
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.shards[0].0.numbers.get(name).copied()
    }

    fn part(&self, name: &str) -> Option<(ElementType, Vec<usize>)> {
        self.shards[0].0.parts.iter().find(|part| part.name == name).map(|part| (part.number, part.shape.clone()))
    }

    fn read(&self, part: &str, boxes: &[Selection]) -> Result<Vec<Vec<u8>>> {
        let size = self.part(part).map_or(1, |(number, _)| number.size());
        let wanted = self.comm.all_gather(&serde_json::to_vec(boxes).expect("numbers"));
        let wanted: Vec<Vec<Selection>> =
            wanted.iter().map(|w| serde_json::from_slice(w).unwrap_or_default()).collect();
        let mut to: Vec<Vec<u8>> = vec![vec![]; wanted.len()];
        for (rank, held) in &self.mine {
            for (outline, bytes) in parts(&self.shards[*rank].0, part).flat_map(|(i, p)| p.boxes.iter().zip(&held[i])) {
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
        // They were packed in the same order.
        let mut read: Vec<Vec<u8>> =
            boxes.iter().map(|(_, count)| vec![0; count.iter().product::<usize>() * size]).collect();
        let size_of_boxes: usize = read.iter().map(Vec::len).sum();
        let mut received = 0;
        for (by, bytes) in come.iter().enumerate() {
            let mut bytes = &bytes[..];
            let shards = self.shards.iter().filter(|(_, server)| *server == by);
            for outline in shards.flat_map(|(manifest, _)| parts(manifest, part)).flat_map(|(_, p)| &p.boxes) {
                for (want, into) in boxes.iter().zip(&mut read) {
                    let common = common(want, (&outline.start, &outline.count));
                    for run in common.iter().flat_map(|c| runs(c, &want.0, &want.1, size)) {
                        let (now, later) = bytes.split_at(run.len());
                        received += run.len();
                        into[run].copy_from_slice(now);
                        bytes = later;
                    }
                }
            }
        }
        let whole = if received == size_of_boxes {
            Ok(())
        } else {
            Err(Error::failure(format!("the shards hold {received} of {size_of_boxes} bytes of `{part}`")))
        };
        self.comm.agree(whole).map(|()| read)
    }
}

/// The parts of a shard with this name, at most one, and its index.
fn parts<'a>(manifest: &'a Manifest, name: &'a str) -> impl Iterator<Item = (usize, &'a shard::PartOutline)> {
    manifest.parts.iter().enumerate().filter(move |(_, part)| part.name == name)
}

/// The intersection of two boxes, if it is not empty.
fn common((start, count): &Selection, (other, extent): (&[usize], &[usize])) -> Option<Selection> {
    let low: Vec<usize> = start.iter().zip(other).map(|(a, b)| *a.max(b)).collect();
    let high = (0..low.len()).map(|a| (start[a] + count[a]).min(other[a] + extent[a]));
    let size: Option<Vec<usize>> =
        low.iter().zip(high).map(|(low, high)| high.checked_sub(*low).filter(|n| *n > 0)).collect();
    size.map(|size| (low, size))
}

/// The ranges of bytes of a box within a larger box.
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
