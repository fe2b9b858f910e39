//! One call of the gateway: its place at the provider, what it may take of the day's budget, the call itself, and what it
//! took. The same places, limits and masking as those of the fleet's own calls; nothing is tried again here, because
//! whoever asks knows better whether it still wants to know.

use super::asked::Asked;
use crate::error::Refused;
use axum::http::StatusCode;
use queue_schema::client::account::{Account, Answer, Took};
use queue_schema::client::{PoolLimits, Queue};
use queue_schema::ids::{WorkerId, content_id};
use queue_schema::ledger::MOST_PER_CALL;
use queue_schema::sweep::Rung;
use scrum_calls::ended;
use scrum_calls::places::{self, NoPlace, Patience, Places};
use scrum_config::{Ladders, Settings, Wire};
use scrum_domain::fit::guess;
use scrum_providers::{ChatError, ChatReply, FailedKind, Providers, TerminalKind, TransientKind};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The account of all gateways of a fleet.
const ACCOUNT: &str = "gateway";
/// The caps are for a day.
const DAY: Duration = Duration::from_secs(86_400);
/// What a held amount outlasts its call by.
const SPARE: Duration = Duration::from_secs(60);
/// Calls that wait for their places, for each that may be under way.
const WAITING: u32 = 8;

/// Digits of what tells a call, or a server, from all others.
const DIGITS: usize = 24;

/// What makes calls; shared by all requests.
#[derive(Debug)]
pub struct Caller {
    providers: Providers,
    settings: Arc<Settings>,
    queue: Queue,
    places: Places,
    /// Room for calls under way and for those that wait.
    room: Semaphore,
    /// Rungs of all ladders: what is known of models.
    known: Vec<Rung>,
}

/// What keeps the places of a server while it lives, and gives them back when it ends.
#[derive(Debug)]
pub struct Kept {
    stopping: CancellationToken,
    returning: JoinHandle<()>,
    keeping: Vec<JoinHandle<()>>,
}

impl Kept {
    /// Ends: what is given back arrives, if Redis takes it soon.
    pub async fn end(self) {
        self.stopping.cancel();
        let _ = tokio::time::timeout(Duration::from_secs(1), self.returning).await;
        self.keeping.iter().for_each(JoinHandle::abort);
    }
}

impl Caller {
    /// Sets up the providers of the settings.
    ///
    /// # Errors
    /// A provider or a ladder that can't be used, no random bytes.
    pub fn start(queue: &Queue, settings: &Arc<Settings>) -> anyhow::Result<(Self, Kept)> {
        let providers = Providers::new(&settings.providers)?;
        let ladders = Ladders::load(settings)?;
        let known = ladders.iter().flat_map(|ladder| ladder.rungs.clone()).collect();
        // What is said of a provider by somebody who can't call it counts for nothing.
        let own = settings.providers.iter().filter(|(name, _)| providers.unusable(name).is_none());
        let limits: BTreeMap<String, PoolLimits> =
            own.filter_map(|(name, p)| Some((name.clone(), p.pool_limits()?))).collect();
        let (calls, stopping) = (settings.gateway.calls, CancellationToken::new());
        let me = WorkerId::from(format!("gateway-{}-{}", std::process::id(), id()?));
        let (places, returning) =
            Places::start(queue, &me, &settings.queue, limits, (calls, true), stopping.clone());
        let every = Duration::from_millis(settings.queue.renew_ms);
        let keeping = queue.each().map(|part| {
            let (held, me) = (places.held(), me.clone());
            tokio::spawn(async move {
                loop {
                    if let Err(error) = held.keep(&part, &me).await {
                        tracing::debug!(%error, "places of the gateway can't be kept; trying again");
                    }
                    tokio::time::sleep(every).await;
                }
            })
        });
        let kept = Kept { stopping, returning, keeping: keeping.collect() };
        let room = Semaphore::new((calls * (WAITING + 1)) as usize);
        let (queue, settings) = (queue.clone(), settings.clone());
        Ok((Self { providers, settings, queue, places, room, known }, kept))
    }

    /// The models that are known here, `PROVIDER/MODEL`: those of the allow list, else those of the ladders.
    pub fn models(&self) -> Vec<String> {
        let listed = &self.settings.gateway.models;
        if !listed.is_empty() {
            return listed.clone();
        }
        let can = |rung: &&Rung| self.refuses(&rung.provider).is_none();
        let mut names: Vec<String> = self.known.iter().filter(can).map(Rung::name).collect();
        names.sort();
        names.dedup();
        names
    }

    /// Why a provider is none that can be asked.
    fn refuses(&self, provider: &str) -> Option<String> {
        match self.settings.providers.get(provider) {
            None => Some("is not configured".to_owned()),
            Some(of) if of.wire == Wire::Builtin => {
                Some("is no model: it reviews files of sweeps".to_owned())
            }
            Some(_) => None,
        }
    }

