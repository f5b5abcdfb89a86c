//! End to end through the binary, as a person would use it.

mod canary;
mod common;
mod crash;
mod drawing;
mod exits;
mod given;
mod judge;
mod kills;
mod line;
mod pipeline;
mod recorded;
mod scratch;
mod twins;
mod upgrade;
