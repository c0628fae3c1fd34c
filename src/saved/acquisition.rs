//! Acquiring a run directory: everything is checked before, and of several processes that try at the same time one succeeds.
use super::attempt::{self, AttemptId, Fence, TimeLevel, last_attempt};
use super::ledger::Ledger;
use super::own_files::{LOCK, OwnFiles};
use super::regular_file;
use super::run_directory::{JOB, check_is_a_run, is_a_run};
use crate::base::message::message;
use crate::base::{Error, Result};
use crate::config::JobFile;
use crate::files::{durable, replace};
use rustix::fs::{Access, FlockOperation, access, flock};
use rustix::io::Errno;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What a run directory looked like when it was checked: it can be acquired only if no other attempt has begun since.
#[derive(Debug, PartialEq)]
pub struct Seen(Option<Vec<u8>>);

impl Seen {
    /// The state of `dir` now.
    pub fn now(dir: &Path) -> Seen {
        Seen(regular_file::read(&dir.join(attempt::FILE)).ok())
    }

    fn check(&self, dir: &Path) -> Result<()> {
        if *self == Seen::now(dir) {
            return Ok(());
        }
        Err(Error::input(format!("another run has taken the folder {} since this one began", dir.display()))
            .remedy("only one run at a time can write to a folder: choose another with --output DIR"))
    }
}

/// Checks that a new run may write to `dir`, without changing anything. It may if the directory is absent or empty or,
/// with `force`, if an earlier run wrote it.
///
/// # Errors
/// If it may not, or the directory cannot be read or written.
pub fn check(dir: &Path, force: bool) -> Result<()> {
    let name = dir.display();
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries.flatten().any(|entry| !is_of_acquisition(&entry.file_name().to_string_lossy())),
        Err(e) if e.kind() == ErrorKind::NotFound => false,
        Err(e) if e.kind() == ErrorKind::NotADirectory => {
            return Err(Error::input(format!("the output {name} is a file")).remedy("choose another with --output DIR"));
        }
        Err(e) => return Err(Error::file("read the output folder", dir, e).as_input()),
    };
    match (entries, is_a_run(dir), force) {
        (false, _, _) | (true, true, true) => check_writable(dir, "choose another with --output DIR"),
        (true, true, false) => Err(Error::input(format!("the output folder {name} holds an earlier run")).remedy(
            "continue it with `halocline resume DIR`, choose another with --output DIR, or overwrite it with --force",
        )),
        (true, false, _) => Err(Error::input(format!("the output folder {name} holds files that no run made"))
            .remedy("choose another with --output DIR; --force overwrites only what an earlier run made")),
    }
}

/// Checks that a new run that overwrites the run in `dir` keeps the file `input`, which it reads.
///
/// # Errors
/// If the earlier run has written the file, or it is not known which files it has written.
pub fn check_keeps(dir: &Path, input: &Path) -> Result<()> {
    let (Ok(dir), Ok(path)) = (dir.canonicalize(), input.canonicalize()) else { return Ok(()) };
    let Some(name) = path.strip_prefix(&dir).ok().and_then(Path::to_str) else { return Ok(()) };
    if !OwnFiles::of(&dir)?.contains(name) {
        return Ok(());
    }
    Err(Error::input(format!("--force would remove {}, an input of this run", input.display()))
        .remedy("choose another folder with --output DIR, or move the file elsewhere"))
}

/// Checks that `dir` is a run directory in which another attempt can begin, without changing anything.
///
/// # Errors
/// If it is not, or cannot be written.
pub fn check_resumable(dir: &Path) -> Result<()> {
    check_is_a_run(dir)?;
    check_writable(dir, "make it writable, or copy it to where it can be written and resume it there")
}

