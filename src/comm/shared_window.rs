//! Shared-memory windows: memory that several processes of one node map. A message in a window is written by one process and read
//! by another; it is not copied in between.
//!
//! A window is an anonymous file in memory (`memfd_create`), which other processes of the node open through `/proc`. The system
//! frees it when the last process that maps it ends, in whatever way.
use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd};
use std::ptr::null_mut;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Size of a cache line in bytes.
const LINE: usize = 64;

/// A shared-memory window, mapped into this process.
pub(super) struct SharedWindow {
    at: *mut u8,
    bytes: usize,
}

/// The open file of a window, through which other processes find it.
pub(super) struct WindowHandle {
    file: File,
    label: String,
}

impl WindowHandle {
    /// Address for [`SharedWindow::open`]: process id, file descriptor and a unique label.
    pub fn address(&self) -> Vec<u8> {
        format!("{} {} {}", std::process::id(), self.file.as_raw_fd(), self.label).into_bytes()
    }
}

impl SharedWindow {
    /// Creates a window of `bytes` zero bytes, and the handle through which others open it, to be kept until they have. Returns
    /// `None` if the system has not enough memory.
    #[cfg(target_os = "linux")]
    pub fn create(bytes: usize) -> Option<(Rc<SharedWindow>, WindowHandle)> {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos());
        let label = format!("halocline-{}-{}-{now:x}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let name = std::ffi::CString::new(label.clone()).ok()?;
        // SAFETY: the name ends with a zero byte.
        let made = unsafe { libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC) };
        if made < 0 {
            return None;
        }
        // SAFETY: a new file descriptor, which has no other owner.
        let file = unsafe { File::from_raw_fd(made) };
        // Allocated now: otherwise a lack of memory would kill the process at its first access.
        // SAFETY: the call accesses no memory of this process.
        let full = unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, bytes as libc::off_t) } != 0;
        let window = if full { None } else { SharedWindow::map(&file, bytes) };
        Some((Rc::new(window?), WindowHandle { file, label }))
    }

    /// Returns `None`: windows exist on Linux only.
    #[cfg(not(target_os = "linux"))]
    pub fn create(_: usize) -> Option<(Rc<SharedWindow>, WindowHandle)> {
        None
    }

    /// Opens the window with this address. Returns `None` unless it is on this node and has `bytes` bytes.
    pub fn open(address: &[u8], bytes: usize) -> Option<Rc<SharedWindow>> {
        let text = std::str::from_utf8(address).ok()?;
        let [process, number, label] = text.split(' ').collect::<Vec<_>>().try_into().ok()?;
        let (process, number): (u32, u32) = (process.parse().ok()?, number.parse().ok()?);
        let path = format!("/proc/{process}/fd/{number}");
        // A process of another node or container may have the same number.
        if std::fs::read_link(&path).ok()?.to_str()? != format!("/memfd:{label} (deleted)") {
            return None;
        }
        let file = File::options().read(true).write(true).open(&path).ok()?;
        let fits = file.metadata().ok()?.len() == bytes as u64;
        SharedWindow::map(&file, bytes).filter(|_| fits).map(Rc::new)
    }

    fn map(file: &File, bytes: usize) -> Option<SharedWindow> {
        use libc::{MAP_FAILED, MAP_SHARED, PROT_READ, PROT_WRITE, mmap};
        // SAFETY: a new mapping, at an address that the system chooses.
        let at = unsafe { mmap(null_mut(), bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.as_raw_fd(), 0) };
        (at != MAP_FAILED).then_some(SharedWindow { at: at.cast(), bytes })
    }
}

impl Drop for SharedWindow {
    fn drop(&mut self) {
        // SAFETY: mapped with this size; slots keep the window, so none is left.
        unsafe { libc::munmap(self.at.cast(), self.bytes) };
    }
}

/// The part of a window for the messages of one rank to another: two counters, each on its own cache line, and two buffers used
/// alternately, so that one can be filled while the other is read.
pub(super) struct WindowSlot {
    /// Keeps the memory mapped.
    _window: Rc<SharedWindow>,
    at: *mut u8,
    bytes: usize,
}

