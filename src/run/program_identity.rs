//! The identity of this program: two attempts of a run by different programs may differ in their results.
use std::fs::File;
use std::io;

/// The revision of the sources; it ends with `-dirty` if they were changed since.
pub fn revision() -> &'static str {
    option_env!("HALOCLINE_REVISION").unwrap_or("unknown")
}

/// The version, revision and hash of this program, as one text.
pub fn program() -> String {
    let hash = || -> io::Result<String> {
        let mut hasher = blake3::Hasher::new();
        io::copy(&mut File::open(std::env::current_exe()?)?, &mut hasher)?;
        Ok(hasher.finalize().to_hex()[..16].to_owned())
    };
    let hash = hash().unwrap_or_else(|_| "of unknown hash".into());
    format!("{} {} {hash}", env!("CARGO_PKG_VERSION"), revision())
}
