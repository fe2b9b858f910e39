//! Definitions on disk: one file a repository, a line a blob, and at the end the hash of all that stands before.

use queue_schema::ids::sha256_hex;
use scrum_disk::{self as disk, Mode};
use scrum_domain::definitions::{Definition, Index, VERSION, of_bytes};
use scrum_domain::target::language;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Wait for another process of this machine that takes out the definitions of the same repository.
const LOCK_WAIT: Duration = Duration::from_secs(60);
/// Repositories whose definitions are kept; that which was not written for the longest makes room.
const MOST_KEPT: usize = 16;

/// How much is taken in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Files, `worker.definition_files`.
    pub(super) files: usize,
    /// Bytes of all definitions as they are kept, `worker.definitions_mb`.
    pub(super) bytes: u64,
}

/// A file whose definitions are wanted.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) path: String,
    pub(super) blob: String,
}

/// The definitions of a blob, as they are kept.
#[derive(Debug, Serialize, Deserialize)]
struct Kept<T> {
    blob: String,
    /// How it was read.
    language: String,
    found: T,
}

/// Where the definitions of a repository are kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Store<'a> {
    pub(super) dir: &'a Path,
    pub(super) name: &'a str,
    pub(super) bounds: Bounds,
}

type Known = HashMap<(String, String), Arc<Vec<Definition>>>;

impl Store<'_> {
    /// The index of some files: what is known of a blob is taken from the disk, the others are read. That nothing can
    /// be kept is no error: it is done again next time.
    pub(super) fn index(
        &self,
        wanted: Vec<Wanted>,
        mut read: impl FnMut(&str) -> Option<Vec<u8>>,
    ) -> Index {
        let file = format!("{}.jsonl", self.name);
        let kept = disk::private_dir(self.dir).and_then(|dir| {
            let lock =
                disk::lock_file(&dir, format!("{}.lock", self.name).as_bytes(), Mode::from(0o600))?;
            if !disk::exclusive(&lock, LOCK_WAIT)? {
                return Err(io::ErrorKind::TimedOut.into());
            }
            let text = disk::read(&dir, file.as_bytes(), self.bounds.bytes.saturating_mul(2))?;
            Ok((dir, lock, text.unwrap_or_default()))
        });
        let known = kept.as_ref().map(|(_, _, text)| known(text)).unwrap_or_default();
        let (mut out, mut files, mut fresh) = (head(), Vec::new(), 0);
        for Wanted { path, blob } in wanted.into_iter().take(self.bounds.files) {
            let key = (blob, language(&path).to_owned());
            let found = known.get(&key).cloned().or_else(|| {
                fresh += 1;
                Some(Arc::new(of_bytes(&path, &read(&key.0)?)))
            });
            let Some(found) = found else { continue };
            let line = serde_json::to_string(&Kept {
                blob: key.0,
                language: key.1,
                found: found.as_slice(),
            });
            let Ok(line) = line else { continue };
            if (out.len() + line.len()) as u64 > self.bounds.bytes {
                tracing::warn!(
                    files = files.len(),
                    "definitions of further files are left out (worker.definitions_mb)"
                );
                break;
            }
            out.push_str(&line);
            out.push('\n');
            files.push((path, found));
        }
        match kept {
            Ok((dir, lock, _)) => {
                // One that lost blobs alone is not written: they cost little.
                let mut put = || {
                    out.push_str(&sha256_hex(out.as_bytes()));
                    disk::replace(&dir, file.as_bytes(), out.as_bytes(), Mode::from(0o600))?;
                    self.make_room(&dir)
                };
                let put = if fresh > 0 { put() } else { Ok(()) };
                if let Err(error) = put {
                    tracing::warn!(%error, dir = %self.dir.display(), "definitions are not kept");
                }
                let _ = disk::unlock(&lock);
            }
            Err(error) => {
                tracing::warn!(%error, dir = %self.dir.display(), "definitions are not kept");
            }
        }
        Index::new(files)
    }

    fn make_room(&self, dir: &impl std::os::fd::AsFd) -> io::Result<()> {
        let names = disk::names(dir)?;
        let kept = names.into_iter().filter(|name| name.ends_with(b".jsonl"));
        let mut kept: Vec<_> = kept
            .map(|name| {
                let path = self.dir.join(String::from_utf8_lossy(&name).as_ref());
                (disk::stat(&path).and_then(|found| found.modified()).ok(), name)
            })
            .collect();
        kept.sort();
        let over = kept.len().saturating_sub(MOST_KEPT);
        kept.iter().take(over).try_for_each(|(_, name)| disk::remove(dir, name))
    }
}

