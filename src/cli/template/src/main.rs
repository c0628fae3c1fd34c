//! The command line of this crate's jobs: `run`, `check`, `describe` and others.
fn main() -> std::process::ExitCode {
    halocline::main(halocline::jobs![model::Waves])
}
