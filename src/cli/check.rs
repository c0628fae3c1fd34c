//! `halocline check`: all checks of a run without running it, and a description of what the run would do.
use super::arguments::{CheckArguments, RunArguments};
use super::start::{plan_elsewhere, prepare_run};
use crate::base::Result;
use crate::comm::Comm;
use crate::config::{Cadence, JobFile};
use crate::model::Clock;
use crate::run::{self, Destination, JobEntry, Nodes, Plan};
use indicatif::DecimalBytes;
use std::fmt::Write;
use std::num::NonZeroUsize;
use std::thread::available_parallelism;

/// `halocline check`: checks a job file completely, and describes the cost of the run.
pub(super) fn check(jobs: &[JobEntry], arguments: CheckArguments) -> Result<String> {
    let CheckArguments { run, ranks_per_node, memory } = arguments;
    let name = run.job.file.display().to_string();
    let asked = run.machine.ranks.map_or(1, NonZeroUsize::get);
    // A plan for more ranks than this machine would run is for other machines.
    let prepare = if asked == ranks_here(asked) { prepare_run } else { plan_elsewhere };
    let Some((job, options)) = prepare(jobs, run)? else {
        return Ok(format!("{name}: the run is already complete: nothing to do\n"));
    };
    let file = job.file();
    let ranks = options.ranks.map(NonZeroUsize::get).or(file.parallel.count()).unwrap_or(1);
    let to = Destination { dir: &options.output, force: options.force, resumes: options.resume.is_some() };
    let nodes = Nodes { ranks: ranks_per_node.map_or_else(|| ranks_here(ranks), NonZeroUsize::get), memory };
    let fits = |plan: &Plan| run::check_nodes(file, plan, ranks, nodes);
    let (plan, notes) = run::check(&job, &Comm::alone(), ranks, to, fits)?;
    let mut text = description(&name, file, &plan, ranks)?;
    notes.iter().for_each(|note| _ = writeln!(text, "  note: {}", note.replace('\n', "\n  ")));
    Ok(text)
}

/// The checks of [`check`] for a run on other nodes, whose memory is not known.
pub(super) fn check_elsewhere(jobs: &[JobEntry], arguments: RunArguments, ranks: usize) -> Result<()> {
    let Some((job, options)) = plan_elsewhere(jobs, arguments)? else { return Ok(()) };
    let to = Destination { dir: &options.output, force: options.force, resumes: options.resume.is_some() };
    run::check(&job, &Comm::alone(), ranks, to, |_| Ok(())).map(drop)
}

/// The number of ranks on a node that is assumed: all, or as many as this machine has cores if it has far too few for all.
fn ranks_here(ranks: usize) -> usize {
    let cores = available_parallelism().map_or(1, NonZeroUsize::get);
    if ranks <= 4 * cores { ranks } else { cores }
}

/// Describes a run: steps, ranks, memory, traffic, and what it writes.
fn description(name: &str, file: &JobFile, plan: &Plan, ranks: usize) -> Result<String> {
    let (program, [z, y, x]) = (&plan.program, file.grid.cells);
    let (end, element) = (file.time.end, file.engine.element.name());
    let at_most = if plan.may_stop { "up to " } else { "" };
    let mut text = format!(
        "{name}: no errors found\n  {} on {z} × {y} × {x} cells of {element}, until {end}{}\n",
        file.job,
        match plan.steps {
            Some(steps) => format!(": {at_most}{steps} step{}", plural(steps)),
            None => ": the number of steps depends on the solution".into(),
        }
    );
    let lengths: Vec<String> = (0..3)
        .filter(|&a| file.grid.cells[a] > 1)
        .map(|a| format!("{}", (file.grid.length[a] / file.grid.cells[a] as f64) as f32))
        .collect();
    let step = match program.declared.clock {
        Clock::Fixed(dt) => format!(", steps of {} s", dt as f32),
        Clock::Adaptive => ", steps that depend on the solution".into(),
        Clock::Steps => String::new(),
    };
    if !lengths.is_empty() {
        let _ = writeln!(text, "  cells of {} m{step}", lengths.join(" × "));
    }
    let largest = |bytes: &dyn Fn(usize) -> Result<u64>| -> Result<u64> {
        Ok((0..ranks).map(bytes).collect::<Result<Vec<u64>>>()?.into_iter().max().unwrap_or(0))
    };
    let fields = largest(&|rank| program.memory(rank))?;
    let memory = largest(&|rank| plan.memory(rank))?;
    let most = program.most_ranks()?.map_or(String::new(), |most| format!(" (at most {most})"));
    let _ = writeln!(
        text,
        "  {ranks} rank{}{most}, process grid {:?}, {} of fields on a rank, {} of memory with copies for output",
        plural(ranks as u64),
        program.process_grid(),
        DecimalBytes(fields),
        DecimalBytes(memory)
    );
    let _ = write!(text, "  a step moves {} in memory", DecimalBytes(program.bytes_per_step()));
    if ranks > 1 {
        let (messages, bytes) = program.messages().into_iter().max_by_key(|m| m.1).unwrap_or((0, 0));
        let sent = DecimalBytes(bytes as u64);
        let _ = write!(text, ", and sends {messages} messages with {sent} in all from the busiest rank");
    }
    text.push('\n');
    for stream in &plan.streams {
        let (name, each) = (&stream.name, DecimalBytes(stream.bytes));
        let _ = match stream.instants {
            Some(instants) => writeln!(
                text,
                "  the stream `{name}` writes {at_most}{instants} instant{} of {each}: {}",
                plural(instants),
                DecimalBytes(instants.saturating_mul(stream.bytes))
            ),
            None => writeln!(text, "  the stream `{name}` writes instants of {each}: how many depends on the solution"),
        };
    }
    let recorded = &program.declared.series;
    let columns = || recorded.iter().map(|recorded| recorded.name.as_str()).collect::<Vec<_>>().join(", ");
    let _ = match file.series.every {
        _ if recorded.is_empty() => Ok(()),
        Cadence::Never => Ok(()),
        every => writeln!(text, "  the series has a row every {every}: {}", columns()),
    };
    let state = program.bytes_of_state();
    let _ = write!(text, "  a checkpoint takes {} on disk", DecimalBytes(plan.bytes_of_checkpoint()));
    let _ = match plan.bytes_of_checkpoints() {
        0 => writeln!(text, ", and none is written"),
        bytes => writeln!(text, ", all that are kept up to {}", DecimalBytes(bytes)),
    };
    if file.replica.is_on() {
        // A rank keeps its own part and the part of another rank, for two alternating replicas.
        let each = DecimalBytes(4 * state.div_ceil(ranks as u64));
        let _ = writeln!(text, "  a replica takes up to {each} of memory per rank");
    }
    Ok(text)
}

fn plural(n: u64) -> &'static str {
    if n == 1 { "" } else { "s" }
}
