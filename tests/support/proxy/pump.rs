//! The two directions of each connection, a thread each.

use super::{Act, Call, Network, Point, SentCommit, Shared, lock, resp};
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Calls that Redis has and has not answered.
type Pending = Arc<Mutex<VecDeque<(Call, Option<usize>)>>>;

pub(super) fn accept(listener: &UnixListener, shared: &Arc<Shared>) {
    for (number, client) in listener.incoming().flatten().enumerate() {
        let shared = Arc::clone(shared);
        std::thread::spawn(move || {
            // A server that is down refuses: dropping the client says so.
            if *lock(&shared.network) == Network::Cut {
                return;
            }
            if !shared.wait_while_silent() {
                return;
            }
            if let Ok(server) = UnixStream::connect(&shared.upstream) {
                serve(&shared, number, client, &server);
            }
        });
    }
}

fn serve(shared: &Arc<Shared>, number: usize, client: UnixStream, server: &UnixStream) {
    let both = (client.try_clone().unwrap(), server.try_clone().unwrap());
    lock(&shared.open).insert(number, both);
    let pending = Pending::default();
    let (c, s) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let down = {
        let (shared, pending) = (Arc::clone(shared), Arc::clone(&pending));
        std::thread::spawn(move || {
            replies(&shared, &pending, s, &c);
            let _ = c.shutdown(Shutdown::Both);
        })
    };
    requests(shared, &pending, client, server);
    let _ = server.shutdown(Shutdown::Both);
    let _ = down.join();
    lock(&shared.open).remove(&number);
}

fn requests(shared: &Shared, pending: &Pending, mut client: UnixStream, mut server: &UnixStream) {
    let mut buffer = Vec::new();
    loop {
        while let Some((words, length)) = resp::request(&buffer) {
            let frame: Vec<u8> = buffer.drain(..length).collect();
            let (call, commit) = shared.arrived(words);
            let passes = shared.wait_while_silent() && shared.decide(&call, Point::Before);
            if !passes || !shared.wait_while_silent() {
                return;
            }
            lock(pending).push_back((call, commit));
            if server.write_all(&frame).is_err() {
                return;
            }
        }
        if !more(&mut client, &mut buffer) {
            return;
        }
    }
}

fn replies(shared: &Shared, pending: &Pending, mut server: UnixStream, mut client: &UnixStream) {
    let mut buffer = Vec::new();
    loop {
        while let Some(length) = resp::reply(&buffer) {
            let frame: Vec<u8> = buffer.drain(..length).collect();
            let Some((mut call, commit)) = lock(pending).pop_front() else { return };
            if let Some(i) = commit {
                let applied = resp::integers(&frame).and_then(|r| r.first().map(|n| *n == 1));
                lock(&shared.commits)[i].applied = applied;
            }
            call.reply = Some(frame);
            let passes = shared.wait_while_silent() && shared.decide(&call, Point::After);
            if !passes || !shared.wait_while_silent() {
                return;
            }
            let frame = call.reply.unwrap_or_default();
            if client.write_all(&frame).is_err() {
                return;
            }
            if let Some(i) = commit {
                lock(&shared.commits)[i].told = true;
            }
        }
        if !more(&mut server, &mut buffer) {
            return;
        }
    }
}

fn more(from: &mut UnixStream, buffer: &mut Vec<u8>) -> bool {
    let mut chunk = [0; 16384];
    match from.read(&mut chunk) {
        Ok(n) if n > 0 => {
            buffer.extend_from_slice(&chunk[..n]);
            true
        }
        _ => false,
    }
}

impl Shared {
    /// Names and counts a call; a commit gets its line in the list of commits.
    fn arrived(&self, mut words: Vec<Vec<u8>>) -> (Call, Option<usize>) {
        let text = |w: &Vec<u8>| String::from_utf8_lossy(w).into_owned();
        let mut name = text(&words[0]).to_uppercase();
        if name == "EVALSHA" || name == "EVAL" {
            if let Some(script) = self.names.get(&text(&words[1])) {
                (*script).clone_into(&mut name);
            }
            // EVALSHA or EVAL, hash or text, number of keys, the one key; the rest is ARGV.
            words.drain(..4.min(words.len()));
        } else {
            words.remove(0);
        }
        let mut counts = lock(&self.counts);
        counts.0 += 1;
        let serial = counts.0;
        let n = counts.1.entry(name.clone()).or_default();
        *n += 1;
        let call = Call { name, n: *n, serial, args: words, reply: None, at: Instant::now() };
        drop(counts);
        let commit = (call.name == "commit").then(|| {
            // Tests that look at commits have them sent one by one.
            let word = |i: usize| call.args.get(i).map(text).unwrap_or_default();
            let sent = SentCommit {
                job: word(1),
                token: word(2),
                ending: word(3),
                applied: None,
                told: false,
            };
            let mut commits = lock(&self.commits);
            commits.push(sent);
            commits.len() - 1
        });
        (call, commit)
    }

    /// Asks the test; false when the connection has come to its end.
    fn decide(&self, call: &Call, point: Point) -> bool {
        let hook = Arc::clone(&lock(&self.hook));
        hook(call, point) == Act::Pass
    }

    /// False when what is on its way is lost.
    fn wait_while_silent(&self) -> bool {
        let mut network = lock(&self.network);
        if *network == Network::Up {
            return true;
        }
        while *network == Network::Silent {
            network = self.changed.wait(network).unwrap();
        }
        false
    }
}
