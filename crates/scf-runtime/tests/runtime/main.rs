//! The crate from outside, against a scripted runtime API.

mod course;
mod process;
mod scripted;
