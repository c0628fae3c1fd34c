//! Compares the memory that a run needs with the memory of the nodes, before any of it is allocated.
use super::plan::Plan;
use crate::base::available_memory::Available;
use crate::base::{Error, Result};
use crate::comm::{Comm, node};
use crate::config::JobFile;
use indicatif::DecimalBytes;

/// The nodes for which a run is planned.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nodes {
    /// Ranks that share a node.
    pub ranks: usize,
    /// Bytes of memory of a node; none for the memory that is available on this one.
    pub memory: Option<u64>,
}

/// Checks that each node has the memory that its ranks need, if ranks are placed on nodes in the order of their numbers.
///
/// # Errors
/// If a node has less.
pub fn check_nodes(file: &JobFile, plan: &Plan, ranks: usize, nodes: Nodes) -> Result<()> {
    let memory = (0..ranks).map(|rank| plan.memory(rank)).collect::<Result<Vec<u64>>>()?;
    let available = match nodes.memory {
        Some(bytes) => Some(Available { bytes, limit: "are on a node" }),
        None => Available::on_node(),
    };
    let Some(available) = available.filter(|_| !file.parallel.overcommit) else { return Ok(()) };
    let first = |i: usize| i * nodes.ranks.max(1);
    let short = memory.chunks(nodes.ranks.max(1)).enumerate().find(|(_, memory)| sum(*memory) > available.bytes);
    match short {
        None => Ok(()),
        Some((i, memory)) => {
            let here = (first(i)..first(i) + memory.len()).zip(memory.iter().copied()).collect::<Vec<_>>();
            Err(too_little(file, &here, &available, "a node"))
        }
    }
}

/// Checks that the node of each rank has the memory that the ranks on it need. Collective.
///
/// # Errors
/// If a node has less, on all ranks.
pub fn check_these_nodes(comm: &Comm, file: &JobFile, plan: &Plan) -> Result<()> {
    let needed = comm.agree(plan.memory(comm.rank()))?;
    if file.parallel.overcommit {
        return Ok(());
    }
    let (node, process) = (node(), std::process::id());
    let all = comm.all_gather(format!("{needed} {process} {node}").as_bytes());
    let ranks = all.iter().enumerate().filter_map(|(rank, bytes)| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let (needed, place) = text.split_once(' ')?;
        Some((rank, needed.parse::<u64>().ok()?, place.to_owned()))
    });
    let ranks: Vec<(usize, u64, String)> = ranks.collect();
    let sharing = |is_here: &dyn Fn(&str) -> bool| -> Vec<(usize, u64)> {
        ranks.iter().filter(|(_, _, place)| is_here(place)).map(|(rank, needed, _)| (*rank, *needed)).collect()
    };
    let in_process = |place: &str| place == format!("{process} {node}");
    let on_node = |place: &str| place.split_once(' ').is_some_and(|(_, name)| name == node);
    let check = |here: Vec<(usize, u64)>, available: Option<Available>| match available {
        Some(available) if sum(here.iter().map(|(_, needed)| needed)) > available.bytes => {
            Err(too_little(file, &here, &available, &format!("the node {node}")))
        }
        _ => Ok(()),
    };
    let mine = check(sharing(&on_node), Available::on_node())
        .and_then(|()| check(sharing(&in_process), Available::to_process()));
    comm.agree(mine)
}

fn sum<'a>(bytes: impl IntoIterator<Item = &'a u64>) -> u64 {
    bytes.into_iter().fold(0, |all: u64, bytes| all.saturating_add(*bytes))
}

/// The error for ranks that need more memory together than is available to them. `ranks` holds numbers and needs in bytes.
fn too_little(file: &JobFile, ranks: &[(usize, u64)], available: &Available, node: &str) -> Error {
    let needed = sum(ranks.iter().map(|(_, needed)| needed));
    let (first, last) = (ranks.first().map_or(0, |rank| rank.0), ranks.last().map_or(0, |rank| rank.0));
    let largest = ranks.iter().map(|rank| rank.1).max().unwrap_or(0);
    let who = match ranks.len() {
        1 => format!("rank {first} needs {}", DecimalBytes(needed)),
        n => format!(
            "the {n} ranks {first} to {last} on {node} need {}, up to {} each",
            DecimalBytes(needed),
            DecimalBytes(largest)
        ),
    };
    let why = format!("{who} of memory, and {} {}", DecimalBytes(available.bytes), available.limit);
    let nodes = needed.div_ceil(available.bytes.max(1));
    let remedy = format!(
        "use fewer cells, or {nodes} times as many nodes; `parallel.overcommit = true` starts a run all the same"
    );
    file.origins.wrong("grid.cells", format!("{:?}", file.grid.cells), &format!("{why}\n{remedy}"))
}
