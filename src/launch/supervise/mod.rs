//! `halocline supervise`: starts attempts of a run until it is complete, as long as they make progress.
mod hosts;
mod supervisor;
mod watchdog;

pub use hosts::Hosts;
pub use supervisor::{HOSTS, RANKS, Supervisor};
