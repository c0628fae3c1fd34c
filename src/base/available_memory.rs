//! The memory that is still available: on this node, and to this process.
use std::fs;
use std::path::{Path, PathBuf};

/// An amount of memory, and what limits it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Available {
    /// Bytes that can still be allocated.
    pub bytes: u64,
    /// The limit, for messages: `are free`, `are left to its control group`.
    pub limit: &'static str,
}

impl Available {
    /// Returns the memory that all processes of this node, or of this control group (container, batch job), can still allocate
    /// together. None if the system does not tell.
    pub fn on_node() -> Option<Available> {
        on_node(Path::new("/"))
    }

    /// Returns the memory that this process can still allocate under its own limits (`ulimit -v`, `ulimit -d`); none without
    /// such a limit.
    pub fn to_process() -> Option<Available> {
        use rustix::process::{Resource, getrlimit};
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let limits =
            [(Resource::As, "VmSize:", "are left by ulimit -v"), (Resource::Data, "VmData:", "are left by ulimit -d")];
        let left = limits.into_iter().filter_map(|(resource, used, limit)| {
            let bytes = getrlimit(resource).current?.saturating_sub(kilobytes(&status, used)?);
            Some(Available { bytes, limit })
        });
        left.min_by_key(|available| available.bytes)
    }
}

/// The available memory according to the files of Linux under `root`.
fn on_node(root: &Path) -> Option<Available> {
    let free = fs::read_to_string(root.join("proc/meminfo")).ok().and_then(|text| kilobytes(&text, "MemAvailable:"));
    let free = free.map(|bytes| Available { bytes, limit: "are free" });
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let left = groups.lines().flat_map(|line| left_to_group(root, line)).min();
    let left = left.map(|bytes| Available { bytes, limit: "are left to its control group" });
    free.into_iter().chain(left).min_by_key(|available| available.bytes)
}

/// The bytes left to a control group and to each group above it. `line` is `ID:CONTROLLERS:PATH` of /proc/self/cgroup.
fn left_to_group(root: &Path, line: &str) -> Vec<u64> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { return vec![] };
    let (mount, limit, usage, cache) = match controllers {
        "" => ("sys/fs/cgroup", "memory.max", "memory.current", "inactive_file "),
        list if list.split(',').any(|controller| controller == "memory") => {
            ("sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file ")
        }
        _ => return vec![],
    };
    let mount = root.join(mount);
    let left = |group: PathBuf| {
        let number = |file: &str| fs::read_to_string(group.join(file)).ok()?.trim().parse::<u64>().ok();
        let stat = fs::read_to_string(group.join("memory.stat")).unwrap_or_default();
        // The system drops pages of files that are not in use before it refuses memory.
        let cached = stat.lines().find_map(|line| line.strip_prefix(cache)?.trim().parse::<u64>().ok()).unwrap_or(0);
        Some(number(limit)?.saturating_sub(number(usage)?.saturating_sub(cached)))
    };
    // In a container, the path may name a group outside of it; its own group is then mounted as the root.
    Path::new(path.trim_start_matches('/')).ancestors().filter_map(|group| left(mount.join(group))).collect()
}

/// The number after `name` in lines of the form `MemAvailable:  1024 kB`, in bytes.
fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A system with these files.
    fn system(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    const FREE: (&str, &str) = ("proc/meminfo", "MemTotal: 4096 kB\nMemAvailable:    1000 kB\n");

    #[test]
    fn free_memory_counts_where_no_group_has_less() {
        let free = Some(Available { bytes: 1_024_000, limit: "are free" });
        assert_eq!(on_node(system(&[FREE]).path()), free);
        let unlimited = [FREE, ("proc/self/cgroup", "0::/a\n"), ("sys/fs/cgroup/a/memory.max", "max\n")];
        assert_eq!(on_node(system(&unlimited).path()), free);
        assert_eq!(on_node(system(&[]).path()), None);
    }

    #[test]
    fn the_tightest_group_above_a_process_counts() {
        let left = |bytes| Some(Available { bytes, limit: "are left to its control group" });
        let second = [
            FREE,
            ("proc/self/cgroup", "0::/job/step\n"),
            ("sys/fs/cgroup/job/step/memory.max", "max"),
            ("sys/fs/cgroup/job/step/memory.current", "10"),
            ("sys/fs/cgroup/job/memory.max", "500000\n"),
            ("sys/fs/cgroup/job/memory.current", "400000\n"),
            ("sys/fs/cgroup/job/memory.stat", "anon 5\ninactive_file 100000\n"),
        ];
        assert_eq!(on_node(system(&second).path()), left(200_000));
        let first = [
            FREE,
            ("proc/self/cgroup", "3:cpu:/x\n2:hugetlb,memory:/slurm/job\n"),
            ("sys/fs/cgroup/memory/slurm/job/memory.limit_in_bytes", "9223372036854771712"),
            ("sys/fs/cgroup/memory/slurm/job/memory.usage_in_bytes", "0"),
            ("sys/fs/cgroup/memory/slurm/memory.limit_in_bytes", "300000"),
            ("sys/fs/cgroup/memory/slurm/memory.usage_in_bytes", "350000"),
            ("sys/fs/cgroup/memory/slurm/memory.stat", "total_inactive_file 60000"),
        ];
        assert_eq!(on_node(system(&first).path()), left(10_000));
        let outside = [
            FREE,
            ("proc/self/cgroup", "0::/../outside\n"),
            ("sys/fs/cgroup/memory.max", "77"),
            ("sys/fs/cgroup/memory.current", "7"),
        ];
        assert_eq!(on_node(system(&outside).path()), left(70));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_system_has_memory() {
        assert!(Available::on_node().is_some_and(|available| available.bytes > 0));
    }
}
