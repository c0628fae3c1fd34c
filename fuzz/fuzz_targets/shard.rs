//! Any bytes as one rank's part of a replica: as they are, and with the hash that lets the reader go on.
#![no_main]
use halocline::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    fuzzing::shard(bytes);
    fuzzing::shard(&fuzzing::sealed_shard(bytes));
});
