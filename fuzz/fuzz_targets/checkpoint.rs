//! Any bytes as a checkpoint; crashes inside libhdf5 are not halocline's.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    halocline::fuzzing::checkpoint(bytes);
});
