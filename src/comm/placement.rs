//! Placement of ranks: on which cores of which host they run, and whether there are enough cores for their threads.
use super::communicator::Comm;
use super::transport::Transport;
use std::collections::{BTreeMap, BTreeSet};

type Cores = BTreeSet<usize>;

/// The resources of one rank, and its number of threads.
#[derive(Clone, Debug, PartialEq, Eq)]
struct RankPlacement {
    /// Name of the node.
    host: String,
    /// Cores on which the launcher or batch system lets it run.
    cores: Cores,
    /// Number of cores that it may use at the same time: the quota of a container can be less than its cores.
    at_once: usize,
    /// Number of cores of the host.
    present: usize,
    /// Number of threads of the rank.
    threads: usize,
}

/// Returns the default number of threads of this rank: the cores that it may use, divided among the ranks that may use the same
/// cores; at least 1. Collective.
pub fn default_threads(comm: &dyn Transport) -> usize {
    let mine = RankPlacement::here(0);
    let all = gather_placements(comm, &mine);
    let sharing = all.iter().filter(|p| p.host == mine.host && p.cores == mine.cores).count();
    (mine.at_once / sharing.max(1)).max(1)
}

/// Returns a warning if ranks have more threads than cores, with the option that helps. The same on all ranks. Collective.
pub fn thread_warning(comm: &Comm) -> Option<String> {
    warning(&gather_placements(&**comm, &RankPlacement::here(comm.threads().count())), comm.kind() == "MPI")
}

fn gather_placements(comm: &dyn Transport, mine: &RankPlacement) -> Vec<RankPlacement> {
    comm.all_gather(mine.encode().as_bytes())
        .iter()
        .map(|bytes| RankPlacement::decode(&String::from_utf8_lossy(bytes)))
        .collect()
}

/// Returns the name of the node of this rank: the host name, together with the name that Slurm uses if it is different. Both are
/// needed since launchers pass variables on to other hosts. The environment variable `HALOCLINE_NODE` overrides the name.
pub fn node() -> String {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let host = read("/proc/sys/kernel/hostname");
    let short = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
    match (variable("HALOCLINE_NODE"), variable("SLURMD_NODENAME")) {
        (Some(node), _) => node,
        (None, Some(node)) if short(&node) != short(&host) => format!("{node}@{host}"),
        _ => host,
    }
}

/// The number of cores of this machine, of which a rank may be bound to a few.
pub fn cores() -> usize {
    let present = parse(&read("/sys/devices/system/cpu/online")).len();
    present.max(std::thread::available_parallelism().map_or(1, |n| n.get()))
}

fn read(file: &str) -> String {
    std::fs::read_to_string(file).unwrap_or_default().trim().into()
}

impl RankPlacement {
    fn here(threads: usize) -> RankPlacement {
        let at_once = std::thread::available_parallelism().map_or(1, |n| n.get());
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
        let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        // On other systems than Linux, assume that the rank is not bound.
        let cores = list.map(|list| parse(list.trim())).filter(|c| !c.is_empty()).unwrap_or((0..at_once).collect());
        let present = self::cores().max(cores.len());
        RankPlacement { host: node(), at_once: at_once.min(cores.len()), present, cores, threads }
    }

    fn encode(&self) -> String {
        let cores: Vec<String> = self.cores.iter().map(usize::to_string).collect();
        format!("{} {} {} {} {}", self.threads, self.at_once, self.present, cores.join(","), self.host)
    }

    fn decode(text: &str) -> RankPlacement {
        let mut words = text.splitn(5, ' ');
        let mut word = || words.next().unwrap_or_default();
        let [threads, at_once, present] = std::array::from_fn(|_| word().parse().unwrap_or(1));
        RankPlacement { threads, at_once, present, cores: parse(word()), host: word().to_string() }
    }
}

/// Parses a list of cores in the format of Linux: `0-3,8,10-11`.
fn parse(list: &str) -> Cores {
    let range = |part: &str| {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        Some(low.parse::<usize>().ok()?..=high.parse::<usize>().ok()?)
    };
    list.split(',').filter_map(range).flatten().collect()
}

