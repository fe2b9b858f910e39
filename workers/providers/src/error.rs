//! Every way a call can fail, named by what to do about it.

use std::time::Duration;

/// A failed call. Its `Display` is for people and never holds a key.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ChatError {
    /// Passing trouble: try the same rung again later; no rung is spent.
    #[error("{message}")]
    Transient {
        /// What kind of trouble.
        kind: TransientKind,
        /// For a person.
        message: String,
        /// How long the provider asked to be left alone.
        retry_after: Option<Duration>,
    },
    /// The provider will keep saying no: skip the rung, tell the operator once.
    #[error("{message}")]
    Terminal {
        /// What is wrong.
        kind: TerminalKind,
        /// For a person, with what to do.
        message: String,
    },
    /// This call failed; the next rung may do better.
    #[error("{message}")]
    Failed {
        /// How it failed.
        kind: FailedKind,
        /// For a person.
        message: String,
        /// Characters of the answer that had arrived.
        partial_chars: usize,
    },
    /// The prompt did not fit the model's context.
    #[error("{message}")]
    ContextExceeded {
        /// Tokens of the prompt, when the provider told them.
        prompt_tokens: Option<u64>,
        /// Tokens the context holds, when the provider told them.
        context: Option<u64>,
        /// For a person.
        message: String,
    },
}

/// Trouble that passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TransientKind {
    /// 429, or 529: too many requests, from us or from everybody.
    RateLimited,
    /// 503, or a full queue.
    Overloaded,
    /// No connection, or one that closed before any text.
    Unreachable,
    /// Connected, then nothing for longer than the timer allows.
    Stalled,
    /// The total time ran out before any text.
    TimedOut,
    /// A 5xx, or an error in the stream before any text.
    ServerError,
}

impl TransientKind {
    /// How long the other side is to be left alone for it.
    pub fn pause(self, retry_after: Option<Duration>) -> Pause {
        match (self, retry_after) {
            (Self::RateLimited, asked) => Pause::TooMany(asked),
            (_, Some(asked)) => Pause::Asked(asked),
            (Self::Overloaded | Self::Unreachable, None) => Pause::Away,
            (_, None) => Pause::Untold,
        }
    }
}

/// What a transient error says about when to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// The other side said how long.
    Asked(Duration),
    /// Too many requests, and how long, if it was said.
    TooMany(Option<Duration>),
    /// Nothing, and nobody is there or ready: a server that starts, say.
    Away,
    /// Nothing.
    Untold,
}

/// Trouble that stays until somebody changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TerminalKind {
    /// The key was refused.
    Unauthorized,
    /// 402.
    PaymentRequired,
    /// No such model there, or no more.
    ModelNotFound,
    /// The account's allowance is used up.
    QuotaExhausted,
    /// The environment variable that should hold the key is not set.
    MissingKey,
    /// The model is there but does not fit the machine.
    CannotLoad,
    /// The request as such is refused, or the provider is set up wrongly.
    BadRequest,
}

/// How a single call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailedKind {
    /// A body that is not the wire format.
    Garbage,
    /// More than the bound on an answer.
    TooLarge,
    /// The stream ended after some text, without saying that it was done.
    Cut,
    /// Bytes that are not UTF-8.
    InvalidUtf8,
    /// The total time ran out while text was still coming.
    TimedOut,
    /// The provider reported an error of its own after some text, or of the model behind it.
    Provider,
    /// A filter refused the prompt.
    Declined,
}

/// A provider that cannot be set up at all. Found when settings are loaded, before any call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// The address of a provider can't be used.
    #[error("providers.{provider}.base_url {problem}")]
    BaseUrl {
        /// Name of the provider.
        provider: String,
        /// What is wrong and what to write instead.
        problem: String,
    },
    /// An extra member would replace one that the program must own.
    #[error(
        "providers.{provider}.extra_body must not set `{member}`: the program fills it in; remove it"
    )]
    ExtraBody {
        /// Name of the provider.
        provider: String,
        /// The member.
        member: String,
    },
    /// No HTTP client could be made.
    #[error("the HTTP client cannot be set up: {0}")]
    Client(String),
}

impl ChatError {
    /// The message, whatever the kind.
    pub fn message(&self) -> &str {
        match self {
            Self::Transient { message, .. }
            | Self::Terminal { message, .. }
            | Self::Failed { message, .. }
            | Self::ContextExceeded { message, .. } => message,
        }
    }

    /// The same error with its message replaced; the one door through which messages leave.
    pub(crate) fn map_message(mut self, change: impl FnOnce(&str) -> String) -> Self {
        match &mut self {
            Self::Transient { message, .. }
            | Self::Terminal { message, .. }
            | Self::Failed { message, .. }
            | Self::ContextExceeded { message, .. } => *message = change(message),
        }
        self
    }

    pub(crate) fn transient(kind: TransientKind, message: impl Into<String>) -> Self {
        Self::Transient { kind, message: message.into(), retry_after: None }
    }

    pub(crate) fn terminal(kind: TerminalKind, message: impl Into<String>) -> Self {
        Self::Terminal { kind, message: message.into() }
    }

    pub(crate) fn failed(kind: FailedKind, message: impl Into<String>, partial: usize) -> Self {
        Self::Failed { kind, message: message.into(), partial_chars: partial }
    }

    /// A stream that ended after `partial` characters without what says that it was done.
    pub(crate) fn cut_off(partial: usize, lacks: &str) -> Self {
        if partial == 0 {
            let message = "the stream ended before any text came";
            return Self::transient(TransientKind::ServerError, message);
        }
        let message = format!("the stream ended after {partial} characters without {lacks}");
        Self::failed(FailedKind::Cut, message, partial)
    }
}
