//! A user's kernels are vectorised at full width, as the machine code shows.
use std::process::Command;

#[test]
fn users_kernels_are_vectorised_at_full_width() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/vectorised");
    let output = Command::new("bash").arg(script).output().expect("bash runs");
    let (table, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    match output.status.code() {
        Some(0) => {}
        Some(3) => println!("skipped: {errors}"),
        _ => panic!("{table}{errors}"),
    }
}
