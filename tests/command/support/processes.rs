//! Processes of this machine, as `/proc` shows them.
use std::fs;
use std::process::{Command, Stdio};

/// Sends a signal to each of these, in this order; to a process that is gone, nothing.
pub fn signal(name: &str, processes: &[u32]) {
    // The shell's own `kill`: small machines have no other.
    let processes: Vec<_> = processes.iter().map(u32::to_string).collect();
    let command = format!("kill -{name} {}", processes.join(" "));
    let _ = Command::new("sh").args(["-c", &command]).stderr(Stdio::null()).status();
}

/// True for a process that runs; false for a zombie, whose parent has not yet waited for it.
pub fn is_alive(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

/// Children, their children and so on.
pub fn descendants(process: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pairs = processes.filter_map(|entry| {
        let child: u32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        // The name in parentheses may hold anything; then come the state and the parent.
        let parent: u32 = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
        Some((parent, child))
    });
    let pairs: Vec<(u32, u32)> = pairs.collect();
    let mut all = vec![process];
    let mut next = 0;
    while let Some(&process) = all.get(next) {
        all.extend(pairs.iter().filter(|(parent, _)| *parent == process).map(|(_, child)| *child));
        next += 1;
    }
    all.split_off(1)
}

/// The rank of a process, as its launcher told it.
pub fn rank_of(process: u32) -> Option<usize> {
    let environment = fs::read(format!("/proc/{process}/environ")).ok()?;
    let words = environment.split(|b| *b == 0).map(String::from_utf8_lossy);
    let ranks = words.filter_map(|word| {
        ["OMPI_COMM_WORLD_RANK=", "PMI_RANK="].iter().find_map(|name| word.strip_prefix(name)?.parse().ok())
    });
    ranks.into_iter().next()
}
