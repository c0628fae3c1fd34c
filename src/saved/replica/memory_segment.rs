//! The memory segment of a run: its directory in the memory file system of a node.
use super::shard::Manifest;
use crate::base::{Error, Result};
use crate::comm::{Comm, node};
use crate::files::durable;
use crate::saved::attempt::{AttemptId, TimeLevel, last_attempt};
use crate::saved::outcome;
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The default memory file system; the environment variable `HALOCLINE_MEMORY` names another.
const MEMORY: &str = "/dev/shm";
/// The file with the path of the run directory.
const ORIGIN: &str = "origin";

/// The directory of a run in the memory of this rank's node, and the node of every rank.
#[derive(Clone, Debug)]
pub(crate) struct MemorySegment {
    /// The directory of all runs of this user.
    all: PathBuf,
    run: String,
    /// The run directory.
    output: PathBuf,
    /// The node of each rank.
    nodes: Vec<String>,
    rank: usize,
}

impl MemorySegment {
    /// The segment of the run that writes to `output`. Creates nothing. Collective.
    pub fn new(comm: &Comm, run: &str, output: &Path) -> MemorySegment {
        let memory = std::env::var_os("HALOCLINE_MEMORY").map_or_else(|| MEMORY.into(), PathBuf::from);
        MemorySegment::in_memory(comm, run, output, &memory, &node())
    }

    /// The same as [`MemorySegment::new`] with the given memory file system and node.
    pub fn in_memory(comm: &Comm, run: &str, output: &Path, memory: &Path, node: &str) -> MemorySegment {
        let user = rustix::process::getuid().as_raw();
        let nodes = comm.all_gather(node.as_bytes());
        MemorySegment {
            all: memory.join(format!("halocline-{user}")),
            run: run.into(),
            output: std::path::absolute(output).unwrap_or_else(|_| output.into()),
            nodes: nodes.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect(),
            rank: comm.rank(),
        }
    }

    /// The node of each rank.
    pub fn nodes(&self) -> &[String] {
        &self.nodes
    }

    /// The ranks on a node.
    pub fn ranks_on<'a>(&'a self, node: &'a str) -> impl Iterator<Item = usize> + 'a {
        (0..self.nodes.len()).filter(move |&rank| self.nodes[rank] == node)
    }

    /// True on the first rank of each node.
    pub fn is_node_leader(&self) -> bool {
        self.ranks_on(&self.nodes[self.rank]).next() == Some(self.rank)
    }

    pub(super) fn folder(&self) -> PathBuf {
        let node: String = self.nodes[self.rank].chars().map(|c| if c == '/' { '_' } else { c }).collect();
        self.all.join(&self.run).join(node)
    }

    /// The file of the shard of a rank.
    pub fn path(&self, attempt: u64, rank: usize, slot: usize) -> PathBuf {
        self.folder().join(format!("{attempt:06}-{rank:06}-{slot}"))
    }

    /// Creates the directory and removes directories left by other runs.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn create(&self) -> Result<()> {
        let folder = self.folder();
        let help = "HALOCLINE_MEMORY names another folder that lies in memory; replica.wall=never does without";
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(|e| Error::file("create", &folder, e).as_input().remedy(help))?;
        durable::replace(&folder.join(ORIGIN), |part| {
            let origin = self.output.as_os_str().as_encoded_bytes();
            fs::write(part, origin).map_err(|e| durable::why("write", part, e).as_input())
        })?;
        let folders = |of: &Path| fs::read_dir(of).into_iter().flatten().flatten().map(|entry| entry.path());
        for run in folders(&self.all) {
            if run.file_name().is_some_and(|name| *name != *self.run) {
                folders(&run).filter(|node| is_left_over(&run, node)).for_each(|node| _ = fs::remove_dir_all(node));
                // Succeeds if the directory is empty.
                let _ = fs::remove_dir(&run);
            }
        }
        Ok(())
    }

    /// The complete shards on this node: file and manifest.
    pub fn shards(&self) -> Vec<(PathBuf, Manifest)> {
        let files = fs::read_dir(self.folder()).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut shards: Vec<(PathBuf, Manifest)> =
            files.filter_map(|path| Manifest::of_file(&path).map(|manifest| (path, manifest))).collect();
        shards.sort_by(|a, b| a.0.cmp(&b.0));
        shards
    }

    /// Removes the shards of earlier attempts, except those of the time level `but`. Acts on one rank of each node.
    pub fn retain(&self, attempt: u64, but: Option<TimeLevel>) {
        if !self.is_node_leader() {
            return;
        }
        for entry in fs::read_dir(self.folder()).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let written_in = name.to_str().and_then(|name| name.split('-').next()?.parse().ok());
            let older = written_in.is_some_and(|written_in: u64| written_in < attempt);
            if older && (but.is_none() || Manifest::of_file(&entry.path()).map(|manifest| manifest.time_level()) != but)
            {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// Removes the directory, when the state is on disk. Acts on one rank of each node.
    pub fn remove(&self) {
        if self.is_node_leader() {
            let _ = fs::remove_dir_all(self.folder());
            let _ = fs::remove_dir(self.all.join(&self.run));
        }
    }
}

/// A directory is removed only after this time without changes, because the run directory of an active run may be on a file
/// system that this node does not see.
const UNTOUCHED: Duration = Duration::from_secs(3600);

/// True if the run of this directory is complete, was replaced by another run, or has lost its run directory.
fn is_left_over(run: &Path, node: &Path) -> bool {
    let Ok(origin) = fs::read_to_string(node.join(ORIGIN)) else { return false };
    let files = fs::read_dir(node).into_iter().flatten().flatten();
    let touched = files.filter_map(|file| file.metadata().ok()?.modified().ok()).max();
    if touched.and_then(|when| when.elapsed().ok()).is_none_or(|ago| ago < UNTOUCHED) {
        return false;
    }
    let output = Path::new(&origin);
    match last_attempt(output) {
        Some(AttemptId { run: now, .. }) => {
            run.file_name().is_some_and(|name| *name != *now) || outcome::is_done(output)
        }
        None => matches!(fs::exists(output), Ok(false)),
    }
}
