//! The applier, over real repositories, real checks in the sandbox, and a stub as reviewer and patch model.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "apply/bed.rs"]
mod bed;
#[path = "apply/gates.rs"]
mod gates;
#[path = "apply/hostile.rs"]
mod hostile;
#[path = "apply/mistakes.rs"]
mod mistakes;
#[path = "apply/policy.rs"]
mod policy;
#[path = "apply/projects.rs"]
mod projects;
#[path = "apply/prove.rs"]
mod prove;
#[path = "../support/schemas.rs"]
mod schemas;
#[path = "apply/together.rs"]
mod together;
