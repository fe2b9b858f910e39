//! What tells that something in a tree has changed, without reading any of it.

use crate::at::{self, Kind, entry};
use crate::walk::reopened;
use rustix::fs::Stat;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;

/// Files of a tree at most.
const MOST_FILES: usize = 2_000_000;
/// Directories above one another at most: a program may make more, and is told by that.
const MOST_LEVELS: usize = 200;

/// A file as it was: by its number, size, mode and times. A program can set the time of a change of the content, and
/// not that of a change of the entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    number: u64,
    size: i64,
    mode: u32,
    changed: (i64, i64),
}

impl Stamp {
    /// Of what can't be looked at.
    const UNKNOWN: Self = Self { number: 0, size: 0, mode: 0, changed: (0, 0) };

    #[allow(
        clippy::cast_possible_wrap,
        clippy::unnecessary_cast,
        reason = "systems differ in these types"
    )]
    fn of(stat: &Stat) -> Self {
        Self {
            number: stat.st_ino as u64,
            size: stat.st_size as i64,
            mode: stat.st_mode as u32,
            changed: (stat.st_ctime as i64, stat.st_ctime_nsec as i64),
        }
    }
}

/// All that is no directory below one, by its path from there. A directory that can't be looked into, or is too deep,
/// stands for what is in it. Links are not followed.
///
/// # Errors
/// When the directory itself can't be read, or there are too many files.
pub fn stamps(root: &OwnedFd) -> io::Result<BTreeMap<Vec<u8>, Stamp>> {
    let mut all = BTreeMap::new();
    let mut pending: Vec<Vec<u8>> = vec![Vec::new()];
    while let Some(path) = pending.pop() {
        let listed = reached(root, &path).and_then(|dir| Ok((at::names(&dir)?, dir)));
        let (names, dir) = match listed {
            Ok(listed) => listed,
            Err(error) if path.is_empty() => return Err(error),
            Err(_) => {
                all.insert(path, Stamp::UNKNOWN);
                continue;
            }
        };
        for name in names {
            let mut below = path.clone();
            if !below.is_empty() {
                below.push(b'/');
            }
            below.extend(&name);
            match at::kind(&dir, &name)? {
                Some(Kind::Dir) if below.split(|b| *b == b'/').count() <= MOST_LEVELS => {
                    pending.push(below);
                }
                Some(_) => {
                    let stamp = entry(&dir, &name)?.map_or(Stamp::UNKNOWN, |stat| Stamp::of(&stat));
                    all.insert(below, stamp);
                }
                None => {}
            }
            if all.len() + pending.len() > MOST_FILES {
                return Err(io::Error::other("there are too many files"));
            }
        }
    }
    Ok(all)
}

/// A directory below another one, part by part.
fn reached(root: &OwnedFd, path: &[u8]) -> io::Result<OwnedFd> {
    let mut dir = reopened(root)?;
    for part in path.split(|b| *b == b'/').filter(|part| !part.is_empty()) {
        dir = at::dir_in(&dir, part)?;
    }
    Ok(dir)
}
