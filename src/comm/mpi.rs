//! Ranks that are MPI processes.
