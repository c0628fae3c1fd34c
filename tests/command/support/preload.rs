//! Libraries that stand between a program and the system, for what a test cannot ask the system for.
use super::environment::skipped;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

/// The clock shows the seconds since 1970 in `TEST_CLOCK`.
pub const CLOCK: &str = r#"
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t clock, struct timespec *time) {
    const char *seconds = getenv("TEST_CLOCK");
    int result = syscall(SYS_clock_gettime, clock, time);
    if (clock == CLOCK_REALTIME && seconds) time->tv_sec = atoll(seconds);
    return result;
}"#;

/// A disk that accepts data and never confirms them, once the file `TEST_HANGS` exists.
pub const DISK_THAT_HANGS: &str = r#"
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
static void hang(void) {
    const char *file = getenv("TEST_HANGS");
    while (file && access(file, F_OK) == 0) usleep(10000);
}
int fsync(int file) { hang(); return syscall(SYS_fsync, file); }
int fdatasync(int file) { hang(); return syscall(SYS_fdatasync, file); }
"#;

/// A library to be loaded before all others.
pub struct Preload(TempDir);

impl Preload {
    /// Compiles C; none where that is not possible.
    pub fn of(source: &str) -> Option<Preload> {
        let library = Preload(tempfile::tempdir().unwrap());
        let file = library.0.path().join("library.c");
        fs::write(&file, source).unwrap();
        let compiled = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(library.path()).arg(&file).output();
        if compiled.is_ok_and(|output| output.status.success()) && cfg!(target_os = "linux") {
            return Some(library);
        }
        skipped("a library before the system's own", "there is no C compiler");
        None
    }

    /// The value of `LD_PRELOAD`.
    pub fn path(&self) -> PathBuf {
        self.0.path().join("library.so")
    }
}
