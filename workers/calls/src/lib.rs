//! Calls of models, whoever makes them: workers for their jobs, the web server for its gateway.
//!
//! A call takes a place in the pool of its provider, for the call alone ([`places`]), so that the limits of a provider hold
//! for the whole fleet. How it ended is told to the pool ([`ended`]), whose limit follows what the server bears.

pub mod alarm;
mod desk;
pub mod ended;
pub mod places;
