//! Running a check, which is foreign code: build scripts, tests, whatever a repository has.
//!
//! What bubblewrap contains and what not is told in docs/sandbox.md.

mod bubblewrap;
mod lack;
mod output;
mod running;
mod tools;

use crate::RepoError;
use scrum_disk::{self as disk, Mode};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tools::Tools;

/// The largest file that a check may write; one that is larger is cut by the system.
const FILE_BYTES: u64 = 4 * 1024 * 1024 * 1024;
/// Processes of one check, where it has users of its own.
const PROCESSES: u32 = 4096;
/// How long the tool that makes a sandbox may take for nothing.
const PROBE_TIME: Duration = Duration::from_secs(20);
/// An orphan, whose worker was killed, lives this much longer than it was given.
const ORPHAN_S: u64 = 5;

/// Sets limits, then becomes what follows. By the shell, as nothing else is everywhere. A limit
/// can't be raised: where one of the system's is lower already, that stays.
/// $1: KiB of data; $2: blocks of 512 bytes of a file; $3: seconds, or 0.
const LIMITS: &str = r#"
ulimit -c 0 2>/dev/null
ulimit -d "$1" 2>/dev/null
ulimit -f "$2" 2>/dev/null
seconds=$3
shift 3
if [ "$seconds" -gt 0 ] && command -v timeout >/dev/null 2>&1; then
    exec timeout -s KILL "$seconds" "$@"
fi
exec "$@"
"#;

/// Says that the sandbox stands, then becomes the command. $1: the mark; $2: processes, or 0;
/// $3: the command.
const BEGIN: &str = r#"
if [ "$2" -gt 0 ]; then ulimit -u "$2" 2>/dev/null || ulimit -p "$2" 2>/dev/null; fi
printf %s "$1"
exec sh -c "$3"
"#;

/// What a check runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SandboxKind {
    /// Files, network, processes and users of its own.
    Bubblewrap,
    /// Nothing: time, memory and environment are bounded, and that is all.
    Plain,
}

impl SandboxKind {
    /// As it is written in rows and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bubblewrap => "bubblewrap",
            Self::Plain => "none",
        }
    }
}

/// One run of a check.
#[derive(Debug, Clone, Copy)]
pub struct Check<'a> {
    /// Run by `sh -c`.
    pub command: &'a str,
    /// Where: a [`crate::Worktree`], which it may write. Under bubblewrap it is at `/src`.
    pub dir: &'a Path,
    /// A directory for what builds leave and for HOME, kept between checks; made where it is not
    /// there. Only for checks of one repository, one at a time. Under bubblewrap it is at `/cache`.
    pub cache: &'a Path,
    /// More that it may read, at the same places.
    pub read: &'a [PathBuf],
    /// Variables for it. Of the worker's own it gets PATH, LANG and TERM.
    pub env: &'a [(String, String)],
    /// How long.
    pub timeout: Duration,
    /// Memory of each of its processes.
    pub memory_bytes: u64,
    /// What is kept of its output, from the end.
    pub output_bytes: usize,
}

/// How a check ended.
#[derive(Debug, Clone)]
pub struct Ran {
    /// What it ended with; a shell's 128 + N for a signal inside a sandbox. None when it was
    /// killed from outside.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// It took too long, and was ended.
    pub timed_out: bool,
    /// It was ended because `cancel` was set.
    pub cancelled: bool,
    /// The end of what it wrote to stdout and stderr, as it came; bytes that are not UTF-8 are
    /// U+FFFD.
    pub output: String,
    /// Bytes before that which are not kept.
    pub output_left_out: u64,
    /// How long it took.
    pub took: Duration,
    /// What it ran in.
    pub kind: SandboxKind,
}

impl Ran {
    /// True when it ended by itself with 0.
    pub fn is_green(&self) -> bool {
        self.code == Some(0) && !self.timed_out && !self.cancelled
    }
}

