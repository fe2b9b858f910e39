//! The command line of `scrum metrics`.

use clap::Args;

/// `scrum metrics`.
#[derive(Debug, Args)]
pub struct MetricsArgs {
    /// Repository: a path or a URL. Default: the one you are in, else all.
    pub repo: Option<String>,
    /// Maximum number of sweeps of each repository, newest first; 0 for all.
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub limit: usize,
    /// The fleet in figures as Prometheus reads them, the same that scrum-web serves at /metrics.
    #[arg(long, conflicts_with_all = ["repo", "limit"])]
    pub prometheus: bool,
}
