//! Compares what the ranks of a job were started with: an MPI launcher may start each with another command.
use super::transport::{Reduce, Transport};
use crate::base::{Error, Result};
use std::collections::BTreeMap;

/// The key of an error with which a rank begins.
const ERROR: &str = "error";
/// The inputs that are compared first.
const FIRST: [&str; 2] = [THE_RUN, OUTPUT];
/// The key of what a rank is to do: begin or continue a run, or end at once.
pub(crate) const THE_RUN: &str = "the run";
/// The key of the run directory.
pub(crate) const OUTPUT: &str = "--output";
/// Most ranks or ranges of ranks that a message names.
const MOST: usize = 8;

/// What a rank was started with: the keys of the job file, options, the program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inputs(BTreeMap<String, String>);

impl Inputs {
    /// Inputs by name; ranks with different values do not start.
    pub fn new(inputs: impl IntoIterator<Item = (String, String)>) -> Inputs {
        Inputs(inputs.into_iter().collect())
    }

    /// The inputs of a rank that has found an error in them.
    pub fn wrong(error: &Error) -> Inputs {
        Inputs::new([(ERROR.to_owned(), error.to_string())])
    }

    /// Compares the inputs of all ranks. Collective.
    ///
    /// # Errors
    /// If they differ: the same error on all ranks, which names one input, its values and the ranks.
    pub(super) fn compare(&self, comm: &dyn Transport) -> Result<()> {
        let mine = serde_json::to_vec(&self.0).expect("texts only");
        // 63 bits, so that the hash can be negated.
        let hash = (xxhash_rust::xxh3::xxh3_64(&mine) >> 1) as i64;
        let mut extremes = [hash, -hash];
        comm.reduce(Reduce::Min, &mut extremes);
        if extremes[0] == -extremes[1] {
            return Ok(());
        }
        let mut of_root = mine;
        comm.broadcast(0, &mut of_root);
        let root: BTreeMap<String, String> = serde_json::from_slice(&of_root).unwrap_or_default();
        // A rank with another command or directory differs in much else.
        let mut keys = FIRST.into_iter().chain(root.keys().chain(self.0.keys()).map(String::as_str));
        // An error explains all other differences.
        let error = Some(ERROR).filter(|error| root.get(*error) != self.0.get(*error));
        let key = error.or_else(|| keys.find(|key| root.get(*key) != self.0.get(*key)));
        let difference = key.map(|key| (key, root.get(key), self.0.get(key)));
        let all = comm.all_gather(&serde_json::to_vec(&difference).expect("texts only"));
        Err(error_of(all.iter().map(|bytes| serde_json::from_slice(bytes).unwrap_or_default())))
    }
}

/// How a rank differs from rank 0: the name of the input, its value on rank 0 and on this rank.
type Difference = Option<(String, Option<String>, Option<String>)>;

/// The error for the differences of all ranks, in the order of ranks.
fn error_of(all: impl Iterator<Item = Difference>) -> Error {
    let all: Vec<Difference> = all.collect();
    let size = all.len();
    let is_error = |difference: &&Difference| difference.as_ref().is_some_and(|(key, ..)| key == ERROR);
    let Some(Some((key, of_root, other))) = all.iter().find(is_error).or_else(|| all.iter().find(|d| d.is_some()))
    else {
        return Error::input("the ranks were started with different inputs");
    };
    let here = Some((key, other));
    let with = all.iter().enumerate().filter(|(_, d)| d.as_ref().map(|(key, _, value)| (key, value)) == here);
    let ranks = listed(&with.map(|(rank, _)| rank).collect::<Vec<_>>());
    let remedy = "start all ranks with the same program, job file, keys and options";
    if key == ERROR {
        let (ranks, text) = match other {
            Some(text) => (ranks, text),
            None => ("rank 0".into(), of_root.as_ref().unwrap_or(other.as_ref().unwrap_or(key))),
        };
        let (what, help) = text.split_once('\n').unwrap_or((text, ""));
        return Error::input(format!("{ranks} of {size}: {what}"))
            .remedy(format!("{help}\n{remedy}").trim().to_owned());
    }
    let shown = |value: &Option<String>| value.as_deref().unwrap_or("not given").to_owned();
    let what = format!(
        "the ranks were started with different inputs: `{key}` is {} on rank 0 and {} on {ranks} of {size}",
        shown(of_root),
        shown(other)
    );
    Error::input(what).remedy(remedy)
}

