//! Entry points for the fuzz targets in `fuzz/` and for `tests/hostile_bytes.rs`: readers of files that may hold any bytes.
//! Not part of the public interface. Each function returns whether the bytes were accepted; none may panic.
use crate::config::JobFile;
use crate::engine::Saved;
use crate::files::input;
use crate::saved::checkpoint::Checkpoint;
use crate::saved::ledger::Ledger;
use crate::saved::replica::shard as shards;
use crate::saved::verify;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use xxhash_rust::xxh3::xxh3_128;

/// A file that exists while a reader is tried on it, in a folder of its own.
struct Scratch(PathBuf);

impl Scratch {
    fn with(name: &str, bytes: &[u8]) -> Scratch {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let (process, number) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(format!("halocline-fuzzing-{process}-{number}"));
        let file = folder.join(name);
        let written = fs::create_dir_all(file.parent().unwrap_or(&folder)).and_then(|()| fs::write(&file, bytes));
        written.expect("the folder for temporary files is writable");
        Scratch(folder)
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Reads all of a NetCDF file with variables `packed`, `wind` and `day`.
pub fn netcdf3(bytes: &[u8]) -> bool {
    let scratch = Scratch::with("a.nc", bytes);
    let path = scratch.path().join("a.nc");
    let read = |name| {
        let dims: Vec<usize> = input::variable(&path, name)?.dims.iter().map(|d| d.1).collect();
        // A file may be sparse, so that it is not too short for what its header says.
        let size = dims.iter().try_fold(1usize, |size, n| size.checked_mul(*n));
        match size.filter(|size| *size < 1 << 20) {
            Some(_) => input::read(&path, name, &vec![0; dims.len()], &dims).map(|_| ()),
            None => Ok(()),
        }
    };
    // Not `all`, which would leave out what follows the first failure.
    ["packed", "wind", "day"].map(|name| read(name).is_ok()) == [true; 3]
}

/// Parses a job file; what it is written as must be a job file, too.
pub fn job_file(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let file = JobFile::parse("job.toml", text, &[]);
    if let Ok(file) = &file {
        JobFile::parse("again.toml", &file.to_toml(), &[]).expect("a job file as halocline writes it");
    }
    file.is_ok()
}

/// Reads the ledger of a run.
pub fn ledger(bytes: &[u8]) -> bool {
    let scratch = Scratch::with("ledger.jsonl", bytes);
    Ledger::read(scratch.path()).is_ok_and(|ledger| ledger.entries().next().is_some())
}

/// Reads a checkpoint and checks all its blocks.
pub fn checkpoint(bytes: &[u8]) -> bool {
    let scratch = Scratch::with("checkpoints/000000001000.h5", bytes);
    let folder = scratch.path().join("checkpoints");
    let path = folder.join("000000001000.h5");
    // The name states the step.
    if let Ok(checkpoint) = Checkpoint::open(&path) {
        let _ = fs::rename(&path, folder.join(format!("{:012}.h5", checkpoint.step())));
    }
    // There is no ledger, and only that may be wrong.
    verify(scratch.path(), None).is_err_and(|e| e.to_string().starts_with("1 of ") && e.what().contains("no ledger"))
}

/// Reads one rank's part of a replica.
pub fn shard(bytes: &[u8]) -> bool {
    let scratch = Scratch::with("shard", bytes);
    let path = scratch.path().join("shard");
    shards::Manifest::of_file(&path).is_some_and(|manifest| shards::read(&path, &manifest).is_some())
}

/// A shard whose header has its right hash again, without which nothing else in it is looked at.
pub fn sealed_shard(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if let Some((seal, rest)) = bytes.split_at_mut_checked(64) {
        let length = u64::from_ne_bytes(seal[16..24].try_into().expect("8 bytes")).min(rest.len() as u64);
        seal[16..24].copy_from_slice(&length.to_ne_bytes());
        seal[24..40].copy_from_slice(&xxh3_128(&rest[..length as usize]).to_le_bytes());
    }
    bytes
}
