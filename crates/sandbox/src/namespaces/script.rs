//! Writes the script of system calls that the first process makes; see `first/main.rs`.
//!
//! Calls are the ones that every processor has (`openat`, never `open`). It refuses to know what a
//! wall is.

use std::ffi::CStr;

#[path = "../../first/script.rs"]
mod format;

use self::format::{ANY, BASE, List};
pub(super) use self::format::{
    Call, ENDED, FAILED_EXECUTE, FAILED_START, FAILED_WALL, GATE, REPORT, Report, SCRIPT, Script,
};

/// What the first process gets when it opens a file: the lowest number that is free. Then the next.
pub(super) const OPENED: i32 = GATE;
pub(super) const OPENED_NEXT: i32 = OPENED + 1;

/// The first process's memory.
pub(super) struct Memory(Vec<u8>);

/// Calls to come, and what they point to.
pub(super) struct Calls<'a> {
    pub(super) memory: &'a mut Memory,
    pub(super) list: Vec<Call>,
}

impl Memory {
    /// With room for the [`Script`] at its start.
    pub(super) fn new() -> Self {
        Self(vec![0; size_of::<Script>()])
    }

    /// Stores these, aligned for anything, and tells where.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> u64 {
        self.0.resize(self.0.len().next_multiple_of(size_of::<u64>()), 0);
        let at = BASE + self.0.len() as u64;
        self.0.extend_from_slice(bytes);
        at
    }

    pub(super) fn words(&mut self, words: impl IntoIterator<Item = u64>) -> u64 {
        let bytes: Vec<u8> = words.into_iter().flat_map(u64::to_ne_bytes).collect();
        self.bytes(&bytes)
    }

    pub(super) fn text(&mut self, text: &CStr) -> u64 {
        self.bytes(text.to_bytes_with_nul())
    }

    /// A NULL-terminated array of texts that are stored.
    pub(super) fn texts(&mut self, texts: impl IntoIterator<Item = u64>) -> u64 {
        self.words(texts.into_iter().chain([0]))
    }

    pub(super) fn calls(&mut self, calls: &[Call]) -> List {
        let at = self.words(calls.iter().flat_map(words_of_call));
        List { at, count: calls.len() as u64 }
    }

    pub(super) fn pairs(&mut self, pairs: &[[Call; 2]]) -> List {
        let List { at, .. } = self.calls(pairs.as_flattened());
        List { at, count: pairs.len() as u64 }
    }

    /// The finished memory.
    pub(super) fn finish(mut self, script: &Script) -> Vec<u8> {
        let Script { walls, fork, start, candidates } = script;
        let words = [walls.at, walls.count].into_iter().chain(words_of_call(fork)).chain([
            start.at,
            start.count,
            candidates.at,
            candidates.count,
        ]);
        let bytes: Vec<u8> = words.flat_map(u64::to_ne_bytes).collect();
        self.0[..bytes.len()].copy_from_slice(&bytes);
        self.0
    }
}

impl<'a> Calls<'a> {
    pub(super) fn new(memory: &'a mut Memory) -> Self {
        Self { memory, list: Vec::new() }
    }

    /// Adds a call; those after it are made only if it succeeds.
    pub(super) fn add<const N: usize>(
        &mut self,
        number: libc::c_long,
        arguments: [u64; N],
    ) -> &mut Call {
        self.list.push(call(number, arguments));
        let last = self.list.len() - 1;
        &mut self.list[last]
    }

    /// `prctl`, which wants zeros for what it does not use.
    pub(super) fn prctl<const N: usize>(
        &mut self,
        option: libc::c_int,
        arguments: [u64; N],
    ) -> &mut Call {
        let number = libc::SYS_prctl;
        let call = self.add(number, arguments);
        call.arguments.rotate_right(1);
        call.arguments[0] = option as u64;
        call
    }

    /// `openat`; the file is [`OPENED`], or [`OPENED_NEXT`] beside another.
    pub(super) fn open(&mut self, path: &CStr, flags: libc::c_int, mode: u32, opened: i32) {
        let path = self.memory.text(path);
        let flags = (flags | libc::O_CLOEXEC) as u64;
        let call = self.add(libc::SYS_openat, [AT_CWD, path, flags, u64::from(mode)]);
        call.wants(opened.into());
    }

    pub(super) fn close(&mut self, descriptor: i32) {
        self.add(libc::SYS_close, [descriptor as u64]);
    }
}

/// Relative paths start at the working directory.
pub(super) const AT_CWD: u64 = libc::AT_FDCWD as u64;

pub(super) fn call<const N: usize>(number: libc::c_long, arguments: [u64; N]) -> Call {
    let mut call = Call { number, arguments: [0; 6], wanted: ANY, forgiven: 0 };
    call.arguments[..N].copy_from_slice(&arguments);
    call
}

impl Call {
    /// Any other result than this is a failure.
    pub(super) fn wants(&mut self, result: i64) {
        self.wanted = result;
    }

    /// This failure is none.
    pub(super) fn forgives(&mut self, error: libc::c_int) {
        self.forgiven = error.into();
    }
}

fn words_of_call(call: &Call) -> [u64; 9] {
    let [a, b, c, d, e, f] = call.arguments;
    [call.number as u64, a, b, c, d, e, f, call.wanted as u64, call.forgiven as u64]
}
