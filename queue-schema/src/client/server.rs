//! What stands at the address: one server, a server behind Sentinels, a cluster. Makes connections.

use super::address::Address;
use super::conn::{Conn, Through};
use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClient;
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, ErrorKind, RedisError,
    RedisResult, TlsCertificates, TlsMode,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// How long things may take, and whom to trust.
#[derive(Clone)]
pub struct Dial {
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Longest wait for a reply.
    pub response_timeout: Duration,
    /// Certificates, when they are not the system's.
    pub tls: Option<TlsCertificates>,
    /// Whether the Sentinels want the same user and password as the server.
    pub sentinel_auth: bool,
}

/// What stands at the address; makes connections.
#[derive(Clone)]
pub struct Server {
    kind: Kind,
    dial: Dial,
}

#[derive(Clone)]
enum Kind {
    One(Box<Client>),
    Sentinel(Arc<Mutex<SentinelClient>>),
    Cluster { client: Box<ClusterClient>, nodes: Vec<ConnectionInfo> },
}

impl Server {
    /// Prepares for an address; nothing is connected yet.
    ///
    /// # Errors
    /// When the address or the certificates can't be used.
    pub fn new(address: &Address, dial: Dial) -> RedisResult<Self> {
        let kind = match address {
            Address::Server(info) => Kind::One(Box::new(client(info.clone(), &dial)?)),
            Address::Cluster(nodes) => {
                let mut builder = ClusterClient::builder(nodes.clone())
                    .connection_timeout(dial.connect_timeout)
                    .response_timeout(dial.response_timeout)
                    // Redirections while slots move are no failures; an outage is the caller's.
                    .retries(3);
                if let Some(certs) = &dial.tls {
                    builder = builder.certs(certs.clone());
                }
                Kind::Cluster { client: Box::new(builder.build()?), nodes: nodes.clone() }
            }
            Address::Sentinel { sentinels, master } => {
                Kind::Sentinel(Arc::new(Mutex::new(sentinel(sentinels, master, &dial)?)))
            }
        };
        Ok(Self { kind, dial })
    }

    /// A shared connection.
    ///
    /// # Errors
    /// When nothing answers.
    pub async fn connect(&self) -> RedisResult<Conn> {
        let config = || Box::new(self.config(self.dial.response_timeout));
        Conn::new(match &self.kind {
            Kind::One(client) => Through::One(client.clone(), config()),
            Kind::Sentinel(client) => Through::Sentinel(client.clone(), config()),
            Kind::Cluster { client, .. } => Through::Cluster(client.clone()),
        })
        .await
    }

    /// A connection of its own to the server that holds `key`, for commands that block.
    ///
    /// # Errors
    /// When it can't be reached.
    pub async fn dedicated(
        &self,
        key: &str,
        response: Duration,
    ) -> RedisResult<MultiplexedConnection> {
        let config = self.config(response);
        match &self.kind {
            Kind::One(client) => client.get_multiplexed_async_connection_with_config(&config).await,
            Kind::Sentinel(sentinel) => {
                let client = sentinel.lock().await.async_get_client().await?;
                client.get_multiplexed_async_connection_with_config(&config).await
            }
            Kind::Cluster { nodes, .. } => self.node_of(nodes, key, &config).await,
        }
    }

    /// Any node says who holds the key's slot: by answering, or by naming the one that does.
    async fn node_of(
        &self,
        nodes: &[ConnectionInfo],
        key: &str,
        config: &AsyncConnectionConfig,
    ) -> RedisResult<MultiplexedConnection> {
        let mut last = None;
        for info in nodes {
            match self.follow(info, key, config).await {
                Ok(conn) => return Ok(conn),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| no_node("the address names no node")))
    }

    async fn follow(
        &self,
        info: &ConnectionInfo,
        key: &str,
        config: &AsyncConnectionConfig,
    ) -> RedisResult<MultiplexedConnection> {
        let open = async |info: ConnectionInfo| {
            let client = client(info, &self.dial)?;
            client.get_multiplexed_async_connection_with_config(config).await
        };
        let mut conn = open(info.clone()).await?;
        let asked: RedisResult<bool> = redis::cmd("EXISTS").arg(key).query_async(&mut conn).await;
        let Err(error) = asked else { return Ok(conn) };
        let Some((host, port)) = error.redirect_node().and_then(|(at, _)| at.rsplit_once(':'))
        else {
            return Err(error);
        };
        let port = port.parse().map_err(|_| no_node("a node's address has no port"))?;
        // A node that does not know its own name leaves the host out: it means the one asked.
        let addr = match info.addr() {
            ConnectionAddr::Tcp(asked, _) => {
                ConnectionAddr::Tcp(if host.is_empty() { asked } else { host }.to_owned(), port)
            }
            ConnectionAddr::TcpTls { host: asked, insecure, tls_params, .. } => {
                ConnectionAddr::TcpTls {
                    host: if host.is_empty() { asked } else { host }.to_owned(),
                    port,
                    insecure: *insecure,
                    tls_params: tls_params.clone(),
                }
            }
            _ => return Err(no_node("a cluster's nodes are reached over TCP")),
        };
        open(info.clone().set_addr(addr)).await
    }

    fn config(&self, response: Duration) -> AsyncConnectionConfig {
        AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.dial.connect_timeout))
            .set_response_timeout(Some(response))
    }
}

fn no_node(what: &'static str) -> RedisError {
    (ErrorKind::ClusterConnectionNotFound, what).into()
}

fn client(info: ConnectionInfo, dial: &Dial) -> RedisResult<Client> {
    match &dial.tls {
        // Certificates mean nothing to an address without TLS, and are refused there.
        Some(certs) if matches!(info.addr(), ConnectionAddr::TcpTls { .. }) => {
            Client::build_with_tls(info, certs.clone())
        }
        _ => Client::open(info),
    }
}

fn sentinel(nodes: &[ConnectionInfo], master: &str, dial: &Dial) -> RedisResult<SentinelClient> {
    let addrs: Vec<_> = nodes.iter().map(|n| n.addr().clone()).collect();
    let tls = matches!(addrs.first(), Some(ConnectionAddr::TcpTls { .. }));
    let mut builder = SentinelClientBuilder::new(addrs, master, SentinelServerType::Master)?;
    if tls {
        builder = builder
            .set_client_to_redis_tls_mode(TlsMode::Secure)
            .set_client_to_sentinel_tls_mode(TlsMode::Secure);
        if let Some(certs) = &dial.tls {
            builder = builder
                .set_client_to_redis_certificates(certs.clone())
                .set_client_to_sentinel_certificates(certs.clone());
        }
    }
    if let Some(info) = nodes.first().map(ConnectionInfo::redis_settings) {
        builder = builder.set_client_to_redis_db(info.db());
        if let Some(user) = info.username() {
            builder = builder.set_client_to_redis_username(user);
            if dial.sentinel_auth {
                builder = builder.set_client_to_sentinel_username(user);
            }
        }
        if let Some(password) = info.password() {
            builder = builder.set_client_to_redis_password(password);
            if dial.sentinel_auth {
                builder = builder.set_client_to_sentinel_password(password);
            }
        }
    }
    builder.build()
}
