//! Why something failed, as one of few classes, and what a person does about each.

use queue_schema::rows::Outcome;

/// Makes the classes: each with its name and with what to do.
macro_rules! classes {
    ($($(#[doc = $doc:literal])+ $class:ident $name:literal $what:literal,)+) => {
        /// Why something failed. What can't be named is [`Class::Other`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Class {
            $($(#[doc = $doc])+ $class,)+
        }

        impl Class {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$class),+];

            /// The word in events and rows.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$class => $name,)+
                }
            }

            /// What a person should do about many of them, in a sentence.
            pub const fn what_to_do(self) -> &'static str {
                match self {
                    $(Self::$class => $what,)+
                }
            }
        }
    };
}

classes! {
    /// The total time of a call ran out.
    Timeout "timeout" "raise total_timeout_s of the provider, ask for fewer tokens, or take a faster model",
    /// Connected, and then nothing came.
    Stalled "stalled" "look at the load of the provider; first_byte_timeout_s and idle_timeout_s say how long a call waits",
    /// Too many requests.
    RateLimited "rate_limited" "lower concurrency of the provider, or ask it for a higher limit",
    /// The provider has no capacity now.
    Overloaded "overloaded" "wait, or put a model of another provider on the ladder",
    /// No connection.
    Unreachable "unreachable" "start the provider, or mend its base_url; `scrum doctor` tries it",
    /// The provider failed with a status of 500 or more.
    ServerError "http_5xx" "read the provider's own log; another provider on the ladder helps meanwhile",
    /// The key was refused, or is missing.
    Auth "auth" "set the key that api_key_env names, in the environment of every worker",
    /// The account is out of money, or of its allowance.
    Quota "quota" "top up the account, or wait until its allowance begins anew",
    /// There is no such model.
    NoModel "no_model" "mend the model's name on the ladder, or pull it; `scrum doctor` says which are there",
    /// The model does not fit the machine.
    CannotLoad "cannot_load" "take a smaller model, or free memory where it runs",
    /// The request as such was refused.
    BadRequest "bad_request" "read the reason: a setting of the provider does not fit this model",
    /// The prompt did not fit the model's context.
    Context "context" "set context_tokens of the rung, or take a model with a larger context",
    /// The answer could not be read as what was asked for.
    Malformed "malformed" "take a model that keeps to the format, or have it asked by schema",
    /// The answer was too short or without structure.
    Thin "thin" "take a larger model on this rung; raise max_tokens if its thoughts use them up",
    /// The review of a part was passed off as one of the whole.
    Leaked "leaked" "take a model with a larger context, so that the file is not read in parts",
    /// The answer was cut at its bound of tokens.
    Truncated "truncated" "raise max_tokens of the rung or of the sweep",
    /// The model or a filter declined.
    Refused "refused" "take another model for these files, or leave them out with .scrumignore",
    /// What came was not the wire format, not text, or broke off.
    Garbled "garbled" "check that base_url and wire of the provider belong together, and what stands between",
    /// The ladder was climbed to its end.
    LadderExhausted "ladder_exhausted" "look at the attempts: `scrum dlq show`; then retry from a better rung",
    /// A job failed as often as it may.
    AttemptsExhausted "attempts_exhausted" "look at the log of the workers: Redis, a disk or git fails; then `scrum dlq retry`",
    /// A job took its workers down.
    Poison "poison" "look at why workers died: memory mostly; then `scrum dlq retry`",
    /// A job could not be read.
    Undecodable "undecodable" "give all workers the newest version; then `scrum dlq retry`",
    /// A job could not succeed.
    Fatal "fatal" "read the reason: `scrum dlq show`",
    /// A job lacked the fleet's signature.
    Unsigned "unsigned" "give all programs the same key; a job that nobody of the fleet signed stays refused",
    /// Anything else.
    Other "other" "read the reasons of the samples",
}

impl Class {
    /// The class by its word; another version may know more of them.
    pub fn of_word(word: &str) -> Self {
        Self::ALL.iter().copied().find(|class| class.as_str() == word).unwrap_or(Self::Other)
    }

    /// The class of an attempt whose answer was rejected.
    pub const fn of_outcome(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Thin => Self::Thin,
            Outcome::Malformed => Self::Malformed,
            Outcome::Leaked => Self::Leaked,
            Outcome::Truncated => Self::Truncated,
            Outcome::Refused => Self::Refused,
            Outcome::Error | Outcome::Accepted => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use queue_schema::effects::DeadClass;

    #[test]
    fn a_class_has_one_word_and_something_to_do() {
        for (n, class) in Class::ALL.iter().enumerate() {
            assert_eq!(Class::of_word(class.as_str()), *class);
            assert!(class.what_to_do().len() > 15, "{class:?}");
            assert!(Class::ALL[..n].iter().all(|other| other.as_str() != class.as_str()));
        }
        assert_eq!(Class::of_word("of tomorrow"), Class::Other);
    }

    #[test]
    fn outcomes_and_dead_letters_have_classes() {
        for outcome in [
            Outcome::Thin,
            Outcome::Malformed,
            Outcome::Leaked,
            Outcome::Truncated,
            Outcome::Refused,
        ] {
            assert_eq!(Class::of_outcome(outcome).as_str(), outcome.as_str());
        }
        for class in [
            DeadClass::LadderExhausted,
            DeadClass::AttemptsExhausted,
            DeadClass::Poison,
            DeadClass::Undecodable,
            DeadClass::Fatal,
            DeadClass::Unsigned,
        ] {
            assert_ne!(Class::of_word(class.as_str()), Class::Other, "{class:?}");
        }
    }
}
