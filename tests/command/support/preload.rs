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

/// A system that interrupts every second call that may be interrupted (EINTR), for each thread.
pub const INTERRUPTIONS: &str = r#"
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>
static __thread unsigned calls;
#define INTERRUPT if (calls++ % 2 == 0) { errno = EINTR; return -1; }
ssize_t read(int f, void *b, size_t n) { INTERRUPT return syscall(SYS_read, f, b, n); }
ssize_t write(int f, const void *b, size_t n) { INTERRUPT return syscall(SYS_write, f, b, n); }
ssize_t pread64(int f, void *b, size_t n, off64_t at) { INTERRUPT return syscall(SYS_pread64, f, b, n, at); }
ssize_t pwrite64(int f, const void *b, size_t n, off64_t at) { INTERRUPT return syscall(SYS_pwrite64, f, b, n, at); }
int fsync(int f) { INTERRUPT return syscall(SYS_fsync, f); }
int fdatasync(int f) { INTERRUPT return syscall(SYS_fdatasync, f); }
int ftruncate64(int f, off64_t n) { INTERRUPT return syscall(SYS_ftruncate, f, n); }
int fallocate64(int f, int mode, off64_t at, off64_t n) { INTERRUPT return syscall(SYS_fallocate, f, mode, at, n); }
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
