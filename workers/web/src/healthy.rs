//! `scrum-web health`: asks the server of this machine how it is, for whoever watches over its process.

use anyhow::{Context as _, ensure};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long the answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of the answer that are read at most.
const MOST_BYTES: u64 = 64 * 1024;

/// Asks the server that listens there.
///
/// # Errors
/// When it does not answer, or its Redis does not.
pub async fn check(listen: &str) -> anyhow::Result<()> {
    let at: SocketAddr = listen
        .parse()
        .with_context(|| format!("web.listen '{listen}' is no address with a port"))?;
    let at = reached(at);
    let asked = timeout(PATIENCE, ask(at)).await;
    let answer =
        asked.with_context(|| format!("scrum-web at {at} did not answer within {PATIENCE:?}"))?;
    let answer = answer.with_context(|| {
        format!("no scrum-web answers at {at}; is it started, and with this web.listen?")
    })?;
    let line = answer.lines().next().unwrap_or_default();
    let status = line.split(' ').nth(1).unwrap_or_default();
    ensure!(
        status == "200",
        "scrum-web at {at} answers '{line}': {}",
        answer.lines().last().unwrap_or_default()
    );
    Ok(())
}

/// Where a server that listens on all addresses is reached from its own machine.
fn reached(at: SocketAddr) -> SocketAddr {
    let ip = match at.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, at.port())
}

async fn ask(at: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(at).await?;
    let request = format!("GET /health HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(MOST_BYTES).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_all_addresses_is_reached_on_its_own_machine() {
        for (listens, reached_at) in [
            ("0.0.0.0:3950", "127.0.0.1:3950"),
            ("[::]:3950", "[::1]:3950"),
            ("10.0.0.7:1", "10.0.0.7:1"),
        ] {
            assert_eq!(reached(listens.parse().unwrap()).to_string(), reached_at);
        }
    }
}
