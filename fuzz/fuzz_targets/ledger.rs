//! Any bytes as the ledger of a run.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    halocline::fuzzing::ledger(bytes);
});
