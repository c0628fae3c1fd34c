//! `halocline new`: the files of the crate that it makes, and the names that it refuses. That the crate compiles and that its
//! tests pass is tested by the crate `tests/template`, which consists of the same files; `scripts/test-new` builds one in the
//! place and with the settings that users have.
mod support;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use support::*;

const FILES: [&str; 9] = [
    ".gitignore",
    "Cargo.lock",
    "Cargo.toml",
    "README.md",
    "job.sh",
    "job.toml",
    "src/main.rs",
    "src/model.rs",
    "tests/waves.rs",
];

/// The repository.
fn repository() -> PathBuf {
    fs::canonicalize(jobs().join("..")).unwrap()
}

/// `halocline new DIRECTORY`.
fn new(directory: &Path, options: &[&str]) -> Ended {
    let program = Path::new(env!("CARGO_BIN_EXE_halocline"));
    let directory = directory.to_str().unwrap();
    Run::of(Ranks::Threads(1), program, "new").with("new").with(directory).with_all(options.to_vec()).ends()
}

/// The paths of all files below a directory.
fn files(directory: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![directory.to_owned()];
    while let Some(folder) = open.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                open.push(path);
            } else {
                found.insert(path.strip_prefix(directory).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found
}

/// What cargo says in a directory, without a network.
fn cargo(directory: &Path, arguments: &[&str]) -> String {
    let program = std::env::var_os("CARGO").unwrap_or("cargo".into());
    let ended = Command::new(program).args(arguments).arg("--offline").current_dir(directory).output().unwrap();
    assert!(ended.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ended.stderr));
    String::from_utf8(ended.stdout).unwrap()
}

#[test]
fn a_new_crate_has_these_files_and_the_dependencies_of_this_workspace() {
    let top = tempfile::tempdir().unwrap();
    let made = top.path().join("my-waves");
    let ended = new(&made, &[]);
    assert!(ended.status.success(), "{}", ended.err);
    assert!(ended.out.contains("cargo run --release -- run job.toml"), "{}", ended.out);
    assert_eq!(files(&made), FILES.map(String::from).into());
    assert_eq!(fs::read_dir(top.path()).unwrap().count(), 1, "nothing is left beside it");

    let read = |name: &str| fs::read_to_string(made.join(name)).unwrap();
    for (name, lines) in [("src/main.rs", 10), ("src/model.rs", 60), ("tests/waves.rs", 60), ("job.toml", 40)] {
        assert_eq!(read(name), fs::read_to_string(repository().join("src/cli/template").join(name)).unwrap());
        assert!(read(name).lines().count() <= lines, "{name}");
    }
    for name in FILES {
        assert!(!read(name).contains("{name}") && !read(name).contains("{halocline}"), "{name}");
    }
    assert!(read("job.sh").contains("target/release/my-waves run job.toml"));
    assert_eq!(fs::metadata(made.join("job.sh")).unwrap().permissions().mode() & 0o777, 0o755);
    let bash = Command::new("bash").arg("-n").arg(made.join("job.sh")).status().unwrap();
    assert!(bash.success());
    // The program was built from this repository, which is still here.
    let path = repository().display().to_string();
    assert!(read("Cargo.toml").contains(&format!("halocline = {{ path = '{path}'")), "{}", read("Cargo.toml"));
    assert!(ended.out.contains(&path), "{}", ended.out);

    // Cargo reads the manifest, and the versions of all crates are those that are tested here.
    let targets: serde_json::Value =
        serde_json::from_str(&cargo(&made, &["metadata", "--no-deps", "--format-version=1"])).unwrap();
    let targets = targets["packages"][0]["targets"].as_array().unwrap();
    let targets: BTreeSet<&str> = targets.iter().map(|target| target["name"].as_str().unwrap()).collect();
    assert_eq!(targets, ["model", "my-waves", "waves"].into());
    let tree =
        ["tree", "--package=my-waves", "--edges=normal,build", "--prefix=none", "--no-dedupe", "--format={p} {f}"];
    let crates = |directory: &Path| -> BTreeSet<String> {
        cargo(directory, &tree).lines().filter(|line| !line.starts_with("my-waves ")).map(String::from).collect()
    };
    assert_eq!(crates(&made), crates(&repository()));
}

#[test]
fn sources_of_halocline_can_be_elsewhere() {
    let top = tempfile::tempdir().unwrap();
    let sources = top.path().join("halo's\u{20}copy");
    fs::create_dir(&sources).unwrap();
    let made = top.path().join("waves");
    let path = format!("--path={}", sources.display());
    new(&made, &[&path]).fails(2, &["no sources of halocline are there"]);
    fs::write(sources.join("Cargo.toml"), "[package]\nname = 'halocline-jobs'\n").unwrap();
    new(&made, &[&path]).fails(2, &["no sources of halocline are there"]);
    fs::write(sources.join("Cargo.toml"), "[package]\nname = 'halocline'\n").unwrap();
    new(&made, &[&path]).fails(2, &["a manifest cannot hold this path"]);
    let link = top.path().join("copy of it");
    fs::rename(&sources, &link).unwrap();
    let ended = new(&made, &[&format!("--path={}", link.display())]);
    assert!(ended.status.success(), "{}", ended.err);
    let manifest = fs::read_to_string(made.join("Cargo.toml")).unwrap();
    let expected = format!("path = '{}'", fs::canonicalize(&link).unwrap().display());
    assert!(manifest.contains(&expected), "{manifest}");
}

#[test]
fn names_that_no_crate_can_have_are_refused_and_nothing_is_written() {
    let top = tempfile::tempdir().unwrap();
    fs::create_dir(top.path().join("folder")).unwrap();
    fs::write(top.path().join("file"), "kept").unwrap();
    symlink("nowhere", top.path().join("link")).unwrap();
    let before = files(top.path());
    let long = "a".repeat(65);
    for (name, why) in [
        ("2d-waves", "does not begin with a letter"),
        ("_waves", "does not begin with a letter"),
        ("my waves", "' ' is not a letter"),
        ("wellen.für", "'.' is not a letter"),
        ("größe", "'ö' is not a letter"),
        ("{halocline}", "'{' is not a letter"),
        (&long, "longer than 64"),
        ("..", "it has none"),
        ("fn", "a keyword of Rust"),
        ("gen", "a keyword of Rust"),
        ("Self", "a keyword of Rust"),
        ("try", "a keyword of Rust"),
        ("std", "the name of a crate"),
        ("proc-macro", "the name of a crate"),
        ("halocline", "the name of a crate"),
        ("deps", "the name of a crate or a directory"),
        ("folder", "exists already"),
        ("folder/", "exists already"),
        ("file", "exists already"),
        ("link", "exists already"),
        ("no/such/waves", "cannot create"),
        ("file/waves", "cannot create"),
    ] {
        new(&top.path().join(name), &[]).fails(2, &[why]);
        assert_eq!(files(top.path()), before, "{name}");
        assert_eq!(fs::read_dir(top.path().join("folder")).unwrap().count(), 0, "{name}");
    }
    assert_eq!(fs::read_to_string(top.path().join("file")).unwrap(), "kept");
}
