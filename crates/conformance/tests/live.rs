//! The smoke test of 11.13 with the local model.