/// Checks that files can be created in `dir` or, if it does not exist, that it can be created.
///
/// # Errors
/// If not, with this remedy.
pub fn check_writable(dir: &Path, remedy: &str) -> Result<()> {
    let existing = dir.ancestors().find(|path| path.as_os_str().is_empty() || path.exists()).unwrap_or(dir);
    let existing = if existing.as_os_str().is_empty() { Path::new(".") } else { existing };
    let writable = access(existing, Access::WRITE_OK | Access::EXEC_OK);
    writable.map_err(|e| Error::file("write to", existing, std::io::Error::from(e)).as_input().remedy(remedy))
}

/// Acquires `dir` for a new run: removes the files of an earlier run and writes `job.toml`. The run also writes the files
/// `planned`, which may replace only files of the earlier run. Files that no run wrote stay. Called on rank 0 only.
///
/// # Errors
/// As [`check`], if another run has acquired the directory since it was `seen`, or if a file cannot be removed or written.
/// Nothing is changed then, except by a failure of the disk.
pub fn acquire(dir: &Path, force: bool, file: &JobFile, planned: &[String], seen: &Seen) -> Result<Fence> {
    check(dir, force)?;
    fs::create_dir_all(dir).map_err(|e| {
        Error::file("create the output folder", dir, e).as_input().remedy("choose another with --output DIR")
    })?;
    let _lock = lock(dir)?;
    seen.check(dir)?;
    check(dir, force)?;
    let own = OwnFiles::of(dir)?;
    let streams: Vec<String> = file.output.keys().cloned().collect();
    own.check_room(dir, &streams, planned)?;
    if is_a_run(dir) {
        own.remove(dir)?;
    }
    remove_control(dir)?;
    create_job(dir, file)?;
    AttemptId::first().begin(dir)
}

/// Acquires the directory of an existing run for its next attempt, with this job file, which continues `from` a replicated
/// state if there is one. The attempt also writes the files `planned`, which may replace only files of the run. Called on
/// rank 0 only.
///
/// # Errors
/// If `dir` is not a run directory or cannot be written, if another attempt has begun since it was `seen`, or if a file that no
/// run wrote would be overwritten.
pub fn reacquire(
    dir: &Path,
    file: &JobFile,
    from: Option<TimeLevel>,
    planned: &[String],
    seen: &Seen,
) -> Result<Fence> {
    check_resumable(dir)?;
    let _lock = lock(dir)?;
    seen.check(dir)?;
    // Without a ledger it is not known which files are the run's own. Earlier versions, which did not record the program, did not
    // name all of them either.
    if Ledger::read(dir).is_ok_and(|ledger| ledger.entries().any(|entry| !entry.program.is_empty())) {
        let streams: Vec<String> = file.output.keys().cloned().collect();
        OwnFiles::of(dir)?.check_room_to_continue(dir, &streams, planned)?;
    }
    let fence = last_attempt(dir).map_or_else(AttemptId::first, |last| last.next(from)).begin(dir)?;
    // The old summary would state that the run is done.
    durable::remove(&dir.join("summary.json"))?;
    remove_control(dir)?;
    let write = |path: &Path| fs::write(path, file.to_toml()).map_err(|e| Error::file("write", path, e));
    replace(&dir.join(JOB), write).map_err(Error::as_input)?;
    Ok(fence)
}

/// Removes the control file: what it requests was meant for an earlier attempt.
fn remove_control(dir: &Path) -> Result<()> {
    let path = dir.join("control");
    match fs::symlink_metadata(&path) {
        Ok(entry) if !entry.is_dir() => {
            message!("warning: {} is from before this attempt: its requests are ignored", path.display());
            durable::remove(&path)
        }
        _ => Ok(()),
    }
}

