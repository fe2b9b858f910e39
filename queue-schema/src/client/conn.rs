//! One connection for all three: a server, a server behind Sentinels, a cluster.
//!
//! All of them reconnect by themselves. A cluster's connection sends a command again when a slot has
//! moved or a node was lost; every script may be sent again, so that does no harm. What is still an
//! error then is for the callers to wait out.

use super::address::Address;
use redis::aio::{
    ConnectionLike, ConnectionManager, ConnectionManagerConfig, MultiplexedConnection,
};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr};
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, Pipeline,
    RedisError, RedisFuture, RedisResult, TlsCertificates, TlsMode, Value,
};
use std::sync::Arc;
use std::time::{Duration, Instant};
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

/// A shared connection; cheap to clone.
#[derive(Clone)]
pub enum Conn {
    /// To one server.
    One(ConnectionManager),
    /// To whichever server the Sentinels name, or to all nodes of a cluster.
    Found(Found),
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
        Ok(match &self.kind {
            Kind::One(client) => {
                // One retry of the connection is enough: parking and backing off is the caller's.
                let config = ConnectionManagerConfig::new()
                    .set_connection_timeout(Some(self.dial.connect_timeout))
                    .set_response_timeout(Some(self.dial.response_timeout))
                    .set_number_of_retries(1)
                    .set_max_delay(Duration::from_millis(500));
                Conn::One(client.get_connection_manager_with_config(config).await?)
            }
            Kind::Sentinel(client) => {
                let config = self.config(self.dial.response_timeout);
                Conn::Found(Found::new(Through::Sentinel(client.clone(), Box::new(config))).await?)
            }
            Kind::Cluster { client, .. } => {
                Conn::Found(Found::new(Through::Cluster(client.clone())).await?)
            }
        })
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

/// A connection that is looked for again when it has failed for good.
///
/// After a failover the server that the Sentinels named is gone or a replica; a cluster's connection
/// that has lost all nodes at once does not look for them again by itself.
#[derive(Clone)]
pub struct Found {
    through: Arc<Through>,
    now: Arc<Mutex<Now>>,
}

enum Through {
    Sentinel(Arc<Mutex<SentinelClient>>, Box<AsyncConnectionConfig>),
    Cluster(Box<ClusterClient>),
}

#[derive(Clone)]
enum Live {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// What is known now, and in which generation.
struct Now {
    live: Option<Live>,
    generation: u64,
    failed: Option<(Instant, RedisError)>,
}

/// Those who ask right after a failure are told of it: otherwise they would queue up, each for a
/// connection time-out of its own.
const TOLD_AGAIN: Duration = Duration::from_millis(200);

impl Found {
    async fn new(through: Through) -> RedisResult<Self> {
        let now = Now { live: None, generation: 0, failed: None };
        let this = Self { through: Arc::new(through), now: Arc::new(Mutex::new(now)) };
        this.get().await?;
        Ok(this)
    }

    async fn get(&self) -> RedisResult<(Live, u64)> {
        let mut now = self.now.lock().await;
        if let Some(live) = &now.live {
            return Ok((live.clone(), now.generation));
        }
        if let Some((at, error)) = &now.failed
            && at.elapsed() < TOLD_AGAIN
        {
            return Err(error.clone());
        }
        match self.through.open().await {
            Ok(live) => {
                now.generation += 1;
                now.live = Some(live.clone());
                now.failed = None;
                Ok((live, now.generation))
            }
            Err(error) => {
                now.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    /// Forgets a connection of a generation that has failed for good.
    async fn judge<T>(&self, generation: u64, done: RedisResult<T>) -> RedisResult<T> {
        if let Err(error) = &done
            && self.through.is_lost(error)
        {
            let mut now = self.now.lock().await;
            if now.generation == generation {
                now.live = None;
            }
        }
        done
    }
}

impl Through {
    async fn open(&self) -> RedisResult<Live> {
        match self {
            Self::Sentinel(client, config) => {
                let client = client.lock().await.async_get_client().await?;
                client.get_multiplexed_async_connection_with_config(config).await.map(Live::One)
            }
            Self::Cluster(client) => client.get_async_connection().await.map(Live::Cluster),
        }
    }

    fn is_lost(&self, error: &RedisError) -> bool {
        match self {
            Self::Sentinel(..) => {
                error.code() == Some("READONLY")
                    || error.is_io_error()
                    || error.is_connection_dropped()
            }
            Self::Cluster(_) => error.kind() == ErrorKind::ClusterConnectionNotFound,
        }
    }
}

impl Live {
    fn inner(&mut self) -> &mut (dyn ConnectionLike + Send) {
        match self {
            Self::One(conn) => conn,
            Self::Cluster(conn) => conn,
        }
    }
}

impl Conn {
    /// Sends a command that has no key to the server that holds `key`.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn ask_at(&mut self, key: &str, cmd: Cmd) -> RedisResult<Value> {
        let found = match self {
            Self::One(conn) => return conn.req_packed_command(&cmd).await,
            Self::Found(found) => found,
        };
        let (mut live, generation) = found.get().await?;
        let done = match &mut live {
            Live::One(conn) => conn.req_packed_command(&cmd).await,
            Live::Cluster(conn) => {
                let route = Route::with_key(key, SlotAddr::Master);
                let to = RoutingInfo::SingleNode(SingleNodeRoutingInfo::SpecificNode(route));
                conn.route_command(cmd, to).await
            }
        };
        found.judge(generation, done).await
    }
}

impl ConnectionLike for Conn {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::One(conn) => conn.req_packed_command(cmd),
            Self::Found(found) => Box::pin(async move {
                let (mut live, generation) = found.get().await?;
                let done = live.inner().req_packed_command(cmd).await;
                found.judge(generation, done).await
            }),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::One(conn) => conn.req_packed_commands(pipeline, offset, count),
            Self::Found(found) => Box::pin(async move {
                let (mut live, generation) = found.get().await?;
                let done = live.inner().req_packed_commands(pipeline, offset, count).await;
                found.judge(generation, done).await
            }),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::One(conn) => conn.get_db(),
            // What a reply to this would be used for is done by the connections inside.
            Self::Found(_) => 0,
        }
    }
}
