//! The threads of one rank.
