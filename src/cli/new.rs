//! The command `new`: a crate with a job, its job file, a test, a batch script and a page on how to use them.
use super::arguments::NewArguments;
use crate::base::{Error, Result};
use crate::files::durable;
use crate::run::revision;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// The files of a new crate and their contents. `{name}` is the name of the crate, `{halocline}` the source of this one. The
/// sources and the test are compiled in this workspace, too: by the crate `tests/template`.
const FILES: [(&str, &str); 9] = [
    (".gitignore", include_str!("template/gitignore")),
    ("Cargo.lock", include_str!("../../Cargo.lock")),
    ("Cargo.toml", include_str!("template/manifest.toml")),
    ("README.md", include_str!("template/README.md")),
    ("job.sh", include_str!("template/job.sh")),
    ("job.toml", include_str!("template/job.toml")),
    ("src/main.rs", include_str!("template/src/main.rs")),
    ("src/model.rs", include_str!("template/src/model.rs")),
    ("tests/waves.rs", include_str!("template/tests/waves.rs")),
];

/// Strict and reserved keywords of Rust 2024: <https://doc.rust-lang.org/reference/keywords.html>.
const KEYWORDS: &str = "as async await break const continue crate dyn else enum extern false fn for gen if impl in let loop \
    match mod move mut pub ref return self Self static struct super trait true type unsafe use where while abstract become \
    box do final macro override priv try typeof unsized virtual yield";

/// The crates of Rust's distribution, those that the new crate uses, and the directories that cargo makes beside a program.
const TAKEN: &str = "std core alloc proc_macro test halocline halocline_kernels build deps examples incremental";

/// `halocline new NAME`. Returns the text to print.
///
/// # Errors
/// If the name cannot be that of a crate, if the path exists, if `--path` has no sources of halocline, or if a file cannot be
/// written. Then nothing is left of the crate.
pub(super) fn new(arguments: NewArguments) -> Result<String> {
    let NewArguments { directory, path } = arguments;
    let name = crate_name(&directory)?;
    let (dependency, source) = match path {
        Some(path) => local(&path)?,
        None => default_source(),
    };
    let part = durable::part_of(&directory);
    let made = fs::create_dir(&part).map_err(|e| durable::why("create", &part, e).as_input()).and_then(|()| {
        let written = FILES.iter().try_for_each(|(file, text)| {
            write(&part.join(file), &text.replace("{name}", name).replace("{halocline}", &dependency))
        });
        let done = written.and_then(|()| publish(&part, &directory));
        if done.is_err() {
            // The first error is the one to report.
            let _ = fs::remove_dir_all(&part);
        }
        done
    });
    made?;
    let shown = directory.display();
    Ok(format!(
        "made {shown}: the job `waves` of src/model.rs, with its job file, a test and a batch script\n{source}\n\n  \
         cd {shown}\n  cargo build --release\n  cargo run --release -- run job.toml\n"
    ))
}

/// The name of the crate in this directory: the last part of the path.
fn crate_name(directory: &Path) -> Result<&str> {
    let shown = directory.display();
    let name = directory.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let wrong = |why: &str| {
        Err(Error::input(format!("no crate can have the name of {shown}: {why}"))
            .remedy("choose a name of letters, digits, - and _, such as my-waves"))
    };
    if name.is_empty() {
        return wrong("it has none");
    }
    if let Some(c) = name.chars().find(|c| !(c.is_ascii_alphanumeric() || ['-', '_'].contains(c))) {
        return wrong(&format!("{c:?} is not a letter, a digit, - or _"));
    }
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return wrong("it does not begin with a letter");
    }
    if name.len() > 64 {
        return wrong("it is longer than 64 letters");
    }
    let identifier = name.replace('-', "_");
    if KEYWORDS.split_whitespace().any(|word| word == identifier) {
        return wrong(&format!("`{name}` is a keyword of Rust"));
    }
    if TAKEN.split_whitespace().any(|word| word == identifier) {
        return wrong(&format!("`{name}` is the name of a crate or a directory that every program has"));
    }
    match fs::symlink_metadata(directory) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(name),
        Err(e) => Err(Error::file("create", directory, e).as_input()),
        Ok(_) => Err(Error::input(format!("{shown} exists already")).remedy("choose another name, or move it away")),
    }
}

