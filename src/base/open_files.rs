//! The number of files that this process may hold open.
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit to the most that the system allows, and returns it; none if it is unlimited or unknown. A program that
/// reads an output file to the end holds all of its segments open; most systems start a process with a limit of 1024.
pub(crate) fn raise_limit() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    if raised.is_ok() { limit.maximum } else { limit.current }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_the_most_allowed() {
        let most = raise_limit();
        assert_eq!(getrlimit(Resource::Nofile).current, most);
    }
}
