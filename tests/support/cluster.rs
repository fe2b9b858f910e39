//! Three servers that become a cluster.

use crate::wait::eventually;
use std::net::TcpListener;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Slots of a cluster: <https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/>.
const SLOTS: usize = 16384;

/// Ports of one node.
#[derive(Debug, Clone, Copy)]
pub struct Node {
    /// For clients.
    pub port: u16,
    /// For the nodes' own talk.
    pub bus: u16,
}

impl Node {
    /// So many nodes, on ports that are free.
    pub fn some(n: usize) -> Vec<Self> {
        (0..n).map(|_| Self { port: free_port(), bus: free_port() }).collect()
    }

    /// Its URL as a server of its own.
    pub fn url(self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Makes a server this node.
    pub fn arguments(self, command: &mut Command) {
        command
            .args(["--bind", "127.0.0.1", "--port", &self.port.to_string()])
            .args(["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"])
            .args(["--cluster-config-file", "nodes.conf", "--cluster-port", &self.bus.to_string()]);
    }

    fn ask<T: redis::FromRedisValue>(self, args: &[&str]) -> redis::RedisResult<T> {
        let client = redis::Client::open(self.url())?;
        let mut conn = client.get_connection_with_timeout(Duration::from_secs(5))?;
        redis::cmd("CLUSTER").arg(args).query(&mut conn)
    }
}

/// A port that nobody uses. Tests are processes of their own, so each draws from a range of its own,
/// below those that the system gives to whoever asks for any: a port that was free a moment ago would
/// be given to two tests at once.
pub fn free_port() -> u16 {
    static DRAWN: AtomicU32 = AtomicU32::new(0);
    loop {
        let drawn = DRAWN.fetch_add(1, Ordering::Relaxed);
        let port = 20_000 + (std::process::id() * 8 + drawn) % 12_000;
        let port = u16::try_from(port).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Gives each of the nodes its share of the slots and makes them know each other.
pub fn join(nodes: &[Node]) {
    for (i, node) in nodes.iter().enumerate() {
        let (first, next) = (i * SLOTS / nodes.len(), (i + 1) * SLOTS / nodes.len());
        let epoch = (i + 1).to_string();
        node.ask::<()>(&["SET-CONFIG-EPOCH", &epoch]).unwrap();
        node.ask::<()>(&["ADDSLOTSRANGE", &first.to_string(), &(next - 1).to_string()]).unwrap();
        let (port, bus) = (nodes[0].port.to_string(), nodes[0].bus.to_string());
        if i > 0 {
            node.ask::<()>(&["MEET", "127.0.0.1", &port, &bus]).unwrap();
        }
    }
    settled(nodes);
}

/// Waits until every node sees all slots served by nodes that it knows.
pub fn settled(nodes: &[Node]) {
    eventually(Duration::from_secs(30), "the cluster is whole", || {
        let known = format!("cluster_known_nodes:{}", nodes.len());
        let whole = nodes.iter().all(|node| {
            // A node that was just started does not answer yet.
            let info: String = node.ask(&["INFO"]).unwrap_or_default();
            info.contains("cluster_state:ok") && info.contains(&known)
        });
        whole.then_some(())
    });
}
