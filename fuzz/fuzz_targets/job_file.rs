//! Any bytes as a job file.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    halocline::fuzzing::job_file(bytes);
});