/// Describes the first set of cores that has more threads than cores. The sets are the cores of each rank, and all cores used on
/// a host.
fn warning(places: &[RankPlacement], mpi: bool) -> Option<String> {
    let mut hosts: BTreeMap<&str, Vec<&RankPlacement>> = BTreeMap::new();
    for place in places {
        hosts.entry(&place.host).or_default().push(place);
    }
    for (host, places) in hosts {
        let used: Cores = places.iter().flat_map(|p| &p.cores).copied().collect();
        let mut sets: BTreeMap<&Cores, usize> = places.iter().map(|p| (&p.cores, p.at_once)).collect();
        sets.entry(&used).or_insert(used.len());
        for (set, at_once) in sets {
            let inside: Vec<_> = places.iter().filter(|p| p.cores.is_subset(set)).collect();
            let threads: usize = inside.iter().map(|p| p.threads).sum();
            if threads > at_once {
                // If the whole host has enough cores, another binding solves the problem.
                let all: usize = places.iter().map(|p| p.threads).sum();
                let fits = mpi && places.iter().all(|p| all <= p.present);
                let most = inside.iter().map(|p| p.threads).max().filter(|_| fits);
                return Some(text(host, inside.len(), threads, at_once, most));
            }
        }
    }
    None
}

/// The text of the warning. `bind` is the number of cores to bind to each rank, if that solves the problem.
fn text(host: &str, ranks: usize, threads: usize, cores: usize, bind: Option<usize>) -> String {
    let plural = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    let subject = format!("{} with {} together", plural(ranks, "rank"), plural(threads, "thread"));
    let remedy = match bind {
        Some(most) => format!(
            "bind each rank to its own cores: mpirun --map-by slot:PE={most} (or --bind-to none), srun --cpus-per-task={most}; \
             or use fewer --threads"
        ),
        None => "use fewer ranks, or fewer --threads per rank".into(),
    };
    format!("{subject} share {} on host {host}\n  {remedy}", plural(cores, "core"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comm::ranks;

    fn place(host: &str, cores: &str, threads: usize) -> RankPlacement {
        let cores = parse(cores);
        RankPlacement { host: host.into(), at_once: cores.len(), present: 8, cores, threads }
    }

    #[test]
    fn core_lists_are_parsed() {
        assert_eq!(parse("0-2,8,10-11"), Cores::from([0, 1, 2, 8, 10, 11]));
        assert_eq!(parse(""), Cores::new());
        let here = RankPlacement::here(3);
        assert_eq!(RankPlacement::decode(&here.encode()), here);
        assert!(here.at_once >= 1 && !here.cores.is_empty());
    }

    #[test]
    fn enough_cores_cause_no_warning() {
        for places in [
            vec![place("a", "0-3", 4)],
            vec![place("a", "0-3", 2), place("a", "0-3", 2)],
            vec![place("a", "0", 1), place("a", "1", 1), place("b", "0-1", 2)],
        ] {
            assert_eq!(warning(&places, true), None);
        }
    }

    #[test]
    fn too_few_cores_cause_a_warning_with_a_remedy() {
        let bound = warning(&[place("a", "0", 2), place("a", "1", 1)], true).unwrap();
        assert!(bound.starts_with("1 rank with 2 threads together share 1 core on host a\n"), "{bound}");
        assert!(bound.contains("--map-by slot:PE=2") && bound.contains("--cpus-per-task=2"), "{bound}");
        let same_core = warning(&[place("a", "0-7", 1), place("b", "3", 1), place("b", "3", 1)], true).unwrap();
        assert!(same_core.starts_with("2 ranks with 2 threads together share 1 core on host b\n"), "{same_core}");
        let overlap = warning(&[place("a", "0-1", 2), place("a", "1-2", 2)], false).unwrap();
        assert!(overlap.starts_with("2 ranks with 4 threads together share 3 cores"), "{overlap}");
        assert!(overlap.ends_with("use fewer ranks, or fewer --threads per rank"), "{overlap}");
        let full = warning(&[place("a", "0-3", 5), place("a", "4-7", 4)], true).unwrap();
        assert!(full.ends_with("use fewer ranks, or fewer --threads per rank"), "{full}");
    }

    #[test]
    fn in_process_ranks_divide_the_cores() {
        let cores = RankPlacement::here(1).at_once;
        for size in [1, 2, 7] {
            let expected = (cores / size).max(1);
            assert_eq!(ranks(size, 1, |comm| default_threads(&*comm)).unwrap(), vec![expected; size]);
            let warned = ranks(size, 1, |comm| thread_warning(&comm).is_some()).unwrap();
            assert_eq!(warned, vec![size > cores; size]);
        }
    }
}