/// Writes `job.toml` unless it exists: a file system creates a hard link once only, for whichever process comes first.
fn create_job(dir: &Path, file: &JobFile) -> Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let (part, path) = (dir.join(format!(".{JOB}.{now:x}-{}.part", std::process::id())), dir.join(JOB));
    let written = fs::write(&part, file.to_toml()).and_then(|()| File::open(&part)?.sync_all());
    let linked = written.and_then(|()| match fs::hard_link(&part, &path) {
        // File systems without hard links.
        Err(e) if e.kind() != ErrorKind::AlreadyExists && !path.exists() => fs::rename(&part, &path),
        linked => linked,
    });
    durable::discard(&part);
    linked.map_err(|e| match e.kind() {
        ErrorKind::AlreadyExists => {
            Error::input(format!("another run has taken the folder {} at the same time", dir.display()))
                .remedy("choose another with --output DIR")
        }
        _ => Error::file("write", &path, e).as_input(),
    })
}

/// True for a file that exists only because a process acquires a directory or has tried to.
fn is_of_acquisition(name: &str) -> bool {
    name == LOCK || name.starts_with(&format!(".{JOB}.")) && name.ends_with(".part")
}

/// Locks `dir` against other processes that acquire it, until the returned file is dropped. Where the file system cannot
/// lock, there is no lock: [`Seen`] and the hard link of `job.toml` then decide.
fn lock(dir: &Path) -> Result<Option<File>> {
    let path: PathBuf = dir.join(LOCK);
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|e| Error::file("write", &path, e).as_input())?;
    for _ in 0..TRIES {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(Some(file)),
            Err(Errno::WOULDBLOCK) => sleep(PAUSE),
            Err(Errno::INTR) => {}
            Err(_) => return Ok(None),
        }
    }
    Err(Error::input(format!("another process is taking the folder {} and does not finish", dir.display()))
        .remedy("only one run at a time can write to a folder: choose another with --output DIR"))
}

