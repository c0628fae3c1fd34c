//! User-level failure mitigation (ULFM): functions of some MPI libraries with which ranks survive process failures. (Bland,
//! Bouteiller, Herault, Bosilca and Dongarra, "Post-failure recovery of MPI communication capability", 2013.)
use mpi::ffi::*;
use std::ffi::CStr;
use std::mem::transmute_copy;
use std::os::raw::c_int;

/// The functions of ULFM, looked up at run time, so that the same program runs with MPI libraries that lack them.
#[derive(Clone, Copy)]
pub(super) struct Ulfm {
    revoke: unsafe extern "C" fn(MPI_Comm) -> c_int,
    is_revoked: unsafe extern "C" fn(MPI_Comm, *mut c_int) -> c_int,
    acknowledge: unsafe extern "C" fn(MPI_Comm) -> c_int,
    acknowledged: unsafe extern "C" fn(MPI_Comm, *mut MPI_Group) -> c_int,
    shrink: unsafe extern "C" fn(MPI_Comm, *mut MPI_Comm) -> c_int,
}

impl Ulfm {
    /// Looks the functions up. Returns `None` if the library lacks one of them, or if the launcher would end all ranks after a
    /// process failure: Open MPI sets an environment variable if it would not.
    pub fn find() -> Option<Ulfm> {
        std::env::var("OMPI_MCA_mpi_ft_enable").ok().filter(|value| ["1", "true", "yes"].contains(&value.as_str()))?;
        /// # Safety
        /// `F` is the type of the function with this name.
        unsafe fn function<F: Copy>(name: &CStr) -> Option<F> {
            // SAFETY: the name ends with a zero byte.
            let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
            assert_eq!(size_of::<F>(), size_of_val(&address), "a pointer to a function");
            // SAFETY: the caller promises that the function has this type.
            (!address.is_null()).then(|| unsafe { transmute_copy(&address) })
        }
        // SAFETY: these are the types in the documentation of the functions and in Open MPI's `mpi-ext.h`.
        unsafe {
            Some(Ulfm {
                revoke: function(c"MPIX_Comm_revoke")?,
                is_revoked: function(c"MPIX_Comm_is_revoked")?,
                acknowledge: function(c"MPIX_Comm_failure_ack")?,
                acknowledged: function(c"MPIX_Comm_failure_get_acked")?,
                shrink: function(c"MPIX_Comm_shrink")?,
            })
        }
    }

    /// Revokes a communicator: present and future operations of all its ranks on it return an error. Not collective.
    pub fn revoke(&self, comm: MPI_Comm) {
        // SAFETY: a valid communicator.
        unsafe { (self.revoke)(comm) };
    }

    /// Creates a communicator of the surviving ranks. Collective over them.
    pub fn shrink(&self, comm: MPI_Comm) -> MPI_Comm {
        loop {
            let mut survivors = comm;
            // SAFETY: a valid communicator; the result goes to a local variable.
            if unsafe { (self.shrink)(comm, &mut survivors) } == MPI_SUCCESS as c_int {
                return survivors;
            }
            // Another process has failed meanwhile.
        }
    }

    /// True if a process of this communicator has failed, or another rank has revoked it.
    pub fn has_failed_processes(&self, comm: MPI_Comm) -> bool {
        let (mut revoked, mut failed) = (0, 0);
        // SAFETY: a valid communicator; results go to local variables; the group is new, and freed here.
        unsafe {
            let mut group = RSMPI_GROUP_NULL;
            (self.is_revoked)(comm, &mut revoked);
            (self.acknowledge)(comm);
            if (self.acknowledged)(comm, &mut group) == MPI_SUCCESS as c_int {
                MPI_Group_size(group, &mut failed);
                MPI_Group_free(&mut group);
            }
        }
        revoked != 0 || failed > 0
    }
}
