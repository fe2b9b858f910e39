//! A forge for tests: GitHub, GitLab or Gitea with one pull request. It checks every request and answer against the
//! schemas of `fixtures/forges`, and does what the forge does, its faults included.
//!
//! Not part of the library: only tests that publish are built with a validator.

mod answers;
mod routes;
mod world;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::{Request, Response, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use queue_schema::forge::ForgeKind;
use routes::Routes;
use serde_json::Value;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use tokio::sync::oneshot;
use world::File;
pub use world::{Comment, World};

/// A request that came by.
#[derive(Debug, Clone)]
pub struct Asked {
    /// From 1, since the hook was set.
    pub n: usize,
    pub method: String,
    pub path: String,
    pub body: Value,
}

impl Asked {
    /// Whether it would change something.
    pub fn writes(&self) -> bool {
        let query = self.body["query"].as_str().is_some_and(|q| q.starts_with("query"));
        self.method != "GET" && !query
    }
}

/// What becomes of a request.
#[derive(Debug, Clone)]
pub enum Act {
    Pass,
    /// It is not done, and answered so.
    Refuse(u16, Vec<(&'static str, String)>, String),
    /// It is not done, and the connection breaks.
    LoseRequest,
    /// It is done, and the connection breaks.
    LoseReply,
    /// It is done, and answered with an error all the same.
    DoneButRefused(u16, String),
    /// A review on Gitea breaks off after some comments, which stay behind in a draft.
    BreakOff(usize),
}

type Hook = Box<dyn FnMut(&Asked) -> Act + Send>;

struct Shared {
    routes: Routes,
    world: Mutex<World>,
    hook: Mutex<(usize, Hook)>,
    asked: Mutex<Vec<Asked>>,
}

/// The running forge.
pub struct ForgeStub {
    pub kind: ForgeKind,
    addr: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ForgeStub {
    pub fn start(kind: ForgeKind) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let addr = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let shared = Arc::new(Shared {
            routes: Routes::of(kind),
            world: Mutex::new(World::new(kind)),
            hook: Mutex::new((0, Box::new(|_| Act::Pass))),
            asked: Mutex::default(),
        });
        let (stop, stopped) = oneshot::channel();
        let served = Arc::clone(&shared);
        let thread = std::thread::spawn(move || serve(listener, &served, stopped));
        Self { kind, addr, shared, stop: Some(stop), thread: Some(thread) }
    }

    /// Root of its API.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Begins again, as it was; what was wrong stays wrong.
    pub fn reset(&self) {
        let wrong = self.world(|world| world.wrong.clone());
        self.world(|world| *world = World { wrong, ..World::new(self.kind) });
    }

    /// Looks at, or changes, what it holds.
    pub fn world<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        look(&mut self.shared.world.lock().unwrap())
    }

    /// Decides what becomes of requests from now on.
    pub fn hook(&self, hook: impl FnMut(&Asked) -> Act + Send + 'static) {
        *self.shared.hook.lock().unwrap() = (0, Box::new(hook));
        self.shared.asked.lock().unwrap().clear();
    }

    /// Requests since the hook was set.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().unwrap().clone()
    }

    /// Those that would change something.
    pub fn writes(&self) -> Vec<String> {
        let asked = self.asked();
        asked.iter().filter(|a| a.writes()).map(|a| format!("{} {}", a.method, a.path)).collect()
    }
}

impl Drop for ForgeStub {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        if !std::thread::panicking() {
            let wrong = self.world(|world| world.wrong.clone());
            assert!(wrong.is_empty(), "{}: {wrong:#?}", self.kind.name());
        }
    }
}

fn serve(listener: TcpListener, shared: &Arc<Shared>, stopped: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async move {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let accept = async {
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                let shared = Arc::clone(shared);
                let service = service_fn(move |request| answer(request, Arc::clone(&shared)));
                let connection =
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                tokio::spawn(async move {
                    // That of a cut connection is what the test asked for.
                    let _ = connection.await;
                });
            }
        };
        tokio::select! {
            () = accept => {}
            _ = stopped => {}
        }
    });
    runtime.shutdown_background();
}

async fn answer(
    request: Request<Incoming>,
    shared: Arc<Shared>,
) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let cut = || std::io::Error::other("cut by the test");
    let (head, body) = request.into_parts();
    let bytes = body.collect().await.map_err(|_| cut())?.to_bytes();
    let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let path = head.uri.path_and_query().map_or("", |p| p.as_str()).to_owned();
    let (mut asked, act) = {
        let mut hook = shared.hook.lock().unwrap();
        hook.0 += 1;
        let asked = Asked { n: hook.0, method: head.method.to_string(), path, body };
        let act = (hook.1)(&asked);
        (asked, act)
    };
    let token =
        ["authorization", "private-token"].iter().find_map(|n| head.headers.get(*n)?.to_str().ok());
    let done = || {
        let mut world = shared.world.lock().unwrap();
        let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
        shared.routes.answer(&mut world, token, &asked.method, path, query, &asked.body)
    };
    let result = match act {
        Act::Pass => Ok(done()),
        Act::Refuse(status, headers, body) => {
            let headers = headers.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
            Ok((status, headers, body))
        }
        Act::LoseRequest => Err(cut()),
        Act::LoseReply => {
            done();
            Err(cut())
        }
        Act::DoneButRefused(status, body) => {
            done();
            Ok((status, Vec::new(), body))
        }
        Act::BreakOff(after) => {
            shared.world.lock().unwrap().break_off(after, &asked.body);
            Ok((500, Vec::new(), "{\"message\": \"git failed\"}".to_owned()))
        }
    };
    let end = asked.path.find('?').unwrap_or(asked.path.len());
    asked.path.truncate(end);
    shared.asked.lock().unwrap().push(asked);
    let (status, headers, body) = result?;
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    Ok(response.body(Full::new(Bytes::from(body))).unwrap())
}
