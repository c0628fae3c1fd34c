//! Any bytes as a classic NetCDF file with variables `packed`, `wind` and `day`.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    halocline::fuzzing::netcdf3(bytes);
});
