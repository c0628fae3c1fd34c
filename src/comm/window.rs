//! Windows: memory that processes of one node share. A message that lies there is written by one and read by the other;
//! nothing carries it.
//!
//! A window is a file in the system's memory, whose name its maker tells the others. Once all that can have opened it, the
//! name is taken away, and the memory goes when the last of them ends, however that happens.
use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::ptr::null_mut;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// A cache line.
const LINE: usize = 64;
/// Where such files live.
const FOLDER: &str = "/dev/shm";

/// Shared memory, mapped here.
pub(super) struct Window {
    at: *mut u8,
    bytes: usize,
}

/// Takes the name of a window away when it goes.
pub(super) struct Name(PathBuf);

impl Name {
    /// For others on this node.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_os_str().as_encoded_bytes()
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Window {
    /// So many zeros under a new name; none if the system has no room for them.
    pub fn new(bytes: usize) -> Option<(Rc<Window>, Name)> {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos());
        let made = MADE.fetch_add(1, Ordering::Relaxed);
        let path = Path::new(FOLDER).join(format!("halocline-{}-{made}-{now:x}", std::process::id()));
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path).ok()?;
        let name = Name(path);
        // Room that is only promised ends a process when it is touched.
        // SAFETY: a call that looks at nothing but its arguments.
        let full = unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, bytes as libc::off_t) } != 0;
        let window = if full { None } else { Window::map(&file, bytes) };
        Some((Rc::new(window?), name))
    }

    /// The window of this name, if it is one of this node and of so many bytes.
    pub fn open(name: &[u8], bytes: usize) -> Option<Rc<Window>> {
        let path = PathBuf::from(std::str::from_utf8(name).ok()?);
        if path.parent() != Some(Path::new(FOLDER)) {
            return None;
        }
        let file = OpenOptions::new().read(true).write(true).open(&path).ok()?;
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
        let (mine, name) = Window::new(bytes).expect("some shared memory");
        assert!(Window::open(name.as_bytes(), bytes + 1).is_none(), "another size");
        let theirs = Window::open(name.as_bytes(), bytes).expect("the same node");
        let path = name.0.clone();
        drop(name);
        assert!(!path.exists() && Window::open(path.as_os_str().as_encoded_bytes(), bytes).is_none());
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
        assert!(Window::open(b"/etc/passwd", 1).is_none() && Window::open(&[0xff], 1).is_none());
        assert!(Window::new(1 << 60).is_none(), "more than there is");
    }
}
