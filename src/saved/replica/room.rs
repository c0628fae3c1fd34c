//! The folder of a run in a node's memory.
use super::piece::Header;
use crate::base::{Error, Result};
use crate::comm::{Comm, node};
use crate::files::durable;
use crate::saved::folder::{self, Life, Moment};
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where memory is a file system; `HALOCLINE_MEMORY` names another.
const MEMORY: &str = "/dev/shm";
/// The file that tells whose folder it is.
const ORIGIN: &str = "origin";

/// The folder of a run on this rank's node, and what there is to know of nodes.
#[derive(Clone, Debug)]
pub(crate) struct Room {
    /// All of this user.
    all: PathBuf,
    run: String,
    /// Where the run writes its results.
    output: PathBuf,
    /// Of each rank.
    nodes: Vec<String>,
    rank: usize,
}

impl Room {
    /// That of a run which writes to `output`. Collective.
    pub fn of(comm: &Comm, run: &str, output: &Path) -> Room {
        let memory = std::env::var_os("HALOCLINE_MEMORY").map_or_else(|| MEMORY.into(), PathBuf::from);
        Room::with(comm, run, output, &memory, &node())
    }

    /// The same in another memory, on another node.
    pub fn with(comm: &Comm, run: &str, output: &Path, memory: &Path, node: &str) -> Room {
        let user = rustix::process::getuid().as_raw();
        let nodes = comm.all_gather(node.as_bytes());
        Room {
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

    /// Ranks on a node.
    pub fn ranks_on<'a>(&'a self, node: &'a str) -> impl Iterator<Item = usize> + 'a {
        (0..self.nodes.len()).filter(move |&rank| self.nodes[rank] == node)
    }

    /// True on one rank of each node.
    pub fn is_led_here(&self) -> bool {
        self.ranks_on(&self.nodes[self.rank]).next() == Some(self.rank)
    }

    pub(super) fn folder(&self) -> PathBuf {
        let node: String = self.nodes[self.rank].chars().map(|c| if c == '/' { '_' } else { c }).collect();
        self.all.join(&self.run).join(node)
    }

    /// The file of a rank's piece.
    pub fn path(&self, life: u64, rank: usize, slot: usize) -> PathBuf {
        self.folder().join(format!("{life:06}-{rank:06}-{slot}"))
    }

    /// Makes the folder, and removes those of runs that are no more.
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
                // If that was the last one.
                let _ = fs::remove_dir(&run);
            }
        }
        Ok(())
    }

    /// All pieces that are sealed.
    pub fn pieces(&self) -> Vec<(PathBuf, Header)> {
        let files = fs::read_dir(self.folder()).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut pieces: Vec<(PathBuf, Header)> =
            files.filter_map(|path| Header::of_file(&path).map(|header| (path, header))).collect();
        pieces.sort_by(|a, b| a.0.cmp(&b.0));
        pieces
    }

    /// Removes what earlier lives have left, but for the pieces of a state. For one rank of each node.
    pub fn retain(&self, life: u64, but: Option<Moment>) {
        if !self.is_led_here() {
            return;
        }
        for entry in fs::read_dir(self.folder()).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let written_in = name.to_str().and_then(|name| name.split('-').next()?.parse().ok());
            let older = written_in.is_some_and(|written_in: u64| written_in < life);
            if older && (but.is_none() || Header::of_file(&entry.path()).map(|header| header.moment()) != but) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// Removes the folder: what the run needs is on disk. For one rank of each node.
    pub fn remove(&self) {
        if self.is_led_here() {
            let _ = fs::remove_dir_all(self.folder());
            let _ = fs::remove_dir(self.all.join(&self.run));
        }
    }
}

/// For so long nobody has touched what is left over. What looks so may be of a run that sees other file systems than this one.
const UNTOUCHED: Duration = Duration::from_secs(3600);

/// True if the run whose folder in memory this is has come to its end, or has made way for another one, or is gone.
fn is_left_over(run: &Path, node: &Path) -> bool {
    let Ok(origin) = fs::read_to_string(node.join(ORIGIN)) else { return false };
    let files = fs::read_dir(node).into_iter().flatten().flatten();
    let touched = files.filter_map(|file| file.metadata().ok()?.modified().ok()).max();
    if touched.and_then(|when| when.elapsed().ok()).is_none_or(|ago| ago < UNTOUCHED) {
        return false;
    }
    let output = Path::new(&origin);
    match folder::last_life(output) {
        Some(Life { run: now, .. }) => run.file_name().is_some_and(|name| *name != *now) || folder::is_done(output),
        None => matches!(fs::exists(output), Ok(false)),
    }
}
