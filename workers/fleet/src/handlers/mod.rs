//! Handlers: one file a job kind, each with one `run`. They read, they ask, they return effects.

pub mod ask;
pub mod budget;
mod ledger;
mod passages;

macro_rules! declare {
    ($($module:ident $kind:ident,)*) => { $(pub mod $module;)* };
}

queue_schema::for_each_job_kind!(declare);
mod whom;
