//! Communicators: a transport together with the threads of a rank.
use super::local;
use super::threads::Threads;
use super::transport::{Reduce, Transport};
use crate::base::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::cell::Cell;
use std::rc::Rc;

/// A communicator: a transport and the threads of this rank. It dereferences to [`Transport`].
#[derive(Clone)]
pub struct Comm {
    transport: Rc<dyn Transport>,
    threads: Rc<Threads>,
    tags: Rc<Cell<u32>>,
}

impl Comm {
    /// Creates a communicator over a transport.
    pub fn new(transport: Rc<dyn Transport>, threads: Rc<Threads>) -> Comm {
        Comm { transport, threads, tags: Rc::default() }
    }

    /// Creates a communicator of one rank, on this thread: sufficient for a library user, a doctest or a notebook.
    ///
    /// ```
    /// let comm = halocline::Comm::alone();
    /// assert_eq!((comm.rank(), comm.size()), (0, 1));
    /// ```
    pub fn alone() -> Comm {
        Comm::new(local::single_rank(), Rc::new(Threads::new(1)))
    }

    /// The threads of this rank.
    pub fn threads(&self) -> &Threads {
        &self.threads
    }

    /// Creates a communicator of the ranks that give the same colour. Collective.
    pub fn split(&self, colour: usize) -> Comm {
        Comm::new(self.transport.split(colour), self.threads.clone())
    }

    /// Returns an unused tag for [`Transport::link`] or [`Transport::direct`]. All ranks request their tags in the same order.
    pub fn new_tag(&self) -> u32 {
        self.tags.update(|tag| tag + 1);
        self.tags.get()
    }

    /// Returns the value of rank 0 on every rank. `on_root` is `Some` on rank 0; the other ranks' argument is ignored.
    /// Collective.
    ///
    /// ```
    /// let seen = halocline::comm::ranks(3, 1, |comm| comm.share(comm.is_root().then_some("it is noon".to_owned())));
    /// assert_eq!(seen.unwrap(), ["it is noon"; 3]);
    /// ```
    pub fn share<T: Serialize + DeserializeOwned>(&self, on_root: Option<T>) -> T {
        let mut text = serde_json::to_vec(&on_root).expect("rank 0 gives a value that can be serialised");
        self.broadcast(0, &mut text);
        serde_json::from_slice::<Option<T>>(&text).ok().flatten().expect("the bytes that rank 0 has serialised")
    }

    /// Returns the same outcome on all ranks: `result` if it is `Ok` everywhere, else the error of the lowest rank that has one.
    /// The error names that rank unless all ranks have failed. Collective.
    ///
    /// ```
    /// use halocline::{Error, comm::ranks};
    /// let outcomes = ranks(2, 1, |comm| {
    ///     let mine = if comm.is_root() { Ok(()) } else { Err(Error::failure("disk full")) };
    ///     comm.agree(mine).unwrap_err().to_string()
    /// });
    /// assert_eq!(outcomes.unwrap(), ["rank 1 of 2: disk full", "rank 1 of 2: disk full"]);
    /// ```
    pub fn agree<T>(&self, result: Result<T>) -> Result<T> {
        // Minima over ranks: the lowest rank that failed, and 1 if all failed.
        let mut votes = if result.is_err() { [self.rank() as i64, 1] } else { [i64::MAX, 0] };
        self.reduce(Reduce::Min, &mut votes);
        let [source, all] = votes;
        if source == i64::MAX {
            return result;
        }
        let mut text = result.err().map(|e| encode(&e)).unwrap_or_default();
        self.broadcast(source as usize, &mut text);
        let place = if all == 1 { String::new() } else { format!("rank {source} of {}: ", self.size()) };
        Err(decode(&text, &place))
    }

    /// True on rank 0, which prints and writes for all ranks.
    pub fn is_root(&self) -> bool {
        self.rank() == 0
    }
}

impl std::ops::Deref for Comm {
    type Target = dyn Transport;
    fn deref(&self) -> &Self::Target {
        &*self.transport
    }
}

/// Serialises an error: exit code, length of the text, text, remedy.
fn encode(error: &Error) -> Vec<u8> {
    let text = error.to_string();
    let mut bytes = vec![error.exit_code()];
    bytes.extend((error.what().len() as u64).to_ne_bytes());
    bytes.extend(text.as_bytes());
    bytes
}

/// Restores an error, with `place` before its text.
fn decode(bytes: &[u8], place: &str) -> Error {
    let (head, text) = bytes.split_at(9);
    let text = String::from_utf8_lossy(text);
    let what = u64::from_ne_bytes(head[1..].try_into().expect("8 bytes")) as usize;
    let (what, remedy) = text.split_at(what);
    let what = format!("{place}{what}");
    let error = match head[0] {
        2 => Error::input(what),
        75 => Error::stopped(what),
        _ => Error::failure(what),
    };
    match remedy.strip_prefix("\n  ") {
        Some(remedy) => error.remedy(remedy),
        None => error,
    }
}