/// A way to run checks that works on this machine.
#[derive(Debug, Clone)]
pub struct Sandbox {
    kind: SandboxKind,
    /// The program that makes it.
    program: PathBuf,
    can: bubblewrap::Can,
}

impl Sandbox {
    /// Finds out whether bubblewrap works, by trying it. Costs some milliseconds. Nothing less is
    /// taken for it.
    ///
    /// # Errors
    /// [`RepoError::NoSandbox`] with what is in the way, and what to do.
    pub fn probe() -> Result<Self, RepoError> {
        let facts = lack::Facts::of_this_machine();
        let program =
            tools::program("bwrap").ok_or_else(|| RepoError::NoSandbox(facts.explain(None)))?;
        // With all that it can do, else with less: older ones know fewer options, and a sandbox in
        // a sandbox may do less.
        let mut first = None;
        for can in bubblewrap::Can::LEVELS {
            let program = program.clone();
            let sandbox = Self { kind: SandboxKind::Bubblewrap, program, can };
            match sandbox.works() {
                Ok(()) => return Ok(sandbox),
                Err(RepoError::Sandbox(said)) => first.get_or_insert(said),
                Err(other) => return Err(other),
            };
        }
        Err(RepoError::NoSandbox(facts.explain(Some(&first.unwrap_or_default()))))
    }

    /// None. Checks then do what the worker's user may: only for a user who says so.
    pub fn unsafe_none() -> Self {
        let can = bubblewrap::Can::default();
        Self { kind: SandboxKind::Plain, program: PathBuf::new(), can }
    }

    fn works(&self) -> Result<(), RepoError> {
        let ran = self.try_out("true")?;
        if ran.is_green() {
            return Ok(());
        }
        Err(RepoError::Sandbox(format!("`true` failed in it: {}", ran.output.trim())))
    }

