//! One connection for all three: a server, a server behind Sentinels, a cluster.
//!
//! A connection that fails, or that is silent for longer than a reply may take, is given up, and the
//! next command makes a new one: a half-open connection would otherwise time out command after
//! command until the system gives it up, which takes a quarter of an hour. Commands are not sent
//! again here (but for those that a cluster redirects): that is for the callers, who know which of
//! their scripts may be repeated.

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr};
use redis::sentinel::SentinelClient;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, Pipeline, RedisError, RedisFuture, RedisResult,
    Value,
};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// A shared connection; cheap to clone.
#[derive(Clone)]
pub struct Conn(Arc<Shared>);

struct Shared {
    through: Through,
    now: std::sync::Mutex<Now>,
    /// Held while a new connection is made, so that only one is.
    opening: Mutex<()>,
}

/// How a connection is made.
pub enum Through {
    /// One server.
    One(Box<Client>, Box<AsyncConnectionConfig>),
    /// Whichever server the Sentinels name.
    Sentinel(Arc<Mutex<SentinelClient>>, Box<AsyncConnectionConfig>),
    /// All nodes of a cluster.
    Cluster(Box<ClusterClient>),
}

#[derive(Clone)]
enum Live {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// What is known now, and in which generation.
#[derive(Default)]
struct Now {
    live: Option<Live>,
    generation: u64,
    failed: Option<(Instant, RedisError)>,
}

/// Those who ask right after a failure are told of it: otherwise they would queue up, each for a
/// connection time-out of its own.
const TOLD_AGAIN: Duration = Duration::from_millis(200);

impl Conn {
    /// Connects.
    ///
    /// # Errors
    /// When nothing answers.
    pub async fn new(through: Through) -> RedisResult<Self> {
        let this = Self(Arc::new(Shared {
            through,
            now: std::sync::Mutex::default(),
            opening: Mutex::new(()),
        }));
        this.0.get().await?;
        Ok(this)
    }

    /// Sends a command that has no key to the server that holds `key`.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn ask_at(&mut self, key: &str, cmd: Cmd) -> RedisResult<Value> {
        let (mut live, generation) = self.0.get().await?;
        let done = match &mut live {
            Live::One(conn) => conn.req_packed_command(&cmd).await,
            Live::Cluster(conn) => {
                let route = Route::with_key(key, SlotAddr::Master);
                let to = RoutingInfo::SingleNode(SingleNodeRoutingInfo::SpecificNode(route));
                conn.route_command(cmd, to).await
            }
        };
        self.0.judge(generation, done)
    }
}

impl Shared {
    fn now(&self) -> MutexGuard<'_, Now> {
        // A panic while the lock is held can't leave it half written.
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection that is there, or what the last try to make one came to a moment ago.
    fn known(&self) -> Option<RedisResult<(Live, u64)>> {
        let now = self.now();
        match (&now.live, &now.failed) {
            (Some(live), _) => Some(Ok((live.clone(), now.generation))),
            (None, Some((at, error))) if at.elapsed() < TOLD_AGAIN => Some(Err(error.clone())),
            _ => None,
        }
    }

    async fn get(&self) -> RedisResult<(Live, u64)> {
        if let Some(known) = self.known() {
            return known;
        }
        let _one_at_a_time = self.opening.lock().await;
        if let Some(known) = self.known() {
            return known;
        }
        let opened = self.through.open().await;
        let mut now = self.now();
        match opened {
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

    /// Gives up a connection of a generation that has failed for good.
    fn judge<T>(&self, generation: u64, done: RedisResult<T>) -> RedisResult<T> {
        if let Err(error) = &done
            && self.through.is_lost(error)
        {
            let mut now = self.now();
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
            Self::One(client, config) => {
                client.get_multiplexed_async_connection_with_config(config).await.map(Live::One)
            }
            Self::Sentinel(client, config) => {
                let client = client.lock().await.async_get_client().await?;
                client.get_multiplexed_async_connection_with_config(config).await.map(Live::One)
            }
            Self::Cluster(client) => client.get_async_connection().await.map(Live::Cluster),
        }
    }

    fn is_lost(&self, error: &RedisError) -> bool {
        let failed =
            error.is_io_error() || error.is_connection_dropped() || error.is_unrecoverable_error();
        match self {
            Self::One(..) => failed,
            // After a failover the old server may live on as a replica.
            Self::Sentinel(..) => failed || error.code() == Some("READONLY"),
            // It mends the loss of some nodes by itself, but not that of all, nor a silence.
            Self::Cluster(_) => {
                error.is_timeout() || error.kind() == ErrorKind::ClusterConnectionNotFound
            }
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

impl ConnectionLike for Conn {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(async move {
            let (mut live, generation) = self.0.get().await?;
            let done = live.inner().req_packed_command(cmd).await;
            self.0.judge(generation, done)
        })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(async move {
            let (mut live, generation) = self.0.get().await?;
            let done = live.inner().req_packed_commands(pipeline, offset, count).await;
            self.0.judge(generation, done)
        })
    }

    fn get_db(&self) -> i64 {
        // What this would be used for is done by the connections inside.
        0
    }
}
