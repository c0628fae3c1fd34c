//! [`Hosts`]: the hosts that the attempts of a run may use, some of them spare.
use crate::base::message::message;
use crate::base::{Error, Result};
use std::num::NonZeroUsize;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A host that does not answer a probe within this time counts as down.
const PROBE_TIMEOUT: Duration = Duration::from_secs(30);

/// Hosts, of which some are used and the others are spare.
#[derive(Clone, Debug)]
pub struct Hosts {
    /// The names of the hosts, in order of preference.
    pub names: Vec<String>,
    /// The number of hosts that an attempt uses.
    pub used: NonZeroUsize,
    /// A shell command that exits with 0 if the host `{host}` is up.
    pub probe: String,
}

impl Hosts {
    /// Chooses the hosts of the next attempt: the first that are up. The hosts of the `previous` attempt take precedence,
    /// because the state is in their memory.
    ///
    /// # Errors
    /// If too few hosts are up.
    pub fn choose(&self, previous: &[String]) -> Result<Vec<String>> {
        let up: Vec<bool> = thread::scope(|scope| {
            let probes: Vec<_> = self.names.iter().map(|host| scope.spawn(|| self.is_up(host))).collect();
            probes.into_iter().map(|probe| probe.join().unwrap_or(false)).collect()
        });
        let of = |is: bool| self.names.iter().zip(&up).filter(move |(_, up)| **up == is).map(|(n, _)| n.as_str());
        let down: Vec<&str> = of(false).collect();
        if !down.is_empty() {
            message!("supervise: no answer from {}", down.join(", "));
        }
        let mut chosen: Vec<String> = of(true).map(str::to_owned).collect();
        chosen.sort_by_key(|host| !previous.contains(host));
        chosen.truncate(self.used.get());
        if chosen.len() < self.used.get() {
            let (here, needed) = (chosen.len(), self.used);
            return Err(Error::stopped(format!("{here} of the hosts are up, but {needed} are needed"))
                .remedy("repeat the command when they are back: it continues the run"));
        }
        Ok(chosen)
    }

    fn is_up(&self, host: &str) -> bool {
        let mut shell = Command::new("sh");
        shell.args(["-c", &self.probe.replace("{host}", host)]);
        let probe = shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let Ok(mut probe) = probe else { return false };
        let since = Instant::now();
        loop {
            match probe.try_wait() {
                Ok(Some(status)) => return status.success(),
                Ok(None) if since.elapsed() < PROBE_TIMEOUT => thread::sleep(Duration::from_millis(20)),
                _ => {
                    let _ = probe.kill();
                    let _ = probe.wait();
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
    fn the_first_hosts_that_are_up_are_chosen() {
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
        assert!(few.what().starts_with("1 of the hosts are up, but 2"), "{few}");
    }
}
