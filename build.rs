//! Tells the crate which revision it is built from, for the provenance of its results.
use std::process::Command;

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok().filter(|o| o.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if let Some(head) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo:rerun-if-changed={head}");
    }
    // The same files as those whose change builds the crate again: a look at others would build it more often.
    for sources in ["src", "kernels/src", "Cargo.toml", "kernels/Cargo.toml"] {
        println!("cargo:rerun-if-changed={sources}");
    }
    if let Some(revision) = git(&["rev-parse", "--short=12", "HEAD"]) {
        let changed = git(&["status", "--porcelain", "--untracked-files=no"]);
        let dirty = if changed.is_none_or(|changes| changes.is_empty()) { "" } else { "-dirty" };
        println!("cargo:rustc-env=HALOCLINE_REVISION={revision}{dirty}");
    }
}