    /// Which of these programs a check finds; an empty list when that can't be found out.
    pub fn finds<'a>(&self, programs: &[&'a str]) -> Vec<&'a str> {
        let Ok(ran) = self.try_out(&format!(
            "for p in {}; do command -v \"$p\" >/dev/null && echo \"$p\"; done",
            programs.join(" ")
        )) else {
            return Vec::new();
        };
        programs.iter().copied().filter(|p| ran.output.lines().any(|line| line == *p)).collect()
    }

    /// Runs a short command over nothing.
    fn try_out(&self, command: &str) -> Result<Ran, RepoError> {
        // A directory of a name that nobody can know, for this user alone.
        let failed = |e: io::Error| {
            RepoError::io(Path::new("$TMPDIR"), e, "check that this user may write there")
        };
        let place = disk::temp_dir().map_err(failed)?;
        let check = Check {
            command,
            dir: Path::new("/usr"),
            cache: place.path(),
            read: &[],
            env: &[],
            timeout: PROBE_TIME,
            memory_bytes: 512 * 1024 * 1024,
            output_bytes: 4096,
        };
        self.run(&check, &AtomicBool::new(false))
    }

    /// What checks run in.
    pub fn kind(&self) -> SandboxKind {
        self.kind
    }

    /// Runs a check to its end, and ends all that it has started. Blocks; `cancel` ends it within
    /// a tenth of a second. When this process is killed, a check under bubblewrap dies with it;
    /// without, it lives on until its time is over.
    ///
    /// # Errors
    /// [`RepoError::Sandbox`] when the sandbox can't be set up, which says nothing about the check;
    /// [`RepoError::Io`] when `cache` can't be made.
    pub fn run(&self, check: &Check<'_>, cancel: &AtomicBool) -> Result<Ran, RepoError> {
        let cache = disk::private_dir(check.cache)
            .and_then(|_| disk::real_path(check.cache))
            .and_then(|cache| fresh_dirs(&cache, &["home", "tmp"]).map(|()| cache))
            .map_err(|e| RepoError::io(check.cache, e, "check that this user may write there"))?;
        if let Some(missing) =
            check.read.iter().find(|path| !path.is_absolute() || !disk::exists(path))
        {
            return Err(RepoError::Sandbox(format!(
                "apply.readable names {}, which does not exist; write an absolute path, or remove it",
                missing.display()
            )));
        }
        let tools = Tools::of_this_process(check.read);
        let inside = match self.kind {
            SandboxKind::Bubblewrap => Inside::bubblewrap(&tools),
            SandboxKind::Plain => Inside::same(&cache, &tools),
        };
        let mut command = Command::new("/bin/sh");
        command.args(["-c", LIMITS, "sh"]);
        command.arg((check.memory_bytes / 1024).to_string());
        command.arg((FILE_BYTES / 512).to_string());
        // Under bubblewrap it dies with us.
        let orphan = match self.kind {
            SandboxKind::Bubblewrap => 0,
            SandboxKind::Plain => check.timeout.as_secs().saturating_add(ORPHAN_S),
        };
        command.arg(orphan.to_string());
        command.args(self.wrapper(check, &cache, &tools));
        command.args(["/bin/sh", "-c", BEGIN, "sh", output::MARK]);
        command.arg(self.processes().to_string());
        command.arg(check.command);
        command.current_dir(check.dir).env_clear().envs(inside.env);
        // The caller's come last and win.
        command.envs(check.env.iter().map(|(name, value)| (name, value)));
        let ran = running::run(command, check, self.kind, cancel);
        if let Ok(cache) = disk::dir(&cache) {
            // What is left there is small, or the next check meets it: no reason to fail.
            let _ = disk::remove_tree(&cache, "tmp");
        }
        ran
    }

    fn wrapper(&self, check: &Check<'_>, cache: &Path, tools: &Tools) -> Vec<OsString> {
        match self.kind {
            SandboxKind::Plain => Vec::new(),
            SandboxKind::Bubblewrap => {
                let mut all = vec![self.program.clone().into_os_string()];
                all.extend(bubblewrap::arguments(self.can, check, cache, tools));
                all
            }
        }
    }

    /// A limit on processes counts those of a user, and must not count the worker's own: only
    /// where the user is one of the sandbox, and the kernel counts by sandbox.
    fn processes(&self) -> u32 {
        let release = rustix::system::uname();
        let release = release.release().to_string_lossy();
        let mut parts = release.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
        let counts = (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= (5, 14);
        if self.kind == SandboxKind::Bubblewrap && counts { PROCESSES } else { 0 }
    }
}

/// Directories that are ones: an earlier check may have put something else in their place.
fn fresh_dirs(cache: &Path, names: &[&str]) -> io::Result<()> {
    let cache = disk::dir(cache)?;
    for name in names {
        let make = || disk::made_dir_in(&cache, name.as_bytes(), Mode::from(0o700));
        if make().is_err() {
            disk::remove_tree(&cache, name)?;
            make()?;
        }
    }
    Ok(())
}

/// The environment inside.
struct Inside {
    env: Vec<(&'static str, OsString)>,
}

impl Inside {
    fn bubblewrap(tools: &Tools) -> Self {
        let mut env = tools.common_env();
        env.push(("PATH", tools.bound_path()));
        env.push(("HOME", "/cache/home".into()));
        env.push(("TMPDIR", "/tmp".into()));
        env.push(("CARGO_HOME", bubblewrap::CARGO_HOME.into()));
        env.push(("CARGO_TARGET_DIR", "/cache/target".into()));
        Self { env }
    }

    fn same(cache: &Path, tools: &Tools) -> Self {
        let mut env = tools.common_env();
        env.push(("PATH", tools.whole_path()));
        env.push(("HOME", cache.join("home").into_os_string()));
        env.push(("TMPDIR", cache.join("tmp").into_os_string()));
        if let Some(home) = &tools.cargo_home {
            env.push(("CARGO_HOME", home.clone().into_os_string()));
        }
        env.push(("CARGO_TARGET_DIR", cache.join("target").into_os_string()));
        Self { env }
    }
}
