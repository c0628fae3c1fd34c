//! Ending all processes of an MPI job.
use crate::base::message::message;
use crate::comm::failure::{Aborted, Failure};
use mpi::ffi::*;
use std::time::{Duration, Instant};

/// How long a rank that aborts waits for the launcher to read its message.
const READ_TIMEOUT: Duration = Duration::from_secs(1);

/// Prints why this rank has failed, and ends the job on all ranks.
pub(in crate::comm) fn abort_job(rank: usize, Failure { code, message }: Failure) -> ! {
    message!("error: {}", Aborted { rank, code, message });
    wait_until_read(std::io::stderr());
    abort(code)
}

/// Ends all processes of the launch with this exit code.
pub(super) fn abort(code: i32) -> ! {
    // SAFETY: ranks exist, so MPI is initialised; the world communicator is valid.
    unsafe { MPI_Abort(RSMPI_COMM_WORLD, code) };
    signal_hook::low_level::exit(code)
}

/// Waits until the launcher has read the output of this rank from a pipe, up to the timeout: when a rank aborts, the launcher of
/// MPICH discards output that it has not read.
fn wait_until_read(pipe: impl std::os::fd::AsFd) {
    let start = Instant::now();
    while start.elapsed() < READ_TIMEOUT && rustix::io::ioctl_fionread(&pipe).is_ok_and(|bytes| bytes > 0) {
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    #[test]
    fn waits_for_a_reader_up_to_the_timeout() {
        let (mut reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(b"error").unwrap();
        let start = Instant::now();
        wait_until_read(&writer);
        assert!(start.elapsed() >= READ_TIMEOUT, "no reader");
        let pause = Duration::from_millis(100);
        let start = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(pause);
                reader.read_exact(&mut [0; 5]).unwrap();
            });
            wait_until_read(&writer);
        });
        assert!((pause..READ_TIMEOUT).contains(&start.elapsed()), "{:?}", start.elapsed());
        let start = Instant::now();
        wait_until_read(std::fs::File::open("/dev/null").unwrap());
        assert!(start.elapsed() < READ_TIMEOUT, "not a pipe");
    }
}