impl WindowSlot {
    /// Size in bytes of a slot for messages of `bytes` bytes.
    pub fn size(bytes: usize) -> usize {
        2 * LINE + 2 * bytes.next_multiple_of(LINE)
    }

    /// Creates a slot for messages of `bytes` bytes, at offset `start` of a window.
    ///
    /// # Panics
    /// If it does not lie inside the window.
    pub fn new(window: &Rc<SharedWindow>, start: usize, bytes: usize) -> WindowSlot {
        assert!(
            start.is_multiple_of(LINE) && start + WindowSlot::size(bytes) <= window.bytes,
            "a slot outside its window"
        );
        WindowSlot { _window: window.clone(), at: window.at.wrapping_add(start), bytes }
    }

    fn counter(&self, line: usize) -> &AtomicU64 {
        // SAFETY: an aligned integer in mapped memory, which all processes access by atomic operations only.
        unsafe { AtomicU64::from_ptr(self.at.add(line * LINE).cast()) }
    }

    /// Number of messages that the sender has written so far.
    pub fn sent(&self) -> u64 {
        self.counter(0).load(Ordering::Acquire)
    }

    /// Sets the number of messages written.
    pub fn set_sent(&self, messages: u64) {
        self.counter(0).store(messages, Ordering::Release);
    }

    /// Number of messages that the receiver no longer needs.
    pub fn released(&self) -> u64 {
        self.counter(1).load(Ordering::Acquire)
    }

    /// Sets the number of messages no longer needed.
    pub fn set_released(&self, messages: u64) {
        self.counter(1).store(messages, Ordering::Release);
    }

    /// Address of the buffer of a message, counted from 0. The sender may write to it if [`WindowSlot::released`] is at least
    /// `message` − 1, until it has set the message as sent; the receiver may read from it then, until it releases the message.
    pub fn buffer(&self, message: u64) -> *mut u8 {
        self.at.wrapping_add(2 * LINE + (message % 2) as usize * self.bytes.next_multiple_of(LINE))
    }

    /// Length of a message in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_written_in_one_mapping_are_read_in_the_other() {
        let bytes = WindowSlot::size(100) + WindowSlot::size(7);
        let (mine, handle) = SharedWindow::create(bytes).expect("shared memory is available");
        let address = handle.address();
        assert!(SharedWindow::open(&address, bytes + 1).is_none(), "another size");
        let theirs = SharedWindow::open(&address, bytes).expect("the window is on this node");
        let other = String::from_utf8(address.clone()).unwrap().replace("halocline", "another");
        assert!(SharedWindow::open(other.as_bytes(), bytes).is_none(), "another file");
        drop(handle);
        assert!(SharedWindow::open(&address, bytes).is_none(), "a closed file");
        for (start, len) in [(0, 100), (WindowSlot::size(100), 7)] {
            let (out, into) = (WindowSlot::new(&mine, start, len), WindowSlot::new(&theirs, start, len));
            for message in 0..5_u64 {
                assert!(out.released() + 1 >= message && into.sent() == message);
                // SAFETY: inside the slot, and not read yet.
                unsafe { out.buffer(message).write_bytes(message as u8 + 1, len) };
                out.set_sent(message + 1);
                assert_eq!(into.sent(), message + 1);
                // SAFETY: inside the slot, and written completely.
                let got = unsafe { std::slice::from_raw_parts(into.buffer(message), into.bytes()) };
                assert!(got.len() == len && got.iter().all(|&b| b == message as u8 + 1));
                into.set_released(message + 1);
            }
        }
        assert!(
            SharedWindow::open(b"", 1).is_none()
                && SharedWindow::open(b"1 2", 1).is_none()
                && SharedWindow::open(&[0xff], 1).is_none()
        );
        assert!(SharedWindow::create(1 << 63).is_none(), "more than the maximum size of a file");
    }
}