    /// Whether a model may be asked, by name.
    ///
    /// # Errors
    /// It may not: with those that may.
    pub fn check(&self, asked: &Asked) -> Result<(), Refused> {
        if let Some(why) = self.refuses(&asked.provider) {
            let can = self.settings.providers.keys().filter(|name| self.refuses(name).is_none());
            let known = can.map(String::as_str).collect::<Vec<_>>().join(", ");
            let why = format!("the provider '{}' {why}; there are: {known}", asked.provider);
            return Err(Refused::bad(why));
        }
        let (name, listed) =
            (format!("{}/{}", asked.provider, asked.model), &self.settings.gateway.models);
        if !listed.is_empty() && !listed.contains(&name) {
            let why = format!(
                "the model '{name}' may not be asked here (gateway.models); there are: {}",
                listed.join(", ")
            );
            return Err(Refused::bad(why));
        }
        if let Some(why) = self.providers.unusable(&asked.provider) {
            return Err(Refused::new(StatusCode::SERVICE_UNAVAILABLE, why));
        }
        if self.settings.gateway.usd_per_day > 0.0 && self.price(asked, 1, 1).is_none() {
            let why = format!(
                "no price is known of '{name}', and there is a budget in dollars (gateway.usd_per_day): a ladder tells prices (usd_per_million_in, usd_per_million_out), or take gateway.tokens_per_day"
            );
            return Err(Refused::bad(why));
        }
        Ok(())
    }

    /// Millionths of a dollar of a call; `None` where no price is known.
    fn price(&self, asked: &Asked, tokens_in: u64, tokens_out: u64) -> Option<u64> {
        let is_it = |rung: &&Rung| rung.provider == asked.provider && rung.model == asked.model;
        let told =
            self.known.iter().filter(is_it).find_map(|rung| rung.price(tokens_in, tokens_out));
        told.map(micro)
            .or_else(|| self.providers.is_local_model(&asked.provider, &asked.model).then_some(0))
    }

    /// Makes a call. Dropping the future ends it, and its place goes back.
    ///
    /// # Errors
    /// No place, no budget, or what the provider says.
    pub async fn call(&self, asked: Asked) -> Result<ChatReply, Refused> {
        let Ok(_room) = self.room.try_acquire() else {
            return Err(busy("too many calls wait already"));
        };
        let seat = self.places.seat(&format!("{ACCOUNT}:{}", asked.provider), None);
        Places::within(seat, self.seated(asked)).await
    }

    async fn seated(&self, asked: Asked) -> Result<ChatReply, Refused> {
        let patience = Patience { model: asked.model.clone(), refusals: 0, time: Duration::ZERO };
        let wait = Duration::from_millis(self.settings.gateway.wait_ms);
        let place = tokio::time::timeout(wait, places::take(&asked.provider, patience)).await;
        let mut place = match place {
            Ok(Ok(place)) => place,
            Ok(Err(NoPlace::Stopping)) => return Err(ends()),
            Ok(Err(NoPlace::Refusing { why, .. })) => {
                let why = format!("{} refuses all calls for now: {why}", asked.provider);
                return Err(Refused::new(StatusCode::SERVICE_UNAVAILABLE, why)
                    .kind("overloaded")
                    .after(RETRY));
            }
            Err(_) => {
                return Err(busy(&format!("no place at {} was free in time", asked.provider)));
            }
        };
        let (account, call) = (self.account(&asked), id().map_err(|_| ends())?);
        let (tokens_in, tokens_out) = (asked.tokens(), u64::from(asked.request.max_tokens));
        let micro_usd = self.price(&asked, tokens_in, tokens_out).unwrap_or(0);
        let most = Took { tokens: tokens_in + tokens_out, micro_usd };
        if let Answer::Spent { cap, spent, most, again } =
            self.queue.hold_account(&account, &call, most).await?
        {
            return Err(over(&cap, spent, most, again));
        }
        place.begin();
        let reply = self.providers.chat(&asked.provider, &asked.request).await;
        let why = reply.as_ref().err().map(ToString::to_string).unwrap_or_default();
        place.end(ended::ending(&reply), ended::units(&reply), why);
        let took = match &reply {
            Ok(reply) => Some(self.took(&asked, reply)),
            // Without a key, and without a connection, there was no call.
            Err(
                ChatError::Terminal { kind: TerminalKind::MissingKey, .. }
                | ChatError::Transient { kind: TransientKind::Unreachable, .. },
            ) => None,
            // What it took nobody knows; the provider read the question.
            Err(_) => {
                let micro_usd = self.price(&asked, tokens_in, 0).unwrap_or(0);
                Some(Took { tokens: tokens_in, micro_usd })
            }
        };
        let booked = match took {
            Some(took) => self.queue.book_account(&account, &call, took).await,
            None => self.queue.free_account(&account, &call).await,
        };
        if let Err(error) = booked {
            // What it held is spent when its time is over.
            tracing::warn!(%error, "a call of the gateway could not be booked");
        }
        reply.map_err(|error| failed(&error, &self.models()))
    }

