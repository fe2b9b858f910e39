//! Whether the project's own tests notice a fault.
//!
//! What they said is kept, so that a command that is run again asks for the same cases, and begins where it was
//! killed.

use super::mutants::{Asked, dir};
use anyhow::{Context, bail};
use queue_schema::ids::content_id;
use scrum_config::ApplySettings;
use scrum_disk as disk;
use scrum_domain::eval::case::Source;
use scrum_repo::{Cache, Check, ExportBounds, Ran, Repo, Sandbox, Worktree, sweep_stale};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// A mutant may take so much longer than the unchanged commit, and at least so long.
const TIMES: u32 = 4;
const LEAST: Duration = Duration::from_secs(20);
/// Entries of the tree at most.
const MOST_ENTRIES: usize = 1_000_000;
/// Worktrees older than this were left by commands that were killed.
const STALE: Duration = Duration::from_secs(24 * 3600);
/// Characters of a failed test that are shown, the last ones.
const SHOWN_CHARS: usize = 1_500;
/// Bytes of what is kept of tests.
const MOST_KEPT: u64 = 16 << 20;
/// The entry of the unchanged commit among the verdicts.
const UNCHANGED: &str = "unchanged";
/// Python keeps what it has compiled by size and second: a mutant of the same size would not be seen.
const NO_BYTECODE: (&str, &str) = ("PYTHONDONTWRITEBYTECODE", "1");

/// What the tests say of a mutant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// They fail.
    Killed,
    /// They pass.
    Survived,
    /// What comes before them fails.
    Broken,
    /// They did not end in time: on a busy machine that says nothing.
    TimedOut,
}

/// A line of what is kept.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    key: String,
    verdict: Verdict,
}

/// The tests of a commit.
pub struct Tests {
    commands: Vec<String>,
    settings: ApplySettings,
    commit: String,
    unsafe_no_sandbox: bool,
    cancel: Arc<AtomicBool>,
    /// Where worktrees and the build cache are.
    place: PathBuf,
    cache: PathBuf,
    known: HashMap<String, Verdict>,
    kept: disk::File,
    held: OwnedFd,
    name: String,
    /// Made when the first mutant is tried that is not known.
    bench: Option<Bench>,
}

/// Where mutants are tried.
struct Bench {
    sandbox: Sandbox,
    worktree: Worktree,
    cache: Cache,
    /// Time for each command.
    limits: Vec<Duration>,
}

impl Tests {
    /// Those that were asked for; `None` without any.
    ///
    /// # Errors
    /// A state directory that can't be used.
    pub fn new(asked: &Asked, repo: &Repo, commit: &str) -> anyhow::Result<Option<Self>> {
        let Some(test) = &asked.test else { return Ok(None) };
        let commands: Vec<String> = asked.check.iter().chain([test]).cloned().collect();
        let place = dir(&asked.state);
        let unusable = || format!("{} can't be used; pass another --state-dir", place.display());
        let held = disk::private_dir(&place).with_context(unusable)?;
        let root = repo.canonical();
        let mut parts = vec![root.as_os_str().as_encoded_bytes(), commit.as_bytes()];
        parts.extend(commands.iter().map(String::as_bytes));
        let name = format!("tests-{}.jsonl", &content_id(&parts)[..16]);
        let before = disk::read(&held, name.as_bytes(), MOST_KEPT).with_context(unusable)?;
        let before = String::from_utf8_lossy(&before.unwrap_or_default()).into_owned();
        // The last line of a command that was killed may be half a one.
        let known = before.lines().filter_map(|line| serde_json::from_str::<Kept>(line).ok());
        let known = known.map(|kept| (kept.key, kept.verdict)).collect();
        let mut kept = disk::append(&held, name.as_bytes()).with_context(unusable)?;
        if !before.is_empty() && !before.ends_with('\n') {
            kept.write_all(b"\n")?;
        }
        let cache = content_id(&[parts[0]]);
        Ok(Some(Self {
            commands,
            settings: asked.settings.apply.clone(),
            commit: commit.to_owned(),
            unsafe_no_sandbox: asked.unsafe_no_sandbox,
            cancel: asked.cancel.clone(),
            cache: place.join("cache").join(&cache[..16]),
            place,
            known,
            kept,
            held,
            name,
            bench: None,
        }))
    }

    /// What they say of a mutant; `None` when the user left.
    ///
    /// # Errors
    /// Tests that fail on the unchanged commit; a sandbox that can't be made.
    pub fn judge(
        &mut self,
        repo: &Repo,
        source: &Source,
        tell: &dyn Fn(String),
    ) -> anyhow::Result<Option<Verdict>> {
        let key = content_id(&[source.file.as_bytes(), source.text.as_bytes()])[..24].to_owned();
        if let Some(verdict) = self.known.get(&key) {
            return Ok(Some(*verdict));
        }
        if self.bench.is_none() && self.begin(repo, tell)?.is_none() {
            return Ok(None);
        }
        let Some(bench) = &self.bench else { return Ok(None) };
        bench.worktree.write(&source.file, source.text.as_bytes())?;
        let verdict = self.try_out(bench)?;
        bench.worktree.restore(&source.file)?;
        if let Some(verdict) = verdict {
            self.keep(key, verdict)?;
        }
        Ok(verdict)
    }

