//! The documented user of the server's ACL: its rights are enough, and it has no others.

use super::work::{self, Setup};
use super::{Server, plain};
use redis::{Connection, Value};
use scrum_tests::process::program;
use scrum_tests::redis::RedisServer;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

const PASSWORD: &str = "s3cret";
/// The one command that may be refused: `scrum doctor` tries it.
const MAY_BE_REFUSED: &str = "config|get";

/// The line that `docs/fleet.md` tells people to write, and what it says to add.
pub fn documented(addition: Option<&str>) -> Vec<String> {
    let guide = include_str!("../../../docs/fleet.md");
    let line = guide.lines().find(|l| l.starts_with("user scrum on")).expect("the guide has it");
    let more = addition.map(|begin| {
        let rest = guide.split(begin).nth(1).expect("the guide says what to add");
        rest.trim_start().strip_prefix('`').and_then(|r| r.split('`').next()).unwrap()
    });
    words(line).chain(words(more.unwrap_or_default())).collect()
}

/// The line for users of Sentinels.
pub fn documented_for_sentinels() -> Vec<String> {
    let guide = include_str!("../../../docs/fleet.md");
    let line = guide.split("theirs is\n  `").nth(1).and_then(|r| r.split('`').next());
    words(line.expect("the guide has it")).collect()
}

fn words(line: &str) -> impl Iterator<Item = String> {
    line.split_whitespace().map(|w| w.replace("PASSWORD", PASSWORD))
}

/// Makes the user on a server.
pub fn set_user(admin: &mut Connection, line: &[String]) {
    let mut set = redis::cmd("ACL");
    set.arg("SETUSER").arg(&line[1..]).query::<()>(admin).unwrap();
}

/// What the user was refused, as the server noted it.
fn refused(admin: &mut Connection) -> BTreeSet<String> {
    let log: Vec<BTreeMap<String, Value>> =
        redis::cmd("ACL").arg("LOG").arg(1000).query(admin).unwrap();
    let text = |entry: &BTreeMap<String, Value>, name: &str| {
        redis::from_redis_value_ref::<String>(&entry[name]).unwrap_or_default()
    };
    log.iter().map(|e| format!("{} {}", text(e, "reason"), text(e, "object"))).collect()
}

