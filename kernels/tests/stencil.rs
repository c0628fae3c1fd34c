//! A read outside the declared stencil does not compile. Violations are found in const blocks, which only a full build
//! evaluates: trybuild runs a full build because one case must pass.

#[test]
fn reads_outside_the_declared_stencil_do_not_compile() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/stencil/within.rs");
    cases.compile_fail("tests/stencil/too_far.rs");
    cases.compile_fail("tests/stencil/corner_of_a_star.rs");
    cases.compile_fail("tests/stencil/against_an_arm.rs");
}