    /// Whether the unchanged commit passes after all mutants, if any was tried: tests that fail at random, or that
    /// leave something behind, have killed mutants for nothing.
    ///
    /// # Errors
    /// It does not; then what was kept of it is gone.
    pub fn still_pass(&mut self, tell: &dyn Fn(String)) -> anyhow::Result<Option<()>> {
        let Some(bench) = &self.bench else { return Ok(Some(())) };
        tell("running the tests on the unchanged commit once more".to_owned());
        for (command, limit) in self.commands.iter().zip(&bench.limits) {
            let ran = self.run(bench, command, *limit)?;
            if ran.cancelled {
                return Ok(None);
            }
            if !ran.is_green() {
                disk::remove(&self.held, self.name.as_bytes())?;
                bail!(
                    "`{command}` passed on the unchanged commit before the mutants and fails now ({}), so it can't judge them; its result must not depend on chance, time or what it leaves behind:\n{}",
                    ended(&ran),
                    tail(&ran.output)
                );
            }
        }
        Ok(Some(()))
    }

    /// Makes the place, and runs everything on the unchanged commit.
    fn begin(&mut self, repo: &Repo, tell: &dyn Fn(String)) -> anyhow::Result<Option<()>> {
        let without = self.settings.goes_without_sandbox(self.unsafe_no_sandbox);
        if self.unsafe_no_sandbox && !without {
            bail!("--unsafe-no-sandbox also needs the setting apply.sandbox = \"none\"");
        }
        let sandbox = if without { Sandbox::unsafe_none() } else { Sandbox::probe()? };
        let trees = self.place.join("trees");
        sweep_stale(&trees, STALE)?;
        let cache = Cache::take(&self.cache, &self.cancel)?;
        let bounds = ExportBounds { bytes: self.settings.max_tree_bytes, entries: MOST_ENTRIES };
        let worktree = repo.export(&self.commit, &trees, bounds)?;
        let most = Duration::from_secs(self.settings.check_timeout_s);
        let mut bench = Bench { sandbox, worktree, cache, limits: Vec::new() };
        tell("running the tests on the unchanged commit".to_owned());
        for command in &self.commands {
            let ran = self.run(&bench, command, most)?;
            if ran.cancelled {
                return Ok(None);
            }
            if !ran.is_green() {
                bail!(
                    "`{command}` does not pass on the unchanged commit {:.10} ({}), so it can't tell good code from bad; mend it or pass another --test. It runs in a sandbox without network, see docs/sandbox.md:\n{}",
                    self.commit,
                    ended(&ran),
                    tail(&ran.output)
                );
            }
            bench.limits.push((ran.took * TIMES).max(LEAST).min(most));
        }
        self.bench = Some(bench);
        self.keep(UNCHANGED.to_owned(), Verdict::Survived)?;
        Ok(Some(()))
    }

    fn try_out(&self, bench: &Bench) -> anyhow::Result<Option<Verdict>> {
        for (n, (command, limit)) in self.commands.iter().zip(&bench.limits).enumerate() {
            let ran = self.run(bench, command, *limit)?;
            if ran.cancelled {
                return Ok(None);
            }
            if ran.timed_out {
                return Ok(Some(Verdict::TimedOut));
            }
            if !ran.is_green() {
                let is_test = n + 1 == self.commands.len();
                return Ok(Some(if is_test { Verdict::Killed } else { Verdict::Broken }));
            }
        }
        Ok(Some(Verdict::Survived))
    }

    fn run(&self, bench: &Bench, command: &str, timeout: Duration) -> anyhow::Result<Ran> {
        let s = &self.settings;
        let passed =
            s.pass_env.iter().filter_map(|name| Some((name.clone(), std::env::var(name).ok()?)));
        let own = (NO_BYTECODE.0.to_owned(), NO_BYTECODE.1.to_owned());
        let env: Vec<(String, String)> = [own].into_iter().chain(passed).collect();
        let check = Check {
            command,
            dir: bench.worktree.path(),
            cache: bench.cache.path(),
            read: &s.readable,
            env: &env,
            timeout,
            memory_bytes: s.check_memory_mib << 20,
            output_bytes: usize::try_from(s.check_output_bytes).unwrap_or(usize::MAX),
        };
        Ok(bench.sandbox.run(&check, &self.cancel)?)
    }

    fn keep(&mut self, key: String, verdict: Verdict) -> anyhow::Result<()> {
        let line = serde_json::to_string(&Kept { key: key.clone(), verdict })?;
        self.kept.write_all(format!("{line}\n").as_bytes())?;
        self.known.insert(key, verdict);
        Ok(())
    }
}

/// How a command ended.
fn ended(ran: &Ran) -> String {
    match (ran.timed_out, ran.code, ran.signal) {
        (true, ..) => "it took too long".to_owned(),
        (_, Some(code), _) => format!("exit code {code}"),
        (_, _, Some(signal)) => format!("signal {signal}"),
        _ => "it was killed".to_owned(),
    }
}

/// The end of what it wrote.
fn tail(output: &str) -> String {
    let skip = output.chars().count().saturating_sub(SHOWN_CHARS);
    output.chars().skip(skip).collect::<String>().trim().to_owned()
}
