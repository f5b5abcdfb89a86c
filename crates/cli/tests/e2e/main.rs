//! End to end through the binary, as a person would use it.

mod common;
mod crash;
mod line;
mod recorded;
mod upgrade;