/// Time between two attempts to lock a directory, and their number: a lock is held for milliseconds.
const PAUSE: Duration = Duration::from_millis(20);
const TRIES: usize = 1500;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::saved::ledger::Entry;
    use std::collections::BTreeMap;
    use std::os::unix::fs::PermissionsExt;

    fn file() -> JobFile {
        let text = "job = 'x'\ngrid.cells = [8]\ntime.end = '1 s'\noutput.fields.every = '1 s'";
        JobFile::parse("a.toml", text, &[]).unwrap()
    }

    fn start(dir: &Path, force: bool) -> Result<Fence> {
        acquire(dir, force, &file(), &["fields.h5".into()], &Seen::now(dir))
    }

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn only_files_that_the_ledger_names_are_overwritten() {
        let top = tempfile::tempdir().unwrap();
        let dir = top.path().join("runs/a");
        start(&dir, false).unwrap();
        let own = ["fields.h5", "fields-T.png", "fields/000000.h5"];
        let other = ["fields_backup.h5", "fields-mine.png", "fields/notes.txt", "checkpoints/mine.h5", "other.h5"];
        fs::create_dir_all(dir.join("fields")).unwrap();
        fs::create_dir_all(dir.join("checkpoints")).unwrap();
        for name in own.into_iter().chain(other).chain([".fields.h5.part", "fields/.000001.h5.part", "summary.json"]) {
            fs::write(dir.join(name), "x").unwrap();
        }
        let files: BTreeMap<String, String> = own.iter().map(|name| (name.to_string(), "0".into())).collect();
        let stray = "../../outside".to_owned();
        fs::write(top.path().join("outside"), "x").unwrap();
        Ledger::new(&dir)
            .add(Entry { what: "begin".into(), files, uncovered: vec![stray], ..Entry::default() })
            .unwrap();
        let message = start(&dir, false).unwrap_err();
        assert!(message.what().ends_with("holds an earlier run"), "{message}");
        assert!(dir.join("fields/000000.h5").exists());
        start(&dir, true).unwrap();
        assert_eq!(
            names(&dir),
            [".life", ".lock", "checkpoints", "fields", "fields-mine.png", "fields_backup.h5", "job.toml", "other.h5"]
        );
        assert_eq!(
            (names(&dir.join("fields")), names(&dir.join("checkpoints"))),
            (vec!["notes.txt".into()], vec!["mine.h5".into()])
        );
        assert!(top.path().join("outside").exists());
        // A file in the way that no run wrote stops the run before anything is removed.
        for name in ["fields/000003.h5", "checkpoints/000000000007.h5", "fields.h5"] {
            fs::write(dir.join(name), "mine").unwrap();
            let message = start(&dir, true).unwrap_err();
            assert!(message.what().contains(name) && message.what().ends_with("no run wrote it"), "{message}");
            assert!(dir.join("job.toml").exists());
            fs::remove_file(dir.join(name)).unwrap();
        }
        fs::write(dir.join("ledger.jsonl"), "x").unwrap();
        let message = start(&dir, true).unwrap_err();
        assert!(message.what().contains("not known which files"), "{message}");
    }

    #[test]
    fn nothing_is_removed_if_something_cannot_be() {
        let top = tempfile::tempdir().unwrap();
        let dir = top.path().join("run");
        start(&dir, false).unwrap();
        let files = BTreeMap::from([("fields/000000.h5".to_owned(), "0".to_owned())]);
        Ledger::new(&dir)
            .add(Entry { what: "begin".into(), files, uncovered: vec!["fields.h5".into()], ..Entry::default() })
            .unwrap();
        let elsewhere = top.path().join("elsewhere");
        let refused = |text: &str| {
            let before = names(&dir);
            let message = start(&dir, true).unwrap_err();
            assert!(message.what().contains(text) && message.exit_code() == 2, "{text}: {message}");
            assert_eq!(names(&dir), before);
        };
        fs::write(dir.join("fields.h5"), "x").unwrap();
        fs::create_dir(&elsewhere).unwrap();
        fs::write(elsewhere.join("000000.h5"), "x").unwrap();
        std::os::unix::fs::symlink(&elsewhere, dir.join("fields")).unwrap();
        refused("fields is a symbolic link");
        assert!(elsewhere.join("000000.h5").exists());
        fs::remove_dir_all(&elsewhere).unwrap();
        refused("fields is a symbolic link");
        fs::remove_file(dir.join("fields")).unwrap();
        fs::create_dir_all(dir.join("fields/000000.h5")).unwrap();
        refused("it is a folder");
        fs::remove_dir(dir.join("fields/000000.h5")).unwrap();
        fs::write(dir.join("fields/000000.h5"), "x").unwrap();
        let mode = |mode| fs::set_permissions(dir.join("fields"), fs::Permissions::from_mode(mode)).unwrap();
        mode(0o500);
        // The administrator may write everywhere.
        if access(dir.join("fields"), Access::WRITE_OK).is_err() {
            refused("cannot overwrite");
        }
        mode(0o700);
        start(&dir, true).unwrap();
        assert_eq!(names(&dir), [".life", ".lock", "job.toml"]);
    }

    #[test]
    fn the_next_attempt_overwrites_no_files_of_the_user() {
        let top = tempfile::tempdir().unwrap();
        let dir = top.path().join("run");
        start(&dir, false).unwrap();
        let own = ["fields.h5".to_owned()];
        let begin = || Entry { what: "begin".into(), program: "0.1.0".into(), ..Entry::default() };
        Ledger::new(&dir).add(Entry { uncovered: own.to_vec(), ..begin() }).unwrap();
        let text = "job = 'x'\ngrid.cells = [8]\ntime.end = '1 s'\noutput.extra.every = '1 s'";
        let file = JobFile::parse("a.toml", text, &[]).unwrap();
        let resumed = || reacquire(&dir, &file, None, &["fields.h5".into(), "extra.h5".into()], &Seen::now(&dir));
        fs::create_dir(dir.join("extra")).unwrap();
        for name in ["extra.h5", "extra/000000.h5"] {
            fs::write(dir.join(name), "mine").unwrap();
            let before = Seen::now(&dir);
            let message = resumed().unwrap_err();
            assert!(message.what().contains(name) && message.what().ends_with("no run wrote it"), "{message}");
            assert_eq!(before, Seen::now(&dir));
            fs::remove_file(dir.join(name)).unwrap();
        }
        fs::write(dir.join("fields.h5"), "its own").unwrap();
        resumed().unwrap();
        // The ledger of an earlier version does not name all of its files.
        fs::remove_file(dir.join("ledger.jsonl")).unwrap();
        fs::write(dir.join("extra.h5"), "its own").unwrap();
        Ledger::new(&dir).add(Entry { program: String::new(), ..begin() }).unwrap();
        resumed().unwrap();
        // Without a ledger all may be its own.
        fs::remove_file(dir.join("ledger.jsonl")).unwrap();
        resumed().unwrap();
    }

    #[test]
    fn of_two_starts_one_wins_however_slow_the_other_is() {
        let top = tempfile::tempdir().unwrap();
        for force in [false, true] {
            let dir = top.path().join(format!("{force}"));
            if force {
                start(&dir, false).unwrap();
            }
            // Both have checked before one acquires.
            let seen = [Seen::now(&dir), Seen::now(&dir)];
            check(&dir, force).unwrap();
            let first = acquire(&dir, force, &file(), &[], &seen[0]).unwrap();
            let message = acquire(&dir, force, &file(), &[], &seen[1]).unwrap_err();
            assert_eq!(message.exit_code(), 2, "{message}");
            first.check().unwrap();
        }
        // Many at once, from the check on.
        for round in 0..20 {
            let dir = top.path().join(format!("at once {round}"));
            let won = std::thread::scope(|scope| {
                let starts: Vec<_> = (0..4).map(|_| scope.spawn(|| start(&dir, false))).collect();
                starts.into_iter().map(|start| start.join().unwrap()).filter(Result::is_ok).count()
            });
            assert_eq!(won, 1);
        }
        // And without locks.
        let dir = top.path().join("link");
        fs::create_dir(&dir).unwrap();
        create_job(&dir, &file()).unwrap();
        assert!(create_job(&dir, &file()).unwrap_err().what().contains("at the same time"));
    }

    #[test]
    fn a_run_directory_belongs_to_the_last_attempt() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        let first = start(dir, false).unwrap();
        first.check().unwrap();
        let from = Some(TimeLevel { attempt: 1, step: 40 });
        let seen = Seen::now(dir);
        fs::write(dir.join("control"), "stop").unwrap();
        let second = reacquire(dir, &file(), from, &[], &seen).unwrap();
        second.check().unwrap();
        assert!(!dir.join("control").exists(), "a request from before");
        assert_eq!((&second.attempt.run, second.attempt.number, second.attempt.from), (&first.attempt.run, 2, from));
        assert_eq!(last_attempt(dir), Some(second.attempt.clone()));
        assert!(first.check().unwrap_err().what().starts_with("another run has taken over"));
        let late = reacquire(dir, &file(), from, &[], &seen).unwrap_err();
        assert!(late.what().contains("since this one began"), "{late}");
        start(dir, true).unwrap();
        assert!(second.check().is_err());
        assert_ne!(last_attempt(dir).unwrap().run, first.attempt.run, "another run");
        let none = dir.join("none");
        assert!(reacquire(&none, &file(), None, &[], &Seen::now(&none)).is_err());
    }

    #[test]
    fn files_of_the_user_are_never_overwritten() {
        let top = tempfile::tempdir().unwrap();
        fs::write(top.path().join("job.toml"), "job = 'x'").unwrap();
        for force in [false, true] {
            let message = start(top.path(), force).unwrap_err();
            assert!(message.what().ends_with("holds files that no run made"), "{message}");
        }
        let message = check(&top.path().join("job.toml"), true).unwrap_err();
        assert!(message.what().ends_with("is a file"), "{message}");
        assert_eq!(fs::read(top.path().join("job.toml")).unwrap(), b"job = 'x'");
        assert_eq!(names(top.path()), ["job.toml"]);
        check(&top.path().join("absent"), false).unwrap();
    }
}
