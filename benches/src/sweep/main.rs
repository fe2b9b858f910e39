//! Measurements of whole sweeps: the real programs and a model that answers after a fixed time.
//!
//! `bench-sweep [REPETITIONS] [PART...]`, with `speed`, `plan`, `again`, `pool`, `definitions`, `events`, `viewers` and `pages` as parts; see the README
//! beside.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod again;
mod definitions;
mod events;
mod plan;
mod pool;
mod speed;
mod web;

use scrum_benches::figures::Figures;
use scrum_benches::server::Server;
use scrum_benches::{stub, usage};

/// What can be measured.
const PARTS: [&str; 8] =
    ["speed", "plan", "again", "pool", "definitions", "events", "viewers", "pages"];

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let Some((role, shape)) = args.split_first()
        && role == "stub"
    {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        return runtime.block_on(stub::serve(stub::Shape::parse(shape)?));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure(&args))
}

async fn measure(args: &[String]) -> anyhow::Result<()> {
    let repetitions: u32 = args.first().map_or(Ok(3), |n| n.parse())?;
    let parts = args.get(1..).filter(|p| !p.is_empty());
    let wants = |part: &str| parts.is_none_or(|p| p.iter().any(|p| p == part));
    if let Some(wrong) = parts.and_then(|p| p.iter().find(|p| !PARTS.contains(&p.as_str()))) {
        anyhow::bail!("there is no part {wrong:?}; parts are: {}", PARTS.join(", "));
    }
    let version = Server::start("everysec")?.version()?;
    println!("Redis {version}, medians of {repetitions}; load average {} before", usage::load());
    let mut figures = Figures::default();
    for turn in 1..=repetitions {
        if wants("speed") {
            speed::measure(&mut figures).await?;
        }
        if wants("plan") {
            plan::measure(&mut figures).await?;
        }
        if wants("again") {
            again::measure(&mut figures).await?;
        }
        if wants("pool") {
            pool::measure(&mut figures).await?;
        }
        if wants("definitions") {
            definitions::measure(&mut figures).await?;
        }
        if wants("events") {
            events::measure(&mut figures).await?;
        }
        if wants("viewers") {
            web::viewers(&mut figures).await?;
        }
        if wants("pages") {
            web::pages(&mut figures).await?;
        }
        eprintln!("{turn} of {repetitions} done; load average {}", usage::load());
    }
    figures.print();
    println!("load average {} after", usage::load());
    Ok(())
}