/// Numbers of ranks as text: `rank 3`, `ranks 1, 4–6`.
fn listed(ranks: &[usize]) -> String {
    let mut ranges: Vec<(usize, usize)> = vec![];
    for &rank in ranks {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == rank => *last = rank,
            _ => ranges.push((rank, rank)),
        }
    }
    let text = |(first, last): &(usize, usize)| match first == last {
        true => first.to_string(),
        false => format!("{first}–{last}"),
    };
    let more = if ranges.len() > MOST { ", …" } else { "" };
    let named: Vec<String> = ranges.iter().take(MOST).map(text).collect();
    format!("rank{} {}{more}", if ranks.len() == 1 { "" } else { "s" }, named.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comm::ranks;

    fn compared(size: usize, of: impl Fn(usize) -> Inputs + Sync) -> Vec<Result<()>> {
        ranks(size, 1, |comm| of(comm.rank()).compare(&*comm)).unwrap()
    }

    fn inputs(pairs: &[(&str, &str)]) -> Inputs {
        Inputs::new(pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())))
    }

    #[test]
    fn equal_inputs_pass() {
        assert!(compared(3, |_| inputs(&[("a", "1"), ("b", "2")])).iter().all(Result::is_ok));
        assert!(compared(1, |_| Inputs::default()).iter().all(Result::is_ok));
    }

    #[test]
    fn all_ranks_get_one_error_that_names_the_input_and_the_ranks() {
        let error = |size: usize, of: &(dyn Fn(usize) -> Inputs + Sync)| {
            let all: Vec<Error> = compared(size, of).into_iter().map(Result::unwrap_err).collect();
            assert!(all.iter().all(|error| (error.to_string(), error.exit_code()) == (all[0].to_string(), 2)));
            all[0].what().to_owned()
        };
        let different = |rank: usize| inputs(&[("a", "1"), ("b", if [1, 2, 4].contains(&rank) { "3" } else { "2" })]);
        let before = "the ranks were started with different inputs: ";
        assert_eq!(error(5, &different), format!("{before}`b` is 2 on rank 0 and 3 on ranks 1–2, 4 of 5"));
        let missing = |rank: usize| if rank == 1 { inputs(&[]) } else { inputs(&[("--force", "given")]) };
        assert_eq!(error(2, &missing), format!("{before}`--force` is given on rank 0 and not given on rank 1 of 2"));
        let command = |rank: usize| match rank {
            0 => inputs(&[("--force", "not given"), (THE_RUN, "new"), (OUTPUT, "/a")]),
            _ => inputs(&[(THE_RUN, "complete")]),
        };
        assert_eq!(error(2, &command), format!("{before}`the run` is new on rank 0 and complete on rank 1 of 2"));
        let folder = |rank: usize| inputs(&[("--force", ["0", "1"][rank]), (OUTPUT, ["/a", "/b"][rank])]);
        assert_eq!(error(2, &folder), format!("{before}`--output` is /a on rank 0 and /b on rank 1 of 2"));
        let wrong = |at: usize| {
            move |rank: usize| match rank == at {
                true => Inputs::wrong(&Error::input("unknown key `x`").remedy("remove it")),
                false => inputs(&[("a", "1")]),
            }
        };
        assert_eq!(error(3, &wrong(2)), "rank 2 of 3: unknown key `x`");
        assert_eq!(error(3, &wrong(0)), "rank 0 of 3: unknown key `x`");
    }
}
