//! How grave a finding is: by its kind where its reviewer does not say, the same in metrics and in SARIF.

pub use queue_schema::rows::Severity;
