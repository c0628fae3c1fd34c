//! `trace.json`: what each rank did when, in the format of Perfetto and chrome://tracing.
use crate::base::{Error, Result};
use crate::comm::{Comm, Reduce};
use crate::engine::trace::{SpanKind, Trace, TraceSpan};
use serde_json::{Value, json};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// Barriers that synchronise the clocks of ranks. With more ranks than cores some ranks leave a barrier late: the median counts.
const BARRIERS: usize = 9;

/// The time at which rank 0 called this function, on the clock of this rank. Assumes that ranks leave most barriers
/// together. Collective.
pub fn origin(comm: &Comm) -> Instant {
    let begun = Instant::now();
    let mine = [(); BARRIERS].map(|()| {
        comm.barrier();
        begun.elapsed().as_nanos() as i64
    });
    let mut first = if comm.is_root() { mine } else { [0; BARRIERS] };
    comm.reduce(Reduce::Sum, &mut first);
    let mut later: Vec<i64> = mine.iter().zip(first).map(|(mine, first)| mine - first).collect();
    later.sort();
    let later = later[BARRIERS / 2];
    let between = Duration::from_nanos(later.unsigned_abs());
    if later < 0 { begun - between } else { begun + between }
}

/// Writes the traces of all ranks, one after the other, so that rank 0 holds only one at a time. Returns the time in seconds
/// at which the first trace was full; none if all are complete. Collective.
///
/// # Errors
/// If the file cannot be written.
pub fn write(comm: &Comm, trace: &Trace, host: &str, path: &Path) -> Result<Option<f64>> {
    let mine = events(trace, comm.rank(), host);
    let of_rank = |rank| {
        let text = if rank == comm.rank() { mine.as_bytes() } else { &[] };
        comm.gather(0, text).map(|mut all| all.swap_remove(rank))
    };
    let mut texts = (0..comm.size()).map(of_rank);
    let write = |part: &Path| {
        let filled = fill(part, texts.by_ref().flatten());
        filled.map_err(|e| Error::file("write", part, e))
    };
    let written = if comm.is_root() { crate::files::replace(path, write) } else { Ok(()) };
    // After a failed write, gather the remaining texts too: the other ranks take part in every gather.
    texts.for_each(drop);
    comm.agree(written)?;
    let mut full = [trace.ended().map_or(i64::MAX, |at| at as i64)];
    comm.reduce(Reduce::Min, &mut full);
    Ok((full[0] < i64::MAX).then_some(full[0] as f64 / 1e9))
}

fn fill(path: &Path, texts: impl Iterator<Item = Vec<u8>>) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(b"{\"displayTimeUnit\": \"ms\", \"traceEvents\": [")?;
    for (i, text) in texts.enumerate() {
        file.write_all(if i == 0 { b"\n" } else { b",\n" })?;
        file.write_all(&text)?;
    }
    file.write_all(b"\n]}\n")
}

/// The events of a rank as JSON, one per line: names, spans, and the end of a trace that was full.
fn events(trace: &Trace, rank: usize, host: &str) -> String {
    let about = |what: &str, name: Value| json!({"ph": "M", "pid": rank, "tid": 1, "name": what, "args": name});
    let names = [
        about("process_name", json!({"name": format!("rank {rank} on {host}")})),
        about("process_sort_index", json!({"sort_index": rank})),
        about("thread_name", json!({"name": "stages and phases"})),
    ];
    let end = trace.ended().map(|at| {
        let name = format!("the trace ends here, with {} spans", trace.spans().len());
        json!({"ph": "i", "s": "p", "pid": rank, "tid": 1, "name": name, "ts": microseconds(at)})
    });
    let spans = trace.spans().iter().map(|span| event(span, rank));
    let mut text = String::new();
    for event in names.into_iter().chain(spans).chain(end) {
        text += if text.is_empty() { "" } else { ",\n" };
        text += &event.to_string();
    }
    text
}

fn event(span: &TraceSpan, rank: usize) -> Value {
    let (category, arguments) = match span.kind {
        SpanKind::Stage { step, bytes } => ("stage", json!({"step": step, "bytes to move": bytes})),
        SpanKind::Phase { phase, sent: 0 } => (phase.name(), json!({})),
        SpanKind::Phase { phase, sent } => (phase.name(), json!({"bytes sent": sent})),
    };
    let (start, duration) = (microseconds(span.start), microseconds(span.end - span.start));
    json!({
        "ph": "X", "pid": rank, "tid": 1, "name": span.name, "cat": category, "ts": start, "dur": duration, "args": arguments
    })
}

fn microseconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comm::ranks;

    #[test]
    fn a_file_that_cannot_be_written_is_one_error_on_all_ranks() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("no/such/trace.json");
        let trace = Trace::new(Instant::now());
        let errors = ranks(3, 1, |comm| write(&comm, &trace, "here", &path).unwrap_err().to_string()).unwrap();
        assert!(errors.iter().all(|e| e.contains("no/such") && *e == errors[0]), "{errors:?}");
    }

    #[test]
    fn ranks_count_from_the_same_time() {
        let late = Duration::from_millis(300);
        for slow in 0..3 {
            let origins = ranks(3, 1, |comm| {
                std::thread::sleep(if comm.rank() == slow { late } else { Duration::ZERO });
                origin(&comm)
            });
            // Ranks in one process share a clock.
            let origins = origins.unwrap();
            let apart = origins.iter().max().unwrap().duration_since(*origins.iter().min().unwrap());
            assert!(apart < late / 2, "{apart:?}");
        }
    }
}
