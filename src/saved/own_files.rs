//! The files of a run: those that its ledger names, and the few that belong to every run. Only these may be overwritten.
use super::ledger::{self, Ledger};
use super::run_directory::{JOB, RANKS, is_a_run};
use super::{attempt, checkpoint, regular_file};
use crate::base::{Error, Result};
use crate::files::{self, durable};
use rustix::fs::{Access, access};
use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

/// The file that is locked while a process acquires a run directory.
pub(super) const LOCK: &str = ".lock";
/// Files of every run that no line of the ledger names before they are written.
const ALWAYS: [&str; 4] = ["summary.json", attempt::FILE, RANKS, LOCK];

/// The names of the files that the run in a directory has written, relative to the directory.
#[derive(Debug, Default)]
pub(super) struct OwnFiles(BTreeSet<String>);

impl OwnFiles {
    /// The files of the run in `dir`; none if `dir` is not a run directory.
    ///
    /// # Errors
    /// If the ledger cannot be read: then it is not known which files are the run's own.
    pub fn of(dir: &Path) -> Result<OwnFiles> {
        if !is_a_run(dir) {
            return Ok(OwnFiles::default());
        }
        let ledger = Ledger::read(dir).map_err(|damage| {
            Error::input(format!("{}: so it is not known which files the run has written", damage.what()))
                .remedy("move what you need elsewhere and remove the folder, or choose another with --output DIR")
        })?;
        let mut names = ledger.named();
        names.extend(ALWAYS.map(str::to_owned));
        // Segments that were sealed after the last line of the ledger: the file over all segments names them, except the last.
        let streams = names.iter().filter_map(|name| name.strip_suffix(".h5")).filter(|name| !name.contains('/'));
        let segments: Vec<String> = streams
            .flat_map(|stream| [files::shown_segments(dir, stream), files::unshown_segments(dir, stream)].concat())
            .collect();
        names.extend(segments);
        names.extend(checkpoint::unlisted(dir, &ledger)?);
        Ok(OwnFiles(names))
    }

    /// True if the run has written the file of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains(name) || [JOB, ledger::FILE].contains(&name)
    }

    /// Checks that a run with these streams, which also writes the files `planned`, replaces no other files in `dir`.
    ///
    /// # Errors
    /// If it would; the error names the file.
    pub fn check_room(&self, dir: &Path, streams: &[String], planned: &[String]) -> Result<()> {
        let segments = streams.iter().flat_map(|stream| entries(dir, stream, files::is_segment));
        let checkpoints = entries(dir, "checkpoints", |name| checkpoint::step_of(Path::new(name)).is_some());
        self.check_others(dir, segments.chain(checkpoints).chain(planned.iter().cloned()))
            .map_err(|e| e.remedy("move it elsewhere, or choose another folder with --output DIR"))
    }

    /// Checks that the next attempt of the run, which has these streams and also writes the files `planned`, replaces no other
    /// files in `dir`. (The streams that the run has had till now, and the checkpoints, deal with what they find themselves.)
    ///
    /// # Errors
    /// If it would; the error names the file.
    pub fn check_room_to_continue(&self, dir: &Path, streams: &[String], planned: &[String]) -> Result<()> {
        let new = streams.iter().filter(|stream| !self.contains(&format!("{stream}.h5")));
        let segments = new.flat_map(|stream| entries(dir, stream, files::is_segment));
        self.check_others(dir, segments.chain(planned.iter().cloned()))
            .map_err(|e| e.remedy("nothing was changed; move the file elsewhere, or give the stream another name"))
    }

    fn check_others(&self, dir: &Path, mut written: impl Iterator<Item = String>) -> Result<()> {
        let exists = |name: &String| dir.join(name).symlink_metadata().is_ok();
        match written.find(|name| exists(name) && !self.contains(name)) {
            None => Ok(()),
            Some(name) => {
                Err(Error::input(format!("{} would be overwritten, and no run wrote it", dir.join(name).display())))
            }
        }
    }

    /// Removes all these files, their unfinished and damaged versions, and the directories that become empty. `job.toml`
    /// is removed last, so an interrupted removal can be repeated.
    ///
    /// # Errors
    /// If a file cannot be removed: nothing is removed then, except by a failure of the disk.
    pub fn remove(&self, dir: &Path) -> Result<()> {
        let mut folders = BTreeSet::from(["checkpoints"]);
        folders.extend(self.0.iter().filter_map(|name| Some(name.split_once('/')?.0)));
        let is_number = |name: &str| files::is_segment(name) || checkpoint::step_of(Path::new(name)).is_some();
        let unfinished =
            |name: &str| name.strip_prefix('.').and_then(|name| name.strip_suffix(".part")).is_some_and(is_number);
        let unfinished = folders.iter().flat_map(|folder| entries(dir, folder, unfinished));
        let names = self.0.iter().filter(|name| *name != LOCK).cloned().chain(unfinished);
        let names: Vec<String> = names.chain([ledger::FILE, JOB].map(str::to_owned)).collect();
        names.iter().try_for_each(|name| check_removable(dir, name))?;
        names.iter().try_for_each(|name| remove(dir, name))?;
        // Fails for a folder in which files that no run wrote are left.
        folders.iter().for_each(|folder| _ = fs::remove_dir(dir.join(folder)));
        Ok(())
    }
}

