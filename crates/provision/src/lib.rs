//! Infrastructure as code for Tencent Cloud functions, triggers and roles.

pub mod package;
