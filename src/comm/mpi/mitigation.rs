//! User-level failure mitigation (ULFM): what some MPI libraries offer so that ranks survive others. (Bland, Bouteiller, Herault,
//! Bosilca and Dongarra, "Post-failure recovery of MPI communication capability", 2013.)
use mpi::ffi::*;
use std::ffi::CStr;
use std::mem::transmute_copy;
use std::os::raw::c_int;

/// The functions of failure mitigation, which are found while the program runs: one program serves libraries with and without.
#[derive(Clone, Copy)]
pub(super) struct Mitigation {
    revoke: unsafe extern "C" fn(MPI_Comm) -> c_int,
    is_revoked: unsafe extern "C" fn(MPI_Comm, *mut c_int) -> c_int,
    acknowledge: unsafe extern "C" fn(MPI_Comm) -> c_int,
    acknowledged: unsafe extern "C" fn(MPI_Comm, *mut MPI_Group) -> c_int,
    shrink: unsafe extern "C" fn(MPI_Comm, *mut MPI_Comm) -> c_int,
}

impl Mitigation {
    /// None where the library lacks one of them, or the launcher was not asked to leave the others alone when a rank dies: Open MPI
    /// tells so by its environment.
    pub fn find() -> Option<Mitigation> {
        std::env::var("OMPI_MCA_mpi_ft_enable").ok().filter(|asked| ["1", "true", "yes"].contains(&asked.as_str()))?;
        /// # Safety
        /// `F` is the type of this function.
        unsafe fn function<F: Copy>(name: &CStr) -> Option<F> {
            // SAFETY: the name ends with a zero byte.
            let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
            assert_eq!(size_of::<F>(), size_of_val(&address), "a pointer to a function");
            // SAFETY: the address of a function of this type, by the caller's promise.
            (!address.is_null()).then(|| unsafe { transmute_copy(&address) })
        }
        // SAFETY: the types are those of the functions' documentation, and of Open MPI's `mpi-ext.h`.
        unsafe {
            Some(Mitigation {
                revoke: function(c"MPIX_Comm_revoke")?,
                is_revoked: function(c"MPIX_Comm_is_revoked")?,
                acknowledge: function(c"MPIX_Comm_failure_ack")?,
                acknowledged: function(c"MPIX_Comm_failure_get_acked")?,
                shrink: function(c"MPIX_Comm_shrink")?,
            })
        }
    }

    /// Ends what any rank does, or will do, on this communicator with an error. Not collective.
    pub fn revoke(&self, comm: MPI_Comm) {
        // SAFETY: a living communicator.
        unsafe { (self.revoke)(comm) };
    }

    /// A communicator of those ranks that live. Collective over them.
    pub fn shrink(&self, comm: MPI_Comm) -> MPI_Comm {
        loop {
            let mut left = comm;
            // SAFETY: a living communicator; the result goes to a local variable.
            if unsafe { (self.shrink)(comm, &mut left) } == MPI_SUCCESS as c_int {
                return left;
            }
            // Another one has died meanwhile.
        }
    }

    /// True if a rank of this communicator has died, or another rank has found so.
    pub fn has_lost(&self, comm: MPI_Comm) -> bool {
        let (mut revoked, mut dead) = (0, 0);
        // SAFETY: a living communicator; results go to local variables; the group is a new one, and freed.
        unsafe {
            let mut group = RSMPI_GROUP_NULL;
            (self.is_revoked)(comm, &mut revoked);
            (self.acknowledge)(comm);
            if (self.acknowledged)(comm, &mut group) == MPI_SUCCESS as c_int {
                MPI_Group_size(group, &mut dead);
                MPI_Group_free(&mut group);
            }
        }
        revoked != 0 || dead > 0
    }
}
