//! How near a sweep comes to what the server bears, with settings as they ship, and what refusals cost.

use scrum_benches::figures::Figures;
use scrum_benches::fleet::Fleet;
use scrum_benches::source::Source;
use scrum_benches::stub::Shape;
use std::time::Duration;

const FILES: usize = 200;
const CALL: Duration = Duration::from_secs(1);
const BEARS: u64 = 40;
const AWAY: Duration = Duration::from_secs(30);

pub(crate) async fn measure(figures: &mut Figures) -> anyhow::Result<()> {
    let bears = Shape { bears: BEARS, ..Shape::of(CALL, Duration::from_millis(10)) };
    let ideal = CALL.as_secs_f64() * FILES as f64 / BEARS as f64;
    run(figures, "a server that bears 40", bears, ideal).await?;
    let away = Shape { away: AWAY, ..bears };
    run(figures, "429 for the first 30 s", away, AWAY.as_secs_f64() + ideal).await
}

async fn run(figures: &mut Figures, name: &str, shape: Shape, ideal: f64) -> anyhow::Result<()> {
    let mut fleet = Fleet::with(shape, "").await?;
    let worker = fleet.worker(&[], &[]).await?;
    let run = fleet.sweep(&worker, &Source::with_files(FILES)?, &[], &[]).await?;
    let asked = fleet.stub.asked()?;
    figures.add(format!("{name}: seconds"), run.took.as_secs_f64());
    figures.add(format!("{name}: actual / ideal"), run.took.as_secs_f64() / ideal);
    figures.add(format!("{name}: calls refused"), asked.refused as f64);
    figures.add(format!("{name}: calls in all"), asked.chat as f64);
    figures.add(format!("{name}: calls at a time, at most"), asked.most as f64);
    Ok(())
}
