//! Settings of Scrum Fleet: typed, layered, validated.
//!
//! Every bound of the system is a setting, every setting has its default in one place
//! ([`DEFAULT_TOML`], the file `config/default.toml`), and whatever a user gets wrong is answered
//! with what was wrong, where it stands and what to do ([`ConfigError`]).
//!
//! ```
//! use scrum_config::{Ladders, LoadOptions, Settings};
//!
//! let options = LoadOptions {
//!     env: vec![("SCRUM__QUEUE__LEASE_MS".into(), "8000".into())],
//!     ..LoadOptions::default()
//! };
//! let settings = Settings::load(options)?;
//! assert_eq!(settings.queue.lease_ms, 8000);
//! let ladder = Ladders::load(&settings)?.get("builtin")?;
//! assert_eq!(ladder.rungs.len(), 1);
//! # Ok::<(), scrum_config::ConfigError>(())
//! ```

pub mod apply;
pub mod audit;
mod base_url;
pub mod calibration;
mod check;
pub mod confirm;
pub mod diff;
pub mod embedding;
mod error;
pub mod facts;
pub mod forge;
mod gateway;
pub mod hooks;
mod in_force;
mod ladders;
mod layer;
mod load;
pub mod observe;
mod place;
pub mod provider;
mod queue;
pub mod schedules;
mod settings;
mod suggest;
mod telemetry;
mod validate;
mod web;

pub use apply::{ApplySettings, SandboxMode};
pub use audit::AuditSettings;
pub use calibration::{CalibrationSettings, EstimateSettings};
pub use diff::DiffSettings;
pub use embedding::{EmbedWire, EmbeddingConfig};
pub use error::{ConfigError, Problem};
pub use facts::FactsSettings;
pub use forge::ForgeSettings;
pub use gateway::GatewaySettings;
pub use hooks::{HookRepository, HookSettings};
pub use in_force::InForce;
pub use ladders::{AUTO_LADDER, Ladders};
pub use load::LoadOptions;
pub use observe::ObserveSettings;
pub use provider::{Concurrency, ProviderConfig, Thinking, Wire};
pub use queue_schema::sweep::{Ladder, MarkdownPolicy, Policy, Rung, SplitMode};
pub use schedules::ScheduleSettings;
pub use settings::{
    LadderSettings, LogFormat, LogSettings, QueueSettings, RedisSettings, Settings, StateSettings,
    SweepSettings, WorkerSettings,
};
pub use suggest::nearest;
pub use telemetry::{MetricsSettings, TracesSettings};
pub use web::{WebSettings, WebToken};

/// Of a settings file, and of a ladder; people write a few KiB.
const MOST_FILE_BYTES: u64 = 1024 * 1024;

/// The built-in defaults: `config/default.toml`, with a comment above each setting. What
/// `scrum` prints when a user asks for a settings file to start from.
pub const DEFAULT_TOML: &str = include_str!("../default.toml");