/// What stands first: definitions that were read in another way are not taken over.
fn head() -> String {
    format!("{{\"definitions\":{VERSION}}}\n")
}

/// What is kept, by blob and language; nothing where it is not whole.
fn known(bytes: &[u8]) -> Known {
    let Ok(text) = std::str::from_utf8(bytes) else { return Known::new() };
    let body = text.rfind('\n').map_or(0, |at| at + 1);
    let (body, hash) = text.split_at(body);
    let Some(lines) =
        body.strip_prefix(head().as_str()).filter(|_| sha256_hex(body.as_bytes()) == hash)
    else {
        return Known::new();
    };
    let kept =
        lines.lines().filter_map(|line| serde_json::from_str::<Kept<Vec<Definition>>>(line).ok());
    kept.map(|kept| ((kept.blob, kept.language), Arc::new(kept.found))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    const BOUNDS: Bounds = Bounds { files: 100, bytes: 1 << 20 };

    fn wanted(blobs: &[&str]) -> Vec<Wanted> {
        let of = |blob: &&str| Wanted { path: format!("{blob}.py"), blob: (*blob).to_owned() };
        blobs.iter().map(of).collect()
    }

    #[test]
    fn what_did_not_change_is_read_once_and_what_is_lost_or_damaged_again() {
        let place = disk::temp_dir().unwrap();
        let dir = place.path().join("definitions");
        let reads = Cell::new(0);
        let read = |blob: &str| {
            reads.set(reads.get() + 1);
            (blob != "gone").then(|| format!("def {blob}(x): pass\n").into_bytes())
        };
        let index = |blobs: &[&str], bounds| {
            reads.set(0);
            let made = Store { dir: &dir, name: "r", bounds }.index(wanted(blobs), read);
            (made.len(), reads.get())
        };
        let file = dir.join("r.jsonl");
        let damaged = |change: &dyn Fn(Vec<u8>) -> Vec<u8>| {
            let bytes = std::fs::read(&file).unwrap();
            std::fs::write(&file, change(bytes)).unwrap();
        };
        assert_eq!(index(&["a", "b"], BOUNDS), (2, 2));
        assert_eq!(index(&["a", "b"], BOUNDS), (2, 0), "from the disk");
        assert_eq!(index(&["a", "c", "gone"], BOUNDS), (2, 2), "the next commit");
        assert_eq!(index(&["a", "c"], BOUNDS), (2, 0));
        for change in [
            |mut b: Vec<u8>| {
                b.truncate(b.len() / 2);
                b
            },
            |mut b: Vec<u8>| {
                b[40] ^= 1;
                b
            },
            |_| Vec::new(),
            |_| b"\xff\xfe not text".to_vec(),
            |b: Vec<u8>| [b"{\"definitions\":0}\n".to_vec(), b].concat(),
        ] {
            damaged(&change);
            assert_eq!(index(&["a", "c"], BOUNDS), (2, 2), "made anew");
        }
        std::fs::remove_dir_all(&dir).unwrap();
        assert_eq!(index(&["a", "c"], BOUNDS), (2, 2), "lost");
        assert_eq!(index(&["a", "b", "c"], Bounds { files: 2, ..BOUNDS }).0, 2);
        assert_eq!(index(&["a", "b", "c"], Bounds { bytes: 200, ..BOUNDS }).0, 1);
        // A place that can't be written costs the reading alone.
        let blocked = place.path().join("file");
        std::fs::write(&blocked, "").unwrap();
        let made = Store { dir: &blocked, name: "r", bounds: BOUNDS }.index(wanted(&["a"]), read);
        assert_eq!(made.len(), 1);
    }

    #[test]
    fn the_oldest_repository_makes_room_for_a_new_one() {
        let place = disk::temp_dir().unwrap();
        let dir = place.path().join("definitions");
        for n in 0..MOST_KEPT + 3 {
            let name = format!("r{n:02}");
            let made = Store { dir: &dir, name: &name, bounds: BOUNDS };
            made.index(wanted(&["a"]), |_| Some(b"def a(): pass\n".to_vec()));
        }
        let kept = std::fs::read_dir(&dir).unwrap().filter_map(Result::ok);
        let names: Vec<String> =
            kept.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
        assert_eq!(names.iter().filter(|n| n.ends_with(".jsonl")).count(), MOST_KEPT);
        assert!(names.contains(&format!("r{:02}.jsonl", MOST_KEPT + 2)));
    }
}
