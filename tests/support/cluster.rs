//! Three servers that become a cluster.

use crate::wait::eventually;
use std::net::TcpListener;
use std::process::Command;
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
    /// So many nodes, on ports that are free now.
    pub fn some(n: usize) -> Vec<Self> {
        // Held together, so that no two are the same.
        let held: Vec<_> = (0..2 * n).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let ports: Vec<u16> = held.iter().map(|l| l.local_addr().unwrap().port()).collect();
        ports.chunks_exact(2).map(|p| Self { port: p[0], bus: p[1] }).collect()
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

    fn ask<T: redis::FromRedisValue>(self, args: &[&str]) -> T {
        let client = redis::Client::open(self.url()).unwrap();
        let mut conn = client.get_connection_with_timeout(Duration::from_secs(5)).unwrap();
        redis::cmd("CLUSTER").arg(args).query(&mut conn).unwrap()
    }
}

/// Gives each of the nodes its share of the slots and makes them know each other.
pub fn join(nodes: &[Node]) {
    for (i, node) in nodes.iter().enumerate() {
        let (first, next) = (i * SLOTS / nodes.len(), (i + 1) * SLOTS / nodes.len());
        let epoch = (i + 1).to_string();
        node.ask::<()>(&["SET-CONFIG-EPOCH", &epoch]);
        node.ask::<()>(&["ADDSLOTSRANGE", &first.to_string(), &(next - 1).to_string()]);
        let (port, bus) = (nodes[0].port.to_string(), nodes[0].bus.to_string());
        if i > 0 {
            node.ask::<()>(&["MEET", "127.0.0.1", &port, &bus]);
        }
    }
    settled(nodes);
}

/// Waits until every node sees all slots served by nodes that it knows.
pub fn settled(nodes: &[Node]) {
    eventually(Duration::from_secs(30), "the cluster is whole", || {
        let known = format!("cluster_known_nodes:{}", nodes.len());
        let whole = nodes.iter().all(|node| {
            let info: String = node.ask(&["INFO"]);
            info.contains("cluster_state:ok") && info.contains(&known)
        });
        whole.then_some(())
    });
}
