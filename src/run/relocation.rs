//! What a run does when its directory is moved or removed: it saves its state in the new place, or beside the old one, and stops.
use super::attempt::{Attempt, how_to_continue};
use crate::base::message::message;
use crate::base::{Error, Kind, Result};
use crate::files::replace;
use crate::saved::attempt::Fence;
use crate::saved::place::{Change, Place};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// How the names of directories end in which the state of a removed run is saved.
const BESIDE: &str = "-saved";

impl Attempt<'_> {
    /// If the run directory was moved or removed: continues in its new place, or in a new directory beside it, warns, and returns
    /// what has happened. Collective.
    ///
    /// # Errors
    /// If no directory can be made.
    pub(super) fn relocate(&mut self) -> Result<Option<&'static str>> {
        let old = self.dir.clone();
        let change = self.place.as_ref().and_then(|place| place.change(&old));
        let found = match &change {
            None => Ok(None),
            Some(Change::Moved(to)) => Ok(Some((to.clone(), true))),
            Some(Change::Removed) => self.create_beside().map(|beside| Some((beside, false))),
        };
        let found = self.comm.agree(found)?;
        let found = self.comm.share(self.comm.is_root().then(|| Vec::from_iter(found)));
        let Some((dir, moved)) = found.into_iter().next() else { return Ok(None) };
        if !moved {
            // Their files are gone.
            self.streams.forget();
        }
        self.streams.move_to(&dir);
        let series = self.series.move_to(&dir, !moved);
        self.comm.agree(series)?;
        let fence = self.ownership.move_to(&dir);
        self.checkpoints.move_to(&dir, fence)?;
        self.control.iter_mut().for_each(|control| control.move_to(&dir));
        self.place = self.comm.is_root().then(|| Place::of(&dir));
        if self.comm.is_root() {
            let (old, dir) = (old.display(), dir.display());
            match moved {
                true => message!("warning: the run directory {old} was moved to {dir} during the run"),
                false => {
                    message!("warning: the run directory {old} was removed during the run; its state goes to {dir}")
                }
            }
        }
        self.dir = dir;
        Ok(Some(if moved { "the move of the run directory" } else { "the removal of the run directory" }))
    }

    /// On rank 0: makes a directory beside the removed one, with the job file and the attempt file.
    fn create_beside(&self) -> Result<PathBuf> {
        let old = std::path::absolute(&self.dir).unwrap_or_else(|_| self.dir.clone());
        let name = old.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let names = (1..1000).map(|i| if i == 1 { format!("{name}{BESIDE}") } else { format!("{name}{BESIDE}-{i}") });
        let parent = old.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(parent).map_err(|e| Error::file("create", parent, e))?;
        for dir in names.map(|name| old.with_file_name(name)) {
            match fs::create_dir(&dir) {
                Err(e) if e.kind() == ErrorKind::AlreadyExists => continue,
                made => made.map_err(|e| Error::file("create", &dir, e))?,
            }
            let write = |path: &Path| fs::write(path, self.file.to_toml()).map_err(|e| Error::file("write", path, e));
            replace(&dir.join("job.toml"), write)?;
            self.ownership.fence().map_or(Ok(()), |fence: &Fence| fence.begin_in(&dir))?;
            return Ok(dir);
        }
        Err(Error::failure(format!("there is no name left beside {}", old.display())))
    }

    /// The outcome of stepping, after the state was saved if the run directory was moved or removed. Collective unless the
    /// attempt failed on some ranks only.
    pub(super) fn saved_elsewhere(&mut self, outcome: Result<String>) -> Result<String> {
        let failed = outcome.as_ref().is_err_and(|e| e.kind() == Kind::Failure);
        if failed && !self.all_know {
            return outcome;
        }
        match (self.relocate(), outcome) {
            (Ok(Some(by)), Err(error)) if failed => {
                let (dir, step) = (self.dir.clone(), self.simulation.steps());
                let stopped = Error::stopped(format!("stopped by {by} after step {step}"));
                if self.torn {
                    // Not all instants of this step were written: the state before it is continued.
                    let remedy = format!("continue from the last checkpoint with `halocline resume {}`", dir.display());
                    return Err(stopped.remedy(remedy));
                }
                // If the state is not fit to be saved, that was the reason.
                let saved = self.write_missed_output(step).and_then(|()| self.save(step));
                saved.and_then(|()| self.wait_for_checkpoint()).map_err(|_| error)?;
                Err(stopped.remedy(how_to_continue(&dir)))
            }
            (_, outcome) => outcome,
        }
    }
}
