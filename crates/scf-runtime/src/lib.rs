//! Custom-runtime client for Tencent Cloud SCF functions written in Rust.
