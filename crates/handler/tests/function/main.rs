//! The real binary under a scripted runtime API, with a stand-in for the robot and one for the cloud's API.

mod delivery;
mod fanout;
mod http;
mod process;
mod secrets;
mod start;
mod world;
