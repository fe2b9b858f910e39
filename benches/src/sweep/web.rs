//! The dashboard: what fifty people who look at a sweep cost it, and how long a page of a large one takes.

use scrum_benches::figures::Figures;
use scrum_benches::fleet::Fleet;
use scrum_benches::source::Source;
use scrum_benches::usage;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// People who look.
const VIEWERS: usize = 50;
/// Files of the sweep that they look at.
const FILES: usize = 2_000;
/// Calls in flight.
const IN_FLIGHT: u32 = 16;
/// What one model call takes.
const LATENCY: Duration = Duration::from_millis(100);
/// How often the script of a page asks for it again.
const REFRESH: Duration = Duration::from_secs(1);
/// Files of the large sweep.
const LARGE: usize = 100_000;
/// Times that each of its pages is asked for.
const TIMES: usize = 50;
/// Bytes of a page at most.
const MOST_BYTES: u64 = 1 << 20;

pub(crate) async fn viewers(figures: &mut Figures) -> anyhow::Result<()> {
    let source = Source::with_files(FILES)?;
    let mut took = Vec::new();
    // Each on a server of its own; the dashboard runs both times.
    for viewers in [0, VIEWERS] {
        let fleet = Fleet::start(IN_FLIGHT, LATENCY).await?;
        let web = fleet.web().await?;
        let worker = fleet.worker(&[], &[]).await?;
        let address = web.address.clone();
        let mut looking: JoinSet<anyhow::Result<()>> = JoinSet::new();
        for n in 0..viewers {
            let address = address.clone();
            looking.spawn(async move {
                // Not all in the same moment.
                tokio::time::sleep(REFRESH * n as u32 / VIEWERS as u32).await;
                loop {
                    get(&address, if n % 2 == 0 { "/" } else { "/letters" }).await?;
                    tokio::time::sleep(REFRESH).await;
                }
            });
        }
        let swept = fleet.sweep(&worker, &source, &[], &[]).await?;
        if let Some(ended) = looking.try_join_next() {
            ended??;
        }
        looking.abort_all();
        figures.add(format!("{FILES} files with {viewers} viewers, s"), swept.took.as_secs_f64());
        figures.add("  CPU of the dashboard meanwhile, ms", usage::spent_us(web.pid()) / 1e3);
        took.push(swept.took.as_secs_f64());
    }
    figures.add("  with viewers by without", took[1] / took[0]);
    Ok(())
}

pub(crate) async fn pages(figures: &mut Figures) -> anyhow::Result<()> {
    let source = Source::with_files(LARGE)?;
    let fleet = Fleet::start(64, Duration::ZERO).await?;
    let worker = fleet.worker(&[], &[]).await?;
    let id = fleet.enqueue(&source, &[], &[])?;
    let deadline = Instant::now() + Duration::from_secs(1_800);
    while !fleet.status(&id).await?.is_over() {
        anyhow::ensure!(Instant::now() < deadline, "the sweep does not end");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    drop(worker);
    let web = fleet.web().await?;
    for path in [format!("/sweeps/{id}"), format!("/sweeps/{id}/findings"), "/".to_owned()] {
        let mut each = Vec::new();
        for _ in 0..TIMES {
            let begun = Instant::now();
            get(&web.address, &path).await?;
            each.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        each.sort_by(f64::total_cmp);
        let name = path.replace(&id, "ID");
        figures.add(format!("page {name} of {LARGE} files, p50, ms"), each[TIMES / 2]);
        figures.add("  the slowest, ms", each[TIMES - 1]);
    }
    figures.add("  memory of the dashboard at most, MiB", usage::peak_mib(web.pid()));
    Ok(())
}

/// A page, whole; an error for any status but 200.
async fn get(address: &str, path: &str) -> anyhow::Result<usize> {
    let mut stream = TcpStream::connect(address).await?;
    let head = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    let mut page = Vec::new();
    stream.take(MOST_BYTES).read_to_end(&mut page).await?;
    let status = page.split(|b| *b == b'\r').next().unwrap_or_default();
    let status = String::from_utf8_lossy(status);
    anyhow::ensure!(status.contains(" 200"), "{path} answers {status}");
    Ok(page.len())
}
