//! What a failed call counts as among the failures that are observed.

use scrum_domain::observe::Class;
use scrum_providers::{ChatError, FailedKind, TerminalKind, TransientKind};

/// The class of a failed call.
pub(super) const fn of(error: &ChatError) -> Class {
    match error {
        ChatError::Transient { kind, .. } => match kind {
            TransientKind::RateLimited => Class::RateLimited,
            TransientKind::Overloaded => Class::Overloaded,
            TransientKind::Unreachable => Class::Unreachable,
            TransientKind::Stalled => Class::Stalled,
            TransientKind::TimedOut => Class::Timeout,
            TransientKind::ServerError => Class::ServerError,
        },
        ChatError::Terminal { kind, .. } => match kind {
            TerminalKind::Unauthorized | TerminalKind::MissingKey => Class::Auth,
            TerminalKind::PaymentRequired | TerminalKind::QuotaExhausted => Class::Quota,
            TerminalKind::ModelNotFound => Class::NoModel,
            TerminalKind::CannotLoad => Class::CannotLoad,
            TerminalKind::BadRequest => Class::BadRequest,
        },
        ChatError::Failed { kind, .. } => match kind {
            FailedKind::TimedOut => Class::Timeout,
            FailedKind::Declined => Class::Refused,
            FailedKind::Provider => Class::ServerError,
            FailedKind::Garbage
            | FailedKind::TooLarge
            | FailedKind::Cut
            | FailedKind::InvalidUtf8 => Class::Garbled,
        },
        ChatError::ContextExceeded { .. } => Class::Context,
    }
}
