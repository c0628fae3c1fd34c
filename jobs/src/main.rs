fn main() -> std::process::ExitCode {
    halocline::main(halocline_jobs::all())
}
