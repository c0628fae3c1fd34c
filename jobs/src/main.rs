//! The `halocline` command: the command line over all jobs of this crate.
fn main() -> std::process::ExitCode {
    halocline::main(halocline_jobs::all())
}
