//! The end of an attempt: output is sealed, the final state saved, and the run is measured, hashed, drawn and reported.
use super::attempt::Attempt;
use super::heartbeat::Heartbeat;
use super::pictures::{self, Picture};
use super::report::Report;
use super::summary::{Seconds, Summary, add_result};
use super::trace;
use crate::base::message::{self, message};
use crate::base::{Kind, Region, Result};
use crate::comm;
use crate::config::Cadence;
use crate::engine::Phase;
use crate::engine::trace::MOST;
use crate::model::Clock;
use serde_json::{Map, Value};
use std::time::Instant;

/// Ends an attempt that stepped for `wall` seconds, and returns its `outcome` or the error of ending it. Collective unless
/// the attempt failed on some ranks only.
pub(super) fn finish(mut attempt: Attempt, outcome: Result<String>, wall: f64) -> Result<()> {
    let is_root = attempt.comm.is_root();
    let _heartbeat = (is_root && !attempt.ownership.is_lost()).then(|| Heartbeat::start(&attempt.dir));
    let wall = (wall - attempt.simulation.timers().of(Phase::Output)).max(1e-9);
    let mut started = Instant::now();
    let outcome = match outcome {
        Ok(how) if attempt.checkpoints.is_on() || attempt.file.checkpoint.at_end => {
            let saved = attempt.save(attempt.simulation.steps());
            // The snapshot has a time of its own.
            started = Instant::now();
            complete_final_state(&mut attempt, saved).map(|()| how)
        }
        other => other,
    };
    let outcome = match attempt.ownership.is_lost() {
        true => outcome,
        false => outcome.and_then(|how| attempt.ownership.check(&attempt.comm).map(|()| how)),
    };
    if attempt.ownership.is_lost() {
        // Files of the same names belong to another attempt now: do not even remove temporary files.
        attempt.streams.forget();
        return outcome.map(|_| ());
    }
    let failed = outcome.as_ref().is_err_and(|e| e.kind() == Kind::Failure);
    if failed && !attempt.all_know {
        return outcome.map(|_| ());
    }
    let reported = report(&mut attempt, &outcome, wall, started);
    // An error of the report must not hide the error of the run: a full disk causes both.
    outcome.and(reported)
}

/// Seals the output, completes saved states, and writes the summary of the run, which also is printed. Collective.
fn report(attempt: &mut Attempt, outcome: &Result<String>, wall: f64, started: Instant) -> Result<()> {
    let (is_root, dir) = (attempt.comm.is_root(), attempt.dir.clone());
    let failed = outcome.as_ref().is_err_and(|e| e.kind() == Kind::Failure);
    let notes = if outcome.is_ok() { attempt.write_end()? } else { vec![] };
    let overflows = attempt.streams.overflows();
    if is_root {
        overflows.iter().for_each(|overflow| message!("warning: {overflow}; write the stream with element = \"f64\""));
    }
    attempt.streams.finish()?;
    let drawn = outcome.is_ok() && attempt.file.series.picture;
    let series = attempt.series.finish(&dir, drawn);
    let series = attempt.comm.agree(series)?;
    let settling = attempt.simulation.timers_mut().record(Phase::Output, started);
    attempt.checkpoints.wait()?;
    attempt.checkpoints.paused(settling, attempt.simulation.timers_mut());
    attempt.replication.wait()?;
    let started = Instant::now();
    let mut results = Map::new();
    for (name, measured) in attempt.simulation.diagnostics() {
        add_result(&mut results, &name, measured);
    }
    let started = attempt.simulation.timers_mut().record_as("diagnostics", Phase::Output, started);
    let state = attempt.simulation.state()?;
    let started = attempt.simulation.timers_mut().record_as("state", Phase::Output, started);
    let pictures = if outcome.is_ok() { draw(&mut *attempt)? } else { vec![] };
    attempt.simulation.timers_mut().record_as("pictures", Phase::Output, started);
    let time = Report::gather(&attempt.comm, attempt.simulation.timers(), attempt.copy_gb_s);
    let mut summary = summary(attempt, outcome, wall, results, state, time);
    summary.notes = [notes, overflows].concat();
    attempt.comm.agree(if is_root { summary.write(&dir) } else { Ok(()) })?;
    let trace = write_trace(attempt)?;
    let files = if is_root { written(attempt, &pictures, &series) } else { vec![] };
    attempt.checkpoints.add_to_ledger("end", attempt.simulation.steps(), &files)?;
    // The state in memory is removed last, and kept after a failure, when it may be the only one.
    if !outcome.as_ref().is_err_and(|e| e.kind() != Kind::Stopped) {
        attempt.memory.remove();
    }
    if is_root {
        let text = summary.text();
        if failed {
            message::to_stderr(format_args!("{text}"))
        } else {
            message::to_stdout(format_args!("{text}"))
        }
        let files = attempt.file.output.iter().filter(|(_, s)| s.every != Cadence::Never);
        let files = files.map(|(name, _)| dir.join(format!("{name}.h5")));
        for path in files
            .filter(|p| p.exists())
            .chain(pictures.iter().chain(&series).map(|name| dir.join(name)))
            .chain([dir.join("summary.json")])
        {
            message::to_stdout(format_args!("  {}\n", path.display()));
        }
        trace.iter().for_each(|line| message::to_stdout(format_args!("  {line}\n")));
        if outcome.is_ok() {
            message::to_stdout(format_args!("state {}\n", summary.state));
        }
    }
    Ok(())
}

