//! Windows: memory that processes of one node share. A message that lies there is written by one and read by the other;
//! nothing carries it.
//!
//! A window is memory as a file without a name, which others of this node open through its maker's open files. It goes when
//! the last process that has it ends, however that happens.
use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd};
use std::ptr::null_mut;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// A cache line.
const LINE: usize = 64;

/// Shared memory, mapped here.
pub(super) struct Window {
    at: *mut u8,
    bytes: usize,
}

/// The open file of a window, by which others find it.
pub(super) struct Door {
    file: File,
    label: String,
}

impl Door {
    /// What others need to know: the process, its file, and a label that no other file has.
    pub fn address(&self) -> Vec<u8> {
        format!("{} {} {}", std::process::id(), self.file.as_raw_fd(), self.label).into_bytes()
    }
}

impl Window {
    /// So many zeros, and the door for others, to be kept until they are in; none if the system has no room for them.
    #[cfg(target_os = "linux")]
    pub fn new(bytes: usize) -> Option<(Rc<Window>, Door)> {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos());
        let label = format!("halocline-{}-{}-{now:x}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let name = std::ffi::CString::new(label.clone()).ok()?;
        // SAFETY: the name ends with a zero byte.
        let made = unsafe { libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC) };
        if made < 0 {
            return None;
        }
        // SAFETY: a new file that nobody else owns.
        let file = unsafe { File::from_raw_fd(made) };
        // Room that is only promised ends a process when it is touched.
        // SAFETY: a call that looks at nothing but its arguments.
        let full = unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, bytes as libc::off_t) } != 0;
        let window = if full { None } else { Window::map(&file, bytes) };
        Some((Rc::new(window?), Door { file, label }))
    }

    /// Elsewhere than on Linux there are none.
    #[cfg(not(target_os = "linux"))]
    pub fn new(_: usize) -> Option<(Rc<Window>, Door)> {
        None
    }

    /// The window at this address, if it is one of this node and of so many bytes.
    pub fn open(address: &[u8], bytes: usize) -> Option<Rc<Window>> {
        let text = std::str::from_utf8(address).ok()?;
        let [process, number, label] = text.split(' ').collect::<Vec<_>>().try_into().ok()?;
        let (process, number): (u32, u32) = (process.parse().ok()?, number.parse().ok()?);
        let path = format!("/proc/{process}/fd/{number}");
        // Another node, or another container, may have such a process, too.
        if std::fs::read_link(&path).ok()?.to_str()? != format!("/memfd:{label} (deleted)") {
            return None;
        }
        let file = File::options().read(true).write(true).open(&path).ok()?;
        let fits = file.metadata().ok()?.len() == bytes as u64;
        Window::map(&file, bytes).filter(|_| fits).map(Rc::new)
    }

    fn map(file: &File, bytes: usize) -> Option<Window> {
        use libc::{MAP_FAILED, MAP_SHARED, PROT_READ, PROT_WRITE, mmap};
        // SAFETY: a new mapping collides with nothing.
        let at = unsafe { mmap(null_mut(), bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.as_raw_fd(), 0) };
        (at != MAP_FAILED).then_some(Window { at: at.cast(), bytes })
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // SAFETY: it was mapped with this size, and slots hold it as long as they live.
        unsafe { libc::munmap(self.at.cast(), self.bytes) };
    }
}

/// A place for the messages of one rank to another: two counters, each on a line of its own, and two buffers that take
/// turns, so that one may be filled while the other is read.
pub(super) struct Slot {
    /// Keeps the memory.
    _window: Rc<Window>,
    at: *mut u8,
    bytes: usize,
}

impl Slot {
    /// Bytes of a window that a slot for messages of this size takes.
    pub fn room(bytes: usize) -> usize {
        2 * LINE + 2 * bytes.next_multiple_of(LINE)
    }

    /// A slot for messages of `bytes`, `start` bytes behind the beginning of a window.
    ///
    /// # Panics
    /// If it does not lie inside.
    pub fn new(window: &Rc<Window>, start: usize, bytes: usize) -> Slot {
        assert!(start.is_multiple_of(LINE) && start + Slot::room(bytes) <= window.bytes, "a slot beyond its window");
        Slot { _window: window.clone(), at: window.at.wrapping_add(start), bytes }
    }

    fn counter(&self, line: usize) -> &AtomicU64 {
        // SAFETY: an aligned number in mapped memory, which all processes touch by atomic operations alone.
        unsafe { AtomicU64::from_ptr(self.at.add(line * LINE).cast()) }
    }

    /// Messages that the sender has written so far.
    pub fn sent(&self) -> u64 {
        self.counter(0).load(Ordering::Acquire)
    }

    /// Says that so many are written.
    pub fn send(&self, messages: u64) {
        self.counter(0).store(messages, Ordering::Release);
    }

    /// Messages that the receiver needs no longer.
    pub fn taken(&self) -> u64 {
        self.counter(1).load(Ordering::Acquire)
    }

    /// Says that so many are needed no longer.
    pub fn take(&self, messages: u64) {
        self.counter(1).store(messages, Ordering::Release);
    }

    /// The buffer of a message, counted from 0: the sender's while [`Slot::taken`] is at least `message` − 1 and it is not sent;
    /// the receiver's from then until it takes it.
    pub fn buffer(&self, message: u64) -> *mut u8 {
        self.at.wrapping_add(2 * LINE + (message % 2) as usize * self.bytes.next_multiple_of(LINE))
    }

    /// Bytes of a message.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_in_one_mapping_is_read_in_the_other() {
        let bytes = Slot::room(100) + Slot::room(7);
        let (mine, door) = Window::new(bytes).expect("some shared memory");
        let address = door.address();
        assert!(Window::open(&address, bytes + 1).is_none(), "another size");
        let theirs = Window::open(&address, bytes).expect("the same node");
        let other = String::from_utf8(address.clone()).unwrap().replace("halocline", "another");
        assert!(Window::open(other.as_bytes(), bytes).is_none(), "another file");
        drop(door);
        assert!(Window::open(&address, bytes).is_none(), "a closed door");
        for (start, len) in [(0, 100), (Slot::room(100), 7)] {
            let (out, into) = (Slot::new(&mine, start, len), Slot::new(&theirs, start, len));
            for message in 0..5_u64 {
                assert!(out.taken() + 1 >= message && into.sent() == message);
                // SAFETY: inside the slot, and nobody reads it yet.
                unsafe { out.buffer(message).write_bytes(message as u8 + 1, len) };
                out.send(message + 1);
                assert_eq!(into.sent(), message + 1);
                // SAFETY: inside the slot, and written.
                let got = unsafe { std::slice::from_raw_parts(into.buffer(message), into.bytes()) };
                assert!(got.len() == len && got.iter().all(|&b| b == message as u8 + 1));
                into.take(message + 1);
            }
        }
        assert!(
            Window::open(b"", 1).is_none() && Window::open(b"1 2", 1).is_none() && Window::open(&[0xff], 1).is_none()
        );
        assert!(Window::new(1 << 63).is_none(), "more than a file can have");
    }
}
