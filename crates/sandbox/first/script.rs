//! What the library writes and the first process reads: lists of system calls in one piece of memory.
//!
//! Part of both programs. Everything is made of 64-bit words, and every pointer holds for memory that
//! begins at [`BASE`]. It refuses to know what the calls are for.

/// Where the first process maps its script. Between what the kernel places low (programs of a fixed
/// address) and high (all else), in the smallest address space that a 64-bit Linux has.
pub(crate) const BASE: u64 = 1 << 36;

/// The descriptors that the first process begins with, after the standard three: where its reports go,
/// where a byte comes from once the parent has said who we are, and the script.
pub(crate) const REPORT: i32 = 3;
pub(crate) const GATE: i32 = 4;
pub(crate) const SCRIPT: i32 = 5;

/// A call's result is this number, or any that is no error.
pub(crate) const ANY: i64 = -1;

#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(crate) struct Call {
    pub(crate) number: i64,
    pub(crate) arguments: [u64; 6],
    /// The one good result, or [`ANY`].
    pub(crate) wanted: i64,
    /// An `errno` that is as good as success; 0 for none.
    pub(crate) forgiven: i64,
}

/// Some `T`, one after the other.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(crate) struct List {
    pub(crate) at: u64,
    pub(crate) count: u64,
}

/// What the memory begins with.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(crate) struct Script {
    /// [`Call`]s that wait for the gate and build the walls.
    pub(crate) walls: List,
    /// Makes the program's process.
    pub(crate) fork: Call,
    /// [`Call`]s of that process before it executes.
    pub(crate) start: List,
    /// Pairs of [`Call`]s that execute: a place to try, and a shell for a file of no known format.
    pub(crate) candidates: List,
}

/// `[tag, detail, errno or status]`: at most one each of a failure and an end.
pub(crate) type Report = [i32; 3];
/// A call of `walls` failed: its index and `errno`.
pub(crate) const FAILED_WALL: i32 = 1;
/// The program's process could not be made or prepared: `errno`.
pub(crate) const FAILED_START: i32 = 2;
/// No candidate could be executed: `errno`.
pub(crate) const FAILED_EXECUTE: i32 = 3;
/// The program ended: its wait status.
pub(crate) const ENDED: i32 = 4;
