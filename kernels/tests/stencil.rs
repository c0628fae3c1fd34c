//! The compiler refuses what a kernel did not declare to read. Violations stand in const blocks, which only a full build
//! evaluates: trybuild makes one because a case that must pass stands beside those that must not.

#[test]
fn a_kernel_reads_no_further_than_it_says() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/stencil/within.rs");
    cases.compile_fail("tests/stencil/too_far.rs");
    cases.compile_fail("tests/stencil/corner_of_a_star.rs");
    cases.compile_fail("tests/stencil/against_an_arm.rs");
}
