//! Sends batches over HTTP, and says in the log when the collector begins to fail and when it takes them again.

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use opentelemetry_http::{HttpClient, HttpError};
use reqwest::redirect;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// Bytes of a collector's answer at most; it is only looked at when a batch is refused.
const MOST_ANSWER_BYTES: usize = 64 * 1024;

/// A client for one collector.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    /// Batches are sent from a thread of the SDK, which has no runtime of its own; there is one until the end.
    runtime: Mutex<Option<Runtime>>,
    failing: AtomicBool,
}

impl Client {
    /// One whose requests end after `timeout`.
    ///
    /// # Errors
    /// When the system gives no runtime.
    pub(crate) fn new(timeout: Duration) -> Result<Self, String> {
        // Installed once for the process; that another part was first is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = || {
            reqwest::Client::builder()
                .user_agent(concat!("scrum-fleet/", env!("CARGO_PKG_VERSION")))
                .timeout(timeout)
                // Spans go where the settings say, and nowhere else.
                .redirect(redirect::Policy::none())
        };
        // A machine without CA certificates can still reach a collector over plain HTTP.
        let http = builder().build().or_else(|_| builder().tls_certs_only([]).build());
        Ok(Self {
            http: http.map_err(|error| error.to_string())?,
            runtime: Mutex::new(Some(
                Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?,
            )),
            failing: AtomicBool::new(false),
        })
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let mut answer = self.http.execute(request.try_into()?).await?;
        let mut response = Response::builder().status(answer.status());
        if let Some(headers) = response.headers_mut() {
            headers.clone_from(answer.headers());
        }
        let mut body = BytesMut::new();
        while let Some(piece) = answer.chunk().await? {
            if body.len() + piece.len() > MOST_ANSWER_BYTES {
                return Err("the collector's answer is too long".into());
            }
            body.extend_from_slice(&piece);
        }
        Ok(response.body(body.freeze())?)
    }

    /// Each failure after the first is only for whoever looks for it.
    fn tell(&self, failed: Option<&dyn std::fmt::Display>) {
        match (failed, self.failing.swap(failed.is_some(), Ordering::Relaxed)) {
            (Some(why), false) => {
                tracing::warn!(%why, "the collector takes no spans; they are dropped, and nothing else is hurt");
            }
            (Some(why), true) => tracing::debug!(%why, "the collector still takes no spans"),
            (None, true) => tracing::info!("the collector takes spans again"),
            (None, false) => {}
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let runtime = self.runtime.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(runtime) = runtime {
            // Wherever this happens: in a task, waiting for it would be an error.
            runtime.shutdown_background();
        }
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let sent = {
            let runtime = self.runtime.lock().unwrap_or_else(PoisonError::into_inner);
            match &*runtime {
                Some(runtime) => runtime.block_on(self.exchange(request)),
                None => Err("the client has ended".into()),
            }
        };
        match &sent {
            Ok(response) if response.status().is_success() => self.tell(None),
            Ok(response) => self.tell(Some(&response.status())),
            Err(error) => self.tell(Some(error)),
        }
        sent
    }
}
