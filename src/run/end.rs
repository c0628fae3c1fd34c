//! The end of a run: what was written is sealed, the rest is measured, hashed, drawn and reported.
use super::control::Signs;
use super::summary::{self, Seconds};
use super::{Report, Run, Summary, pictures, trace};
use crate::base::Region;
use crate::base::{Kind, Result};
use crate::comm;
use crate::config::Cadence;
use crate::engine::Phase;
use crate::engine::trace::MOST;
use serde_json::Map;
use std::path::PathBuf;
use std::time::Instant;

impl Run<'_> {
    /// Seals streams, reports, draws, and passes on how it ended.
    pub(super) fn finish(mut self, outcome: Result<String>, wall: f64) -> Result<()> {
        let _signs = (self.comm.is_root() && !self.lost).then(|| Signs::give(&self.options.output));
        let wall = (wall - self.simulation.timers().of(Phase::Output)).max(1e-9);
        let started = Instant::now();
        let save = self.file.checkpoint.every != Cadence::Never;
        let outcome = match outcome {
            Ok(_) if save => outcome.and_then(|how| self.save(self.simulation.steps()).map(|()| how)),
            other => other,
        };
        let outcome = if self.lost { outcome } else { outcome.and_then(|how| self.check_life().map(|()| how)) };
        if self.lost {
            // Not even to tidy up: what has the same name is another run's.
            std::mem::forget(std::mem::take(&mut self.recorders));
            return outcome.map(|_| ());
        }
        let failed = outcome.as_ref().is_err_and(|e| e.kind() == crate::base::Kind::Failure);
        if failed && !self.agreed {
            return outcome.map(|_| ());
        }
        for recorder in std::mem::take(&mut self.recorders) {
            recorder.finish()?;
        }
        let settling = self.simulation.timers_mut().record(Phase::Output, started);
        self.keeper.wait()?;
        self.held_up(settling);
        self.settle_replicas()?;
        let started = Instant::now();
        let mut results = Map::new();
        for (name, measured) in self.simulation.diagnose() {
            summary::add_result(&mut results, &name, measured);
        }
        let started = self.simulation.timers_mut().record_as("diagnostics", Phase::Output, started);
        let state = self.simulation.state()?;
        let started = self.simulation.timers_mut().record_as("state", Phase::Output, started);
        let pictures = if outcome.is_ok() { self.pictures()? } else { vec![] };
        self.simulation.timers_mut().record_as("pictures", Phase::Output, started);
        let time = Report::gather(&self.comm, self.simulation.timers(), self.copy_gb_s);
        let summary = self.summary(&outcome, wall, results, state, time);
        let written = if self.comm.is_root() { summary.write(&self.options.output) } else { Ok(()) };
        self.comm.agree(written)?;
        self.keeper.record("end", self.simulation.steps(), &["summary.json".into()])?;
        // Only now nothing in memory is needed any more; after a failure it may be all that there is.
        if !outcome.as_ref().is_err_and(|e| e.kind() != Kind::Stopped) {
            self.room.remove();
        }
        let traced = self.write_trace()?;
        if self.comm.is_root() {
            let text = summary.text();
            if failed {
                eprint!("{text}")
            } else {
                print!("{text}")
            }
            let dir = &self.options.output;
            let files = self.file.output.iter().filter(|(_, s)| s.every != Cadence::Never);
            let files = files.map(|(name, _)| dir.join(format!("{name}.h5")));
            for path in files.filter(|p| p.exists()).chain(pictures).chain([dir.join("summary.json")]) {
                println!("  {}", path.display());
            }
            traced.iter().for_each(|line| println!("  {line}"));
            if outcome.is_ok() {
                println!("state {}", summary.state);
            }
        }
        outcome.map(|_| ())
    }

    fn summary(
        &self,
        outcome: &Result<String>,
        wall: f64,
        results: Map<String, serde_json::Value>,
        state: String,
        time: Report,
    ) -> Summary {
        let simulation = &self.simulation;
        let cells = simulation.fields().declared().grids.first().map_or(0, |g| g.total_cells()) as f64;
        let (checkpoints, checkpoint_bytes) = self.keeper.written();
        let (replicas, replica_bytes) = self.replicas.as_ref().map_or((0, 0), |replicas| replicas.kept());
        let rate = (simulation.steps() - self.resumed.unwrap_or(0)) as f64 / wall;
        Summary {
            job: self.file.job.clone(),
            outcome: outcome.as_ref().map_or_else(|e| e.what().to_owned(), Clone::clone),
            ranks: self.comm.size(),
            transport: self.comm.kind().into(),
            threads: self.comm.threads().count(),
            fusion: simulation.fusion(),
            instruction_set: simulation.fields().declared().instructions.name().into(),
            grid: self.file.grid.cells,
            process_grid: simulation.domain().map_or([1; 3], |d| d.dims),
            element: self.file.engine.element.element_type().name().into(),
            steps: simulation.steps(),
            resumed_from: self.resumed,
            checkpoints,
            checkpoint_bytes,
            checkpoint_s: self.stalled[0],
            replicas,
            replica_bytes,
            replica_s: self.stalled[1],
            time_s: simulation.time(),
            wall_s: wall,
            cells_per_s: cells * rate,
            t_eff_gb_s: simulation.moved() as f64 / wall / 1e9,
            memory_bytes: simulation.memory() as u64,
            messages: simulation.timers().messages,
            sent_bytes: simulation.timers().sent,
            seconds: Seconds::of(simulation.timers()),
            time,
            results,
            state,
        }
    }

    /// Writes what was traced, and says so. Collective.
    fn write_trace(&self) -> Result<Option<String>> {
        let Some(trace) = &self.simulation.timers().trace else { return Ok(None) };
        let path = self.options.output.join("trace.json");
        let full = trace::write(&self.comm, trace, &comm::node(), &path)?;
        let until = full
            .map_or(String::new(), |s| format!(", which ends after {s:.3} s: at most {MOST} spans of a rank are kept"));
        Ok(Some(format!("{}{until}", path.display())))
    }

    /// Pictures of the fields at the end, for streams that ask for them. Collective.
    fn pictures(&self) -> Result<Vec<PathBuf>> {
        let mut paths = vec![];
        for (name, stream) in self.file.output.iter().filter(|(_, s)| s.picture && s.points.is_none()) {
            for (f, d) in self.simulation.fields().declared().fields.iter().enumerate() {
                let wanted = stream.fields.as_ref().map_or(d.output && d.grid == 0, |names| names.contains(&d.name));
                if !wanted {
                    continue;
                }
                let path = self.options.output.join(format!("{name}-{}.png", d.name));
                let when = format!("step {}", self.simulation.steps());
                let cells = self.simulation.fields().declared().grids[0].cells();
                let region = stream.region.as_ref().map_or(Region::of(cells), |r| r.within(cells));
                if pictures::draw(&self.comm, self.simulation.fields(), f, region, &when, &path)? {
                    paths.push(path);
                }
            }
        }
        Ok(paths)
    }
}