/// The paths, relative to `dir`, of the entries of `folder` in it whose names are wanted.
fn entries(dir: &Path, folder: &str, wanted: impl Fn(&str) -> bool) -> impl Iterator<Item = String> {
    let names = fs::read_dir(dir.join(folder)).into_iter().flatten().flatten();
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| wanted(name)).map(|name| format!("{folder}/{name}")).collect::<Vec<_>>().into_iter()
}

/// Checks that [`remove`] can remove a file and its unfinished and damaged versions, if they exist.
fn check_removable(dir: &Path, name: &str) -> Result<()> {
    let refused = |why: String| Err(Error::input(why).remedy("nothing was changed; choose another with --output DIR"));
    // A name that leads out of `dir` is left alone.
    if !Path::new(name).components().all(|component| matches!(component, Component::Normal(_))) {
        return Ok(());
    }
    let path = dir.join(name);
    let folder = path.parent().unwrap_or(dir);
    let within = folder.ancestors().take_while(|folder| *folder != dir);
    let link = within.filter(|folder| folder.is_symlink()).last();
    for path in versions(&path) {
        let entry = match path.symlink_metadata() {
            // What a link that leads nowhere has held is not known.
            Err(e) if e.kind() == ErrorKind::NotFound && link.is_none_or(|link| link.exists()) => continue,
            entry => entry,
        };
        if let Some(link) = link {
            let (path, link) = (path.display(), link.display());
            return refused(format!("cannot overwrite {path}: {link} is a symbolic link"));
        }
        let cannot = |e| Error::file("overwrite", &path, e).as_input().remedy("nothing was changed");
        if entry.map_err(cannot)?.is_dir() {
            return refused(format!("cannot overwrite {}: it is a folder", path.display()));
        }
        let writable = access(folder, Access::WRITE_OK | Access::EXEC_OK);
        writable
            .map_err(|e| cannot(e.into()).remedy(format!("nothing was changed; make {} writable", folder.display())))?;
    }
    Ok(())
}

/// A file and its unfinished and damaged versions.
fn versions(path: &Path) -> [PathBuf; 3] {
    let mut damaged = path.to_path_buf().into_os_string();
    damaged.push(".damaged");
    [durable::part_of(path), damaged.into(), path.to_path_buf()]
}

/// Removes a file and its unfinished and damaged versions. A ledger may come from elsewhere: a name that leads out of
/// `dir` is left alone.
fn remove(dir: &Path, name: &str) -> Result<()> {
    let Ok(path) = regular_file::path_inside(dir, name) else { return Ok(()) };
    for path in versions(&path) {
        match fs::remove_file(&path) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(Error::file("overwrite", &path, e).as_input()),
            _ => {}
        }
    }
    Ok(())
}
