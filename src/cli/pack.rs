//! `halocline pack`: one plain file of each output stream.
use crate::base::message::message;
use crate::base::{Error, Result};
use crate::files;
use crate::saved::acquisition::check_writable;
use crate::saved::ledger::{Ledger, hash_named};
use crate::saved::run_directory;
use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};

/// Packs each stream of the run in `dir`, or the one called `stream`, and lists the files. They are written to `dir`; to the
/// directory `to`; or, for a single stream, to the file `to`.
pub(super) fn pack(dir: &Path, to: Option<&Path>, stream: Option<&str>) -> Result<String> {
    let mut streams = run_directory::streams(dir)?;
    if let Some(wanted) = stream {
        if !streams.iter().any(|name| name == wanted) {
            return Err(Error::input(format!("the run in {} has no output stream {wanted:?}", dir.display()))
                .remedy(format!("its streams are {}", streams.join(", "))));
        }
        streams.retain(|name| name == wanted);
    }
    let ledger = Ledger::read(dir).unwrap_or_else(|damage| {
        message!("warning: {}; the segments are packed without comparing their hashes", damage.what());
        Ledger::new(dir)
    });
    let (hashes, unknown) = (ledger.files(), Cell::new(0));
    for name in hashes.keys().filter(|name| is_segment_of(&streams, name)) {
        if !dir.join(name).exists() && !files::is_merged(dir, name) {
            return Err(Error::failure(format!("{} is missing", dir.join(name).display()))
                .remedy("copy the whole directory; `halocline verify DIR` lists all that is missing"));
        }
    }
    let (empty, full): (Vec<String>, Vec<String>) = streams.into_iter().partition(|name| is_empty(dir, name));
    let targets = targets(dir, to, &full)?;
    let mut text: String = empty.iter().map(|name| format!("{name}: no instants, nothing to pack\n")).collect();
    for (name, target) in full.iter().zip(targets) {
        files::pack(dir, name, &target, |segment| match hashes.get(segment) {
            Some(hash) => compare(dir, segment, hash),
            None => {
                unknown.set(unknown.get() + 1);
                Ok(())
            }
        })?;
        text += &format!("{}\n", target.display());
    }
    if unknown.get() > 0 {
        message!("warning: {} segments are not in the ledger (yet): their hashes were not compared", unknown.get());
    }
    Ok(text)
}

fn is_segment_of(streams: &[String], name: &str) -> bool {
    name.split_once('/').is_some_and(|(folder, _)| streams.iter().any(|stream| stream == folder))
}

/// True if no instant of a stream has been sealed.
fn is_empty(dir: &Path, stream: &str) -> bool {
    let mut entries = fs::read_dir(dir.join(stream)).into_iter().flatten().flatten();
    let has_segment = entries.any(|entry| entry.file_name().to_str().is_some_and(files::is_segment));
    !dir.join(format!("{stream}.h5")).exists() && !has_segment
}

/// The files to write, one for each stream.
fn targets(dir: &Path, to: Option<&Path>, streams: &[String]) -> Result<Vec<PathBuf>> {
    let inside = |folder: &Path| streams.iter().map(|name| folder.join(format!("{name}.packed.h5"))).collect();
    let targets: Vec<PathBuf> = match to {
        None => inside(dir),
        Some(folder) if folder.is_dir() => inside(folder),
        Some(file) if streams.len() <= 1 => vec![file.to_path_buf(); streams.len()],
        Some(file) => {
            return Err(Error::input(format!("{} is one file for {} streams", file.display(), streams.len()))
                .remedy(format!("give an existing directory, or choose with --stream: {}", streams.join(", "))));
        }
    };
    for target in &targets {
        if to.is_some() && target.symlink_metadata().is_ok() {
            return Err(Error::input(format!("{} exists", target.display())).remedy("remove it, or name another file"));
        }
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        check_writable(folder, "name a file elsewhere: halocline pack DIR -o FILE")?;
    }
    Ok(targets)
}

fn compare(dir: &Path, segment: &str, hash: &str) -> Result<()> {
    if hash_named(dir, segment)? == hash {
        return Ok(());
    }
    Err(Error::failure(format!("{}: its contents are not what was written", dir.join(segment).display()))
        .remedy("bring back a copy; `halocline verify DIR` lists all that has changed"))
}