    fn account(&self, asked: &Asked) -> Account {
        let total = self.settings.providers.get(&asked.provider).map_or(0, |p| p.total_timeout_s);
        let longest = Duration::from_secs(total) + SPARE;
        Account {
            name: ACCOUNT.to_owned(),
            caps: self.settings.gateway.caps(),
            window: DAY,
            longest,
        }
    }

    /// What a call took: the provider knows best; tokens are guessed where none were told.
    fn took(&self, asked: &Asked, reply: &ChatReply) -> Took {
        let (mut tokens_in, mut tokens_out) =
            (reply.tokens_in.min(MOST_PER_CALL), reply.tokens_out.min(MOST_PER_CALL));
        if tokens_in + tokens_out == 0 {
            (tokens_in, tokens_out) = (asked.tokens(), guess(reply.text.len()));
        }
        let told = reply.cost_usd.filter(|usd| usd.is_finite() && *usd >= 0.0).map(micro);
        let micro_usd = told.or_else(|| self.price(asked, tokens_in, tokens_out)).unwrap_or(0);
        Took { tokens: tokens_in + tokens_out, micro_usd }
    }
}

/// When to ask again, where nobody said so.
const RETRY: Duration = Duration::from_secs(1);

fn micro(dollars: f64) -> u64 {
    ((dollars.max(0.0) * 1e6).round() as u64).min(MOST_PER_CALL)
}

/// A name by chance.
fn id() -> anyhow::Result<String> {
    let mut bytes = [0; 12];
    getrandom::fill(&mut bytes)?;
    Ok(content_id(&[&bytes])[..DIGITS].to_owned())
}

/// The server ends.
pub fn ends() -> Refused {
    Refused::new(StatusCode::SERVICE_UNAVAILABLE, "this server ends; ask again").after(RETRY)
}

fn busy(why: &str) -> Refused {
    let why = format!(
        "{why}; ask again (gateway.calls, gateway.wait_ms, and the provider's concurrency bound it)"
    );
    Refused::new(StatusCode::TOO_MANY_REQUESTS, why).kind("busy").after(RETRY)
}

fn over(cap: &str, spent: u64, most: u64, again: Duration) -> Refused {
    let (name, spent, most) = match cap {
        "calls" => ("gateway.calls_per_day", spent.to_string(), most.to_string()),
        "tokens" => ("gateway.tokens_per_day", spent.to_string(), most.to_string()),
        _ => {
            let usd = |micro: u64| format!("${:.2}", micro as f64 / 1e6);
            ("gateway.usd_per_day", usd(spent), usd(most))
        }
    };
    let why = format!(
        "the budget of the day does not reach this call: {spent} of {most} are spent or held ({name})"
    );
    Refused::new(StatusCode::PAYMENT_REQUIRED, why).kind("budget_spent").after(again)
}

/// What whoever asks is told of a call that failed.
fn failed(error: &ChatError, known: &[String]) -> Refused {
    use StatusCode as S;
    let (status, kind) = match error {
        ChatError::Transient { kind, .. } => match kind {
            TransientKind::RateLimited => (S::TOO_MANY_REQUESTS, "rate_limited"),
            TransientKind::Overloaded => (S::SERVICE_UNAVAILABLE, "overloaded"),
            TransientKind::Unreachable => (S::BAD_GATEWAY, "unreachable"),
            TransientKind::Stalled | TransientKind::TimedOut => (S::GATEWAY_TIMEOUT, "timeout"),
            TransientKind::ServerError => (S::BAD_GATEWAY, "server_error"),
        },
        ChatError::Terminal { kind, .. } => match kind {
            TerminalKind::Unauthorized | TerminalKind::MissingKey => {
                (S::BAD_GATEWAY, "unauthorized")
            }
            TerminalKind::PaymentRequired | TerminalKind::QuotaExhausted => {
                (S::BAD_GATEWAY, "quota")
            }
            TerminalKind::ModelNotFound => (S::BAD_REQUEST, "no_model"),
            TerminalKind::CannotLoad => (S::BAD_GATEWAY, "cannot_load"),
            TerminalKind::BadRequest => (S::BAD_REQUEST, "bad_request"),
        },
        ChatError::Failed { kind, .. } => match kind {
            FailedKind::TimedOut => (S::GATEWAY_TIMEOUT, "timeout"),
            FailedKind::Declined => (S::UNPROCESSABLE_ENTITY, "declined"),
            _ => (S::BAD_GATEWAY, "garbled"),
        },
        ChatError::ContextExceeded { .. } => (S::BAD_REQUEST, "context_exceeded"),
    };
    let mut why = error.to_string();
    if kind == "no_model" && !known.is_empty() {
        why = format!("{why}; known here are: {}", known.join(", "));
    }
    let refused = Refused::new(status, why).kind(kind);
    match error {
        ChatError::Transient { retry_after: Some(after), .. } => refused.after(*after),
        ChatError::Transient { .. } => refused.after(RETRY),
        _ => refused,
    }
}
