//! Everything about the crate that can be seen from outside, in one binary to spare linking: signatures against
//! published vectors, requests against the official definitions, answers against official samples, and the client
//! against a scripted server on loopback.

mod answers;
mod cos;
mod credentials;
mod definitions;
mod failures;
mod listing;
mod network;
mod rates;
mod signing;
mod support;
