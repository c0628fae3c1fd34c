//! What a suite finds on its machine: programs, the patience and the random seed that the environment asks for.
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

/// Longer by the factor `HALOCLINE_PATIENCE`, for slow machines.
pub fn patient(seconds: u64) -> Duration {
    Duration::from_secs(seconds * number("HALOCLINE_PATIENCE").unwrap_or(1) as u64)
}

/// What "within seconds" means on a machine that others use, too.
pub fn soon() -> Duration {
    patient(20)
}

/// A number in the environment.
pub fn number(name: &str) -> Option<usize> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

/// The random choices of a test. All come from one seed, which is printed; `HALOCLINE_SEED` repeats a run's choices, though
/// not the moments at which the system lets processes run.
pub fn random(test: &str) -> fastrand::Rng {
    static SEED: OnceLock<u64> = OnceLock::new();
    let seed = *SEED.get_or_init(|| number("HALOCLINE_SEED").map_or_else(|| fastrand::u64(..1 << 32), |n| n as u64));
    let _ = writeln!(std::io::stderr(), "random: {test}: HALOCLINE_SEED={seed}");
    // Tests of a suite run in any order, so each has a sequence of its own.
    let own = test.bytes().fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    fastrand::Rng::with_seed(own)
}

/// How many processes a test of random kills has to kill: `HALOCLINE_KILLS`, or this many.
pub fn kills(default: usize) -> usize {
    let kills = number("HALOCLINE_KILLS").unwrap_or(default);
    assert!(kills > 0, "HALOCLINE_KILLS=0 would test nothing");
    kills
}

/// Asserts that kills hit often enough: a test whose runs all end before they are killed tests nothing.
pub fn must_hit(killed: usize, missed: usize) {
    assert!(missed <= 20 + 5 * killed, "{missed} runs ended before they were killed, and only {killed} were killed");
}

/// True if a program is there.
pub fn works(program: &str, argument: &str) -> bool {
    let quiet = Command::new(program).arg(argument).stdout(Stdio::null()).stderr(Stdio::null()).status();
    quiet.is_ok_and(|status| status.success())
}

/// Says on the real standard error, which the test harness does not swallow, that a part is left out.
pub fn skipped(what: &str, why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {what}: {why}");
}