/// Names of the commands that can be called below a program: `dlq list`, say.
fn leaves(name: &str, path: &[String]) -> BTreeSet<String> {
    let help = Command::new(program(name)).args(path).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let below = help.lines().skip_while(|l| *l != "Commands:").skip(1);
    let names: Vec<_> = below
        .take_while(|l| !l.is_empty())
        .filter_map(|l| l.strip_prefix("  ").filter(|l| !l.starts_with(' ')))
        .filter_map(|l| l.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    if names.is_empty() {
        return BTreeSet::from([path.join(" ")]);
    }
    let deeper = |n: &str| leaves(name, &[path, &[n.to_owned()]].concat());
    names.into_iter().flat_map(deeper).collect()
}

#[test]
fn every_command_of_the_product_runs_with_the_documented_rights() {
    let server = Server::start(plain);
    let mut admin = server.connection();
    set_user(&mut admin, &documented(None));
    redis::cmd("ACL").arg(&["SETUSER", "default", "off"]).query::<()>(&mut admin).unwrap();
    redis::cmd("SELECT").arg(1).query::<()>(&mut admin).unwrap();
    let url = |user: &str| format!("redis://{user}127.0.0.1:{}/1", server.port);
    let mut setup = Setup::new(Some(url(&format!("scrum:{PASSWORD}@"))));
    // Nobody vouches for a command without a key.
    setup.bench = setup.bench.set("apply.allowed_checks", "true");
    let worker = setup.bench.worker(&[]);
    let mut run: BTreeSet<String> = BTreeSet::new();
    let all = leaves("scrum", &[]);
    work::every_command(&setup, |args, codes| {
        let done = setup.bench.run(args);
        let noted = refused(&mut admin);
        let said = format!("{}{}", done.stdout, done.stderr);
        assert!(!said.contains("NOPERM"), "{args:?}: {said}\n{noted:?}");
        assert!(!said.contains("PROBLEM"), "{args:?}: {said}");
        assert!(codes.contains(&done.code), "{args:?}: {}\n{}", done.stdout, done.stderr);
        assert!(
            noted.iter().all(|n| n == &format!("command {MAY_BE_REFUSED}")),
            "{args:?}: {noted:?}"
        );
        let named = |n: usize| args.iter().take(n).copied().collect::<Vec<_>>().join(" ");
        // The repository may stand between the two words of a command.
        let apart = args.get(2).map(|last| format!("{} {last}", args[0]));
        let words = [1, 2].map(named).into_iter().chain(apart);
        run.extend(words.filter(|name| all.contains(name)));
        done.stdout
    });
    assert_eq!(run, all, "each command has a case in work.rs");
    let doctor = setup.bench.run(&["doctor"]).stdout;
    assert!(doctor.contains("clients need a password"), "{doctor}");
    for name in leaves("scrum-worker", &[]) {
        let mut command = setup.bench.command("scrum-worker");
        command.args(name.split(' ')).args((name == "models").then_some("ollama"));
        let said = command.output().unwrap();
        assert!(!String::from_utf8_lossy(&said.stderr).contains("NOPERM"), "{name}: {said:?}");
    }
    assert_eq!(worker.terminate(super::LONG), 0);
    assert!(!setup.bench.worker_log().contains("NOPERM"), "{}", setup.bench.worker_log());
    assert_eq!(refused(&mut admin), BTreeSet::from([format!("command {MAY_BE_REFUSED}")]));
    // The message names the trouble and not the password.
    for user in ["", "scrum:wr0ng@"] {
        let said = Setup::new(Some(url(user))).bench.run(&["status"]).expect(2).stderr;
        let told =
            ["NOAUTH", "WRONGPASS", "assword", "uthentication"].iter().any(|w| said.contains(w));
        assert!(told && !said.contains("wr0ng"), "{said}");
    }
}

/// Files of a directory with this ending.
fn sources(dir: &Path, ending: &str) -> Vec<PathBuf> {
    let all = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path());
    all.filter(|p| p.extension().is_some_and(|e| e == ending)).collect()
}

/// What follows `begin` in a text, up to a quote, when it is a command's name.
fn named_after<'a>(text: &'a str, begin: &'a str) -> impl Iterator<Item = String> + 'a {
    text.split(begin).skip(1).filter_map(|rest| {
        let name: String = rest.chars().take_while(char::is_ascii_uppercase).collect();
        (name.len() > 1).then(|| name.to_lowercase())
    })
}

/// Rare paths (a repair, a lease that ran out) are in the sources too, and nothing is allowed that is not.
#[test]
fn the_documented_rights_are_exactly_those_that_scripts_and_client_use() {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../queue-schema");
    let mut used = BTreeSet::new();
    let scripts = sources(&schema.join("lua"), "lua");
    for file in scripts.into_iter().chain(sources(&schema.join("lua/include"), "lua")) {
        let text = std::fs::read_to_string(file).unwrap();
        used.extend(named_after(&text, "call('"));
    }
    for file in sources(&schema.join("src/client"), "rs") {
        let text = std::fs::read_to_string(file).unwrap();
        used.extend(named_after(&text, "cmd(\""));
    }
    assert!(used.len() > 40, "{used:?}");
    // Asked, and refused; and what a URL with a database makes the client send.
    assert!(used.remove("config"));
    used.insert("select".to_owned());
    let rights: BTreeSet<String> = documented(None)
        .iter()
        .filter_map(|w| w.strip_prefix('+'))
        .map(|w| w.split('|').next().unwrap().to_owned())
        .collect();
    let missing: Vec<_> = used.difference(&rights).collect();
    let needless: Vec<_> = rights.difference(&used).collect();
    assert!(missing.is_empty(), "docs/fleet.md does not allow {missing:?}");
    assert!(needless.is_empty(), "docs/fleet.md allows {needless:?}, which nothing uses");
}