/// The features that this program was built with, as in a manifest.
fn features() -> &'static str {
    match (cfg!(feature = "mpi"), cfg!(feature = "bundled-hdf5")) {
        (true, _) => "",
        (false, true) => r#", default-features = false, features = ["bundled-hdf5"]"#,
        (false, false) => ", default-features = false",
    }
}

/// The dependency on the sources in a directory, and what is said about it.
fn local(path: &Path) -> Result<(String, String)> {
    if !is_ours(path) {
        return Err(Error::input(format!("--path {}: no sources of halocline are there", path.display()))
            .remedy("name the directory with the Cargo.toml of halocline, or leave --path out"));
    }
    let path = fs::canonicalize(path).map_err(|e| Error::file("find", path, e).as_input())?;
    let Some(text) = path.to_str().filter(|text| !text.contains(['\'', '\n', '\r'])) else {
        return Err(Error::input(format!("--path {}: a manifest cannot hold this path", path.display()))
            .remedy("rename the directory, or link to it"));
    };
    let dependency = format!("{{ path = '{text}'{} }}", features());
    Ok((dependency, format!("It depends on the sources of halocline in {text}; --path names others")))
}

/// The dependency for a crate without `--path`, and what is said about it: the checkout that this program was built from, if it
/// is still there; else the revision of the repository.
fn default_source() -> (String, String) {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR"));
    // Cargo removes and renews its own copies as it likes.
    let of_cargo = checkout.ancestors().any(|part| part.ends_with("git/checkouts") || part.ends_with("registry/src"));
    match local(checkout) {
        Ok(found) if !of_cargo => found,
        _ => published(revision()),
    }
}

/// The dependency on a published revision, or on the version where the program does not know its revision.
fn published(revision: &str) -> (String, String) {
    let (version, repository, features) = (env!("CARGO_PKG_VERSION"), env!("CARGO_PKG_REPOSITORY"), features());
    if revision == "unknown" {
        let dependency = format!("{{ version = \"{version}\"{features} }}");
        return (dependency, format!("It depends on halocline {version}; --path names other sources"));
    }
    let (revision, without) = match revision.strip_suffix("-dirty") {
        Some(revision) => (revision, ", without the changes that this program has since"),
        None => (revision, ""),
    };
    let dependency = format!("{{ git = \"{repository}\", rev = \"{revision}\"{features} }}");
    (dependency, format!("It depends on revision {revision} of {repository}{without}; --path names other sources"))
}

/// True if the directory has the manifest of this crate.
fn is_ours(directory: &Path) -> bool {
    let manifest = fs::read_to_string(directory.join("Cargo.toml")).unwrap_or_default();
    let manifest: toml::Table = manifest.parse().unwrap_or_default();
    manifest.get("package").and_then(|package| package.get("name")?.as_str()) == Some("halocline")
}

/// Writes a file and makes its folder. A batch script is executable.
fn write(path: &Path, text: &str) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|e| durable::why("create", folder, e).as_input())?;
    fs::write(path, text).map_err(|e| durable::why("write", path, e).as_input())?;
    if path.extension().is_some_and(|end| end == "sh") {
        let mode = fs::Permissions::from_mode(0o777 & !0o022);
        fs::set_permissions(path, mode).map_err(|e| durable::why("write", path, e).as_input())?;
    }
    Ok(())
}

/// Renames the complete directory. Nothing is replaced, even if it has appeared in the meantime.
fn publish(part: &Path, directory: &Path) -> Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    let done = renameat_with(CWD, part, CWD, directory, RenameFlags::NOREPLACE);
    done.map_err(|e| durable::why("create", directory, e.into()).as_input())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_depends_on_the_revision_of_the_program() {
        for (revision, dependency, said) in [
            ("0123456789ab", "rev = \"0123456789ab\"", "revision 0123456789ab of https://"),
            ("0123456789ab-dirty", "rev = \"0123456789ab\"", "without the changes"),
            ("unknown", concat!("version = \"", env!("CARGO_PKG_VERSION"), "\""), "It depends on halocline 0"),
        ] {
            let (text, source) = published(revision);
            assert!(text.contains(dependency) && source.contains(said), "{text}\n{source}");
            let manifest: toml::Table = format!("halocline = {text}").parse().unwrap();
            let has_mpi = manifest["halocline"].get("default-features").is_none();
            assert_eq!(has_mpi, cfg!(feature = "mpi"), "{text}");
        }
        assert!(local(Path::new("/dev/null")).is_err());
    }
}
