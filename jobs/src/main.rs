//! The `halocline` command, with all jobs of this crate.
fn main() -> std::process::ExitCode {
    halocline::main(halocline_jobs::all())
}
