//! Where the queue is: one server, a server that Sentinels watch over, or a cluster.
//!
//! | URL | means |
//! |---|---|
//! | `redis://`, `rediss://`, `redis+unix://`, and the same with `valkey` | one server |
//! | `redis+cluster://USER:PASSWORD@HOST:PORT,HOST:PORT` | a cluster, by some of its nodes |
//! | `redis+sentinel://USER:PASSWORD@HOST:PORT,HOST:PORT/MASTER/DB` | Sentinels and the name of what they watch |
//!
//! `rediss+cluster` and `rediss+sentinel` speak TLS.

use redis::{ConnectionInfo, IntoConnectionInfo, RedisError};

/// A URL that was understood.
#[derive(Debug, Clone)]
pub enum Address {
    /// One server.
    Server(ConnectionInfo),
    /// Some nodes of a cluster; the others are found through them.
    Cluster(Vec<ConnectionInfo>),
    /// Sentinels, and the server that they name.
    Sentinel {
        /// The Sentinels; user, password and database in them are meant for the server.
        sentinels: Vec<ConnectionInfo>,
        /// The name under which they know it.
        master: String,
    },
}

/// Schemes of clusters and Sentinels, and the scheme of their single members.
const MANY: [(&str, bool, &str); 8] = [
    ("redis+cluster", true, "redis"),
    ("rediss+cluster", true, "rediss"),
    ("valkey+cluster", true, "redis"),
    ("valkeys+cluster", true, "rediss"),
    ("redis+sentinel", false, "redis"),
    ("rediss+sentinel", false, "rediss"),
    ("valkey+sentinel", false, "redis"),
    ("valkeys+sentinel", false, "rediss"),
];

impl Address {
    /// Reads a URL.
    ///
    /// # Errors
    /// What is wrong with it, without its password.
    pub fn parse(url: &str) -> Result<Self, String> {
        let (scheme, rest) = url.split_once("://").ok_or("it has no scheme")?;
        let Some((_, cluster, member)) = MANY.iter().find(|(s, ..)| *s == scheme) else {
            return one(url).map(Self::Server);
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, hosts) = match authority.rsplit_once('@') {
            Some((user, hosts)) => (format!("{user}@"), hosts),
            None => (String::new(), authority),
        };
        let (master, db) = path.split_once('/').unwrap_or((path, ""));
        let db = if *cluster { "" } else { db };
        let nodes = hosts
            .split(',')
            .map(|host| one(&format!("{member}://{user}{}/{db}", host.trim())))
            .collect::<Result<Vec<_>, _>>()?;
        match (cluster, master) {
            (true, "") => Ok(Self::Cluster(nodes)),
            (true, _) => Err("a cluster has no databases: leave out what follows the /".to_owned()),
            (false, "") => Err("the name of the master is missing: write .../MASTER".to_owned()),
            (false, name) => Ok(Self::Sentinel { sentinels: nodes, master: name.to_owned() }),
        }
    }
}

fn one(url: &str) -> Result<ConnectionInfo, String> {
    let info = url.into_connection_info().map_err(|e: RedisError| e.to_string())?;
    // CLIENT SETINFO would be one more command that a user of an ACL needs, and nobody looks at it.
    let settings = info.redis_settings().clone().set_skip_set_lib_name();
    Ok(info.set_redis_settings(settings))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_server_a_cluster_and_sentinels() {
        assert!(matches!(Address::parse("redis://h:1/2"), Ok(Address::Server(_))));
        let Ok(Address::Cluster(nodes)) = Address::parse("redis+cluster://u:p@one:1,two:2") else {
            panic!("a cluster")
        };
        assert_eq!(nodes[1].addr().to_string(), "two:2");
        assert_eq!(nodes[0].redis_settings().password(), Some("p"));
        let url = "rediss+sentinel://:p@a:26379,b:26379/main/3";
        let Ok(Address::Sentinel { sentinels, master }) = Address::parse(url) else {
            panic!("sentinels")
        };
        assert_eq!((master.as_str(), sentinels.len()), ("main", 2));
        assert_eq!(sentinels[0].redis_settings().db(), 3);
        assert!(matches!(sentinels[0].addr(), redis::ConnectionAddr::TcpTls { .. }));
    }

    #[test]
    fn mistakes_are_named_without_the_password() {
        for (url, word) in [
            ("nonsense", "scheme"),
            ("redis+sentinel://:secret@a:1", "master"),
            ("redis+cluster://:secret@a:1/3", "databases"),
        ] {
            let message = Address::parse(url).unwrap_err();
            assert!(message.contains(word) && !message.contains("secret"), "{message}");
        }
    }
}
