//! `scrum mcp`: coding agents ask the fleet, by the Model Context Protocol on stdin and stdout.

use crate::cli::{Global, McpArgs};
use crate::mcp::{Server, wire};
use crate::session;
use anyhow::Context as _;
use rmcp::ServiceExt as _;
use rmcp::service::ServerInitializeError;
use rmcp::transport::async_rw::AsyncRwTransport;
use tokio::task::LocalSet;

/// Bytes of a message of the client at most; a longer one is passed over, and the log says so.
const MOST_MESSAGE: usize = 4 << 20;

/// Serves until the client closes its end.
///
/// # Errors
/// Settings that can't be used, or a client that does not speak the protocol.
pub async fn execute(global: &Global, args: McpArgs) -> anyhow::Result<u8> {
    // What is wrong with the settings is told now; a Redis that is away is told to each call.
    session::load(global)?;
    let server = Server::new(global.clone(), args);
    let transport = AsyncRwTransport::new_server(wire::In::start(), wire::Out::default())
        .with_max_line_length(MOST_MESSAGE);
    // Repositories and their handles stay on one thread.
    let local = LocalSet::new();
    local
        .run_until(Box::pin(async move {
            let running = match server.serve(transport).await {
                // It went before it said anything.
                Err(ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
                other => {
                    other.context("the client does not speak the protocol as a client should")?
                }
            };
            running.waiting().await.context("serving the client failed")?;
            anyhow::Ok(())
        }))
        .await?;
    Ok(0)
}