fn summary(
    attempt: &Attempt,
    outcome: &Result<String>,
    wall: f64,
    results: Map<String, Value>,
    state: String,
    time: Report,
) -> Summary {
    let (simulation, file, comm) = (&attempt.simulation, attempt.file, &attempt.comm);
    let cells = simulation.fields().declared().grids.first().map_or(0, |g| g.total_cells()) as f64;
    let (checkpoints, checkpoint_bytes) = attempt.checkpoints.written();
    let (replicas, replica_bytes) = attempt.replication.kept();
    let rate = (simulation.steps() - attempt.resumed_from.unwrap_or(0)) as f64 / wall;
    Summary {
        job: file.job.clone(),
        outcome: outcome.as_ref().map_or_else(|e| e.what().to_owned(), Clone::clone),
        ranks: comm.size(),
        transport: comm.kind().into(),
        threads: comm.threads().count(),
        fusion: simulation.fusion(),
        instruction_set: simulation.fields().declared().instructions.name().into(),
        grid: file.grid.cells,
        process_grid: simulation.domain().map_or([1; 3], |d| d.dims),
        element: file.engine.element.name().into(),
        steps: simulation.steps(),
        resumed_from: attempt.resumed_from,
        checkpoints,
        checkpoint_bytes,
        checkpoint_s: attempt.checkpoints.paused_s(),
        replicas,
        replica_bytes,
        replica_s: attempt.replication.paused_s(),
        time_s: (simulation.clock() != Clock::Steps).then(|| simulation.time()),
        wall_s: wall,
        cells_per_s: cells * rate,
        t_eff_gb_s: simulation.moved() as f64 / wall / 1e9,
        memory_bytes: simulation.memory() as u64,
        messages: simulation.timers().messages,
        sent_bytes: simulation.timers().sent,
        seconds: Seconds::of(simulation.timers()),
        time,
        results,
        notes: vec![],
        state,
    }
}

/// Writes `trace.json` if a trace was recorded, and returns the line that names it. Collective.
fn write_trace(attempt: &Attempt) -> Result<Option<String>> {
    let Some(trace) = &attempt.simulation.timers().trace else { return Ok(None) };
    let path = attempt.dir.join("trace.json");
    let full = trace::write(&attempt.comm, trace, &comm::node(), &path)?;
    let until =
        full.map_or(String::new(), |s| format!(", which ends after {s:.3} s: at most {MOST} spans of a rank are kept"));
    Ok(Some(format!("{}{until}", path.display())))
}

/// Draws the final fields of the streams that ask for pictures, and returns the names of the files. Collective.
fn draw(attempt: &mut Attempt) -> Result<Vec<String>> {
    let wanted = pictures::wanted(attempt.file, attempt.simulation.fields());
    let fields: Vec<usize> = wanted.iter().map(|picture| picture.field).collect();
    attempt.simulation.derive(&fields)?;
    let (store, mut names) = (attempt.simulation.fields(), vec![]);
    for Picture { stream, field, name } in wanted {
        let step = attempt.simulation.steps();
        let when = match attempt.simulation.clock() {
            Clock::Steps => format!("step {step}"),
            _ => format!("t = {} s, step {step}", attempt.simulation.time() as f32),
        };
        let cells = store.declared().grids[0].cells();
        let region = attempt.file.output[&stream].region.as_ref().map_or(Region::of(cells), |r| r.within(cells));
        if pictures::draw(&attempt.comm, store, field, region, &when, &attempt.dir.join(&name))? {
            names.push(name);
        }
    }
    Ok(names)
}

/// Waits until the final state is on disk. Without checkpoints at a cadence, a failure is only a warning: the results are complete.
/// Collective.
fn complete_final_state(attempt: &mut Attempt, saved: Result<()>) -> Result<()> {
    let saved = saved.and_then(|()| {
        let written = attempt.checkpoints.wait();
        attempt.note(written)
    });
    match saved {
        Err(e) if !attempt.checkpoints.is_on() && !attempt.ownership.is_lost() => {
            if attempt.comm.is_root() {
                let dir = attempt.dir.display();
                message!("warning: the final state is not saved, so {dir} cannot be extended: {e}");
            }
            Ok(())
        }
        saved => saved,
    }
}

/// The files beside the segments that the run has written until its end, by their names in the run directory.
fn written(attempt: &Attempt, pictures: &[String], series: &[String]) -> Vec<String> {
    let streams = attempt.file.output.keys().flat_map(|name| [format!("{name}.h5"), format!("{name}.xdmf")]);
    let others = pictures.iter().chain(series).cloned().chain(["summary.json".into()]);
    let traced = attempt.simulation.timers().trace.is_some();
    let trace = traced.then(|| "trace.json".to_owned());
    streams.chain(others).chain(trace).filter(|name| attempt.dir.join(name).is_file()).collect()
}