/// Commands that reach beyond the fleet's own keys: settings, others' scripts, users, connections, databases.
const FORBIDDEN: &str = "
    CONFIG GET requirepass; CONFIG SET requirepass x; CONFIG REWRITE; SCRIPT FLUSH;
    SCRIPT KILL; SCRIPT LOAD return; FUNCTION FLUSH; FUNCTION LIST; FUNCTION LOAD x; FCALL f 0;
    KEYS *; RANDOMKEY; DBSIZE; FLUSHALL; FLUSHDB; SWAPDB 0 1; MOVE {scrum:0}:x 2;
    DEBUG SLEEP 0; ACL LIST; ACL SETUSER scrum allcommands; ACL WHOAMI;
    MIGRATE 127.0.0.1 1 {scrum:0}:x 0 10; RESTORE {scrum:0}:x 0 x; DUMP {scrum:0}:x;
    COPY {scrum:0}:x {scrum:0}:y; SORT {scrum:0}:x; OBJECT ENCODING {scrum:0}:x;
    REPLICAOF NO ONE; FAILOVER; SYNC; PSYNC ? -1; SHUTDOWN NOSAVE; SAVE; BGSAVE; BGREWRITEAOF;
    MONITOR; CLIENT LIST; CLIENT KILL ID 1; CLIENT PAUSE 1; MODULE LIST; SLOWLOG GET;
    LATENCY RESET; MEMORY DOCTOR; CLUSTER RESET; PUBLISH x y; SUBSCRIBE x; MULTI; WAIT 0 0";

/// Keys of somebody else, directly and from within a script.
const FOREIGN: [&[&str]; 9] = [
    &["GET", "other"],
    &["SET", "other", "x"],
    &["UNLINK", "{other:0}:x"],
    &["HGETALL", "{scrumm:0}:sw:x"],
    &["BLPOP", "{other:0}:wake", "0.01"],
    &["RENAME", "{scrum:0}:x", "other"],
    &["MEMORY", "USAGE", "other"],
    &["EVAL", "return redis.call('GET', KEYS[1])", "1", "other"],
    &["EVAL", "return redis.call('GET', 'other')", "0"],
];

#[test]
fn commands_beyond_the_documented_rights_are_refused() {
    let server = Server::start(|command, dir, port| {
        plain(command, dir, port);
        // Or DEBUG would be refused to everybody.
        command.args(["--enable-debug-command", "local"]);
    });
    let mut admin = server.connection();
    set_user(&mut admin, &documented(None));
    let mut conn = super::connect_as(&server, "scrum", PASSWORD);
    let mut ask = |words: &[&str]| {
        let mut cmd = redis::cmd(words[0]);
        cmd.arg(&words[1..]);
        cmd.query::<Value>(&mut conn).expect_err(&words.join(" "))
    };
    for line in FORBIDDEN.split(';').map(str::trim) {
        let error = ask(&line.split(' ').collect::<Vec<_>>());
        assert_eq!(error.code(), Some("NOPERM"), "{line}: {error}");
        // Scripts run with the rights of the same user.
        let call = line.split(' ').map(|w| format!("'{w}'")).collect::<Vec<_>>().join(",");
        ask(&["EVAL", &format!("return redis.call({call})"), "0"]);
    }
    for words in FOREIGN {
        let error = ask(words);
        let told = error.to_string().to_lowercase();
        assert!(
            told.contains("no permission") || told.contains("can't access"),
            "{words:?}: {error}"
        );
    }
}

/// One sweep on a cluster whose nodes know the user.
#[test]
fn in_a_cluster_the_documented_rights_are_enough() {
    let server = RedisServer::cluster("everysec");
    let line = documented(Some("In a cluster, add"));
    let mut nodes: Vec<Connection> = server
        .node_urls()
        .into_iter()
        .map(|url| redis::Client::open(url).unwrap().get_connection().unwrap())
        .collect();
    for node in &mut nodes {
        set_user(node, &line);
    }
    let with_user = server.url().replacen("://", &format!("://scrum:{PASSWORD}@"), 1);
    let setup = Setup::new(Some(with_user));
    let worker = setup.bench.worker(&[]);
    work::one_sweep(&setup);
    setup.bench.run(&["doctor", "--queue"]).expect(0);
    assert_eq!(worker.terminate(super::LONG), 0);
    for node in &mut nodes {
        // Servers that know CLIENT SETINFO note it as well; the client library sends it to nodes.
        let noted = refused(node);
        assert!(noted.iter().all(|n| n == "command client|setinfo"), "{noted:?}");
    }
}
