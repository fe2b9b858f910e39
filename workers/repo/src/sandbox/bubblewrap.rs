//! The arguments of `bwrap`.

use super::Check;
use super::tools::{SYSTEM, Tools};
use std::ffi::OsString;
use std::path::Path;

/// Where cargo's registry is inside. Not in the cache: that is the check's, and a link that it
/// left there must not lead a mount astray.
pub(super) const CARGO_HOME: &str = "/cargo";
/// Bytes of each directory that is kept in memory: `/tmp`, `/dev/shm`, cargo's home.
const IN_MEMORY: u64 = 1024 * 1024 * 1024;

/// Of `/etc` only what programs need to start and to speak TLS; no keys, no names of hosts.
const ETC: [&str; 16] = [
    "alternatives",
    "ca-certificates",
    "crypto-policies",
    "debian_version",
    "group",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "mime.types",
    "nsswitch.conf",
    "os-release",
    "passwd",
    "pki/ca-trust",
    "ssl/certs",
    "ssl/openssl.cnf",
];

/// What this `bwrap`, on this machine, can do beyond the necessary.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Can {
    /// Forbid further namespaces inside.
    forbid_namespaces: bool,
    /// Bound what is kept in memory.
    bound_memory_files: bool,
}

impl Can {
    /// From the most to the least.
    pub(super) const LEVELS: [Self; 3] = [
        Self { forbid_namespaces: true, bound_memory_files: true },
        Self { forbid_namespaces: false, bound_memory_files: true },
        Self { forbid_namespaces: false, bound_memory_files: false },
    ];
}

/// All arguments up to the command.
pub(super) fn arguments(can: Can, check: &Check<'_>, cache: &Path, tools: &Tools) -> Vec<OsString> {
    let mut all: Vec<OsString> = Vec::new();
    let mut add = |parts: &[&str]| all.extend(parts.iter().map(OsString::from));
    add(&["--unshare-all", "--unshare-user", "--die-with-parent", "--new-session"]);
    add(&["--cap-drop", "ALL", "--hostname", "sandbox"]);
    if can.forbid_namespaces {
        add(&["--disable-userns"]);
    }
    if rustix::process::geteuid().is_root() {
        // Programs that behave in their own way for root would do so for nothing.
        add(&["--uid", "1000", "--gid", "1000"]);
    }
    for place in SYSTEM {
        add(&["--ro-bind-try", place, place]);
    }
    for name in ETC {
        let place = format!("/etc/{name}");
        add(&["--ro-bind-try", &place, &place]);
    }
    let size = IN_MEMORY.to_string();
    let in_memory = |place| {
        if can.bound_memory_files {
            vec!["--size", &size, "--tmpfs", place]
        } else {
            vec!["--tmpfs", place]
        }
    };
    // Much of /proc belongs to root, and a worker that is root is that in here too, whatever it is
    // called: it could set what the kernel runs when a program crashes.
    add(&["--proc", "/proc", "--remount-ro", "/proc", "--dev", "/dev"]);
    add(&in_memory("/dev/shm"));
    add(&["--remount-ro", "/dev"]);
    add(&in_memory("/tmp"));
    add(&in_memory(CARGO_HOME));
    let mut bind = |how: &str, from: &Path, to: &Path| {
        all.extend([how.into(), from.as_os_str().to_owned(), to.as_os_str().to_owned()]);
    };
    if let Some(home) = &tools.cargo_home {
        for part in ["registry", "git"] {
            bind("--ro-bind-try", &home.join(part), &Path::new(CARGO_HOME).join(part));
        }
    }
    if let Some(home) = &tools.rustup_home {
        bind("--ro-bind-try", home, home);
    }
    for place in tools.bound.iter().map(std::path::PathBuf::as_path) {
        bind("--ro-bind-try", place, place);
    }
    for place in check.read {
        bind("--ro-bind", place, place);
    }
    bind("--bind", cache, Path::new("/cache"));
    bind("--bind", check.dir, Path::new("/src"));
    all.extend(["--remount-ro", "/", "--chdir", "/src", "--"].map(OsString::from));
    all
}
