//! What the events of attempts and files cost: the same sweep with them and without them.

use scrum_benches::figures::Figures;
use scrum_benches::fleet::Fleet;
use scrum_benches::source::Source;
use std::time::Duration;

/// Files of the repository.
const FILES: usize = 1000;
/// Calls in flight.
const IN_FLIGHT: u32 = 16;
/// What one model call takes.
const LATENCY: Duration = Duration::from_millis(50);

pub(crate) async fn measure(figures: &mut Figures) -> anyhow::Result<()> {
    let source = Source::with_files(FILES)?;
    let mut each = Vec::new();
    // Each on a server of its own; whatever the machine does meanwhile, it does to both.
    for (name, enabled) in [("with events", "true"), ("without", "false")] {
        let fleet = Fleet::start(IN_FLIGHT, LATENCY).await?;
        let env = [("SCRUM__OBSERVE__ENABLED", enabled)];
        let worker = fleet.worker(&env, &[]).await?;
        let swept = fleet.sweep(&worker, &source, &env, &[]).await?;
        let per = |of: f64| of / swept.status.attempts as f64;
        figures.add(format!("Redis CPU an attempt, us, {name}"), per(swept.redis_us));
        figures.add(format!("  commands an attempt, {name}"), per(swept.commands as f64));
        each.push(per(swept.redis_us));
    }
    figures.add("Redis CPU with events by that without", each[0] / each[1]);
    Ok(())
}
