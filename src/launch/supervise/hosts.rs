//! The machines that lives of a run may use, some of them spare.
use crate::base::{Error, Result};
use std::num::NonZeroUsize;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A machine that says nothing for so long is not there.
const PATIENCE: Duration = Duration::from_secs(30);

/// Machines, of which some are used.
#[derive(Clone, Debug)]
pub struct Hosts {
    /// Their names, those to be used first.
    pub names: Vec<String>,
    /// How many are used at a time; the others are spare.
    pub used: NonZeroUsize,
    /// A command of the shell that tells whether the machine `{host}` is there: it ends with 0.
    pub probe: String,
}

impl Hosts {
    /// The machines for the next life: the first that are there.
    ///
    /// # Errors
    /// If there are too few.
    ///
    /// Those of the life before come first: the state is in their memory.
    pub fn choose(&self, before: &[String]) -> Result<Vec<String>> {
        let there: Vec<bool> = thread::scope(|scope| {
            let asked: Vec<_> = self.names.iter().map(|host| scope.spawn(|| self.is_there(host))).collect();
            asked.into_iter().map(|answer| answer.join().unwrap_or(false)).collect()
        });
        let of =
            |is: bool| self.names.iter().zip(&there).filter(move |(_, there)| **there == is).map(|(n, _)| n.as_str());
        let silent: Vec<&str> = of(false).collect();
        if !silent.is_empty() {
            eprintln!("supervise: no answer from {}", silent.join(", "));
        }
        let mut chosen: Vec<String> = of(true).map(str::to_owned).collect();
        chosen.sort_by_key(|host| !before.contains(host));
        chosen.truncate(self.used.get());
        if chosen.len() < self.used.get() {
            let (here, needed) = (chosen.len(), self.used);
            return Err(Error::stopped(format!("{here} of the machines are there, and {needed} are needed"))
                .remedy("once they are back, the same command goes on"));
        }
        Ok(chosen)
    }

    fn is_there(&self, host: &str) -> bool {
        let mut shell = Command::new("sh");
        shell.args(["-c", &self.probe.replace("{host}", host)]);
        let asked = shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let Ok(mut asked) = asked else { return false };
        let since = Instant::now();
        loop {
            match asked.try_wait() {
                Ok(Some(status)) => return status.success(),
                Ok(None) if since.elapsed() < PATIENCE => thread::sleep(Duration::from_millis(20)),
                _ => {
                    let _ = asked.kill();
                    let _ = asked.wait();
                    return false;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_answer_are_taken() {
        let hosts = |used: usize, probe: &str| Hosts {
            names: ["a", "b", "c"].map(String::from).to_vec(),
            used: NonZeroUsize::new(used).unwrap(),
            probe: probe.into(),
        };
        assert_eq!(hosts(2, "true {host}").choose(&[]).unwrap(), ["a", "b"]);
        assert_eq!(hosts(2, "test {host} != a").choose(&[]).unwrap(), ["b", "c"]);
        let before = ["c".to_owned(), "x".to_owned()];
        assert_eq!(hosts(2, "true {host}").choose(&before).unwrap(), ["c", "a"]);
        let few = hosts(2, "test {host} = b").choose(&[]).unwrap_err();
        assert_eq!(few.exit_code(), 75);
        assert!(few.what().starts_with("1 of the machines are there, and 2"), "{few}");
    }
}
