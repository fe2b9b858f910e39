//! The ledger of findings: reads.

use super::sweeps::texts;
use super::{Queue, QueueError};
use crate::ids::{FindingId, MemoryId, name_key};
use crate::keys;
use crate::records::FileFindings;
use std::collections::HashMap;

impl Queue {
    /// The findings of these files of a repository, in their order.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn findings_of(
        &self,
        memory: &MemoryId,
        paths: &[impl AsRef<str> + Sync],
    ) -> Result<Vec<FileFindings>, QueueError> {
        let part = self.of_memory(memory);
        let key_of = |path: &str| keys::findings(memory, name_key(path));
        let mut pipe = redis::pipe();
        for path in paths {
            pipe.cmd("HGETALL").arg(part.key(&key_of(path.as_ref())));
        }
        let found: Vec<HashMap<Vec<u8>, Vec<u8>>> = self.all(&pipe).await?;
        let read = |(path, hash): (&_, _)| {
            let key = key_of(AsRef::<str>::as_ref(path));
            let opened =
                |field: &str, kept: &str| self.opened(&key, field, kept).ok().map(str::to_owned);
            FileFindings::from_fields(texts(hash).into_iter().collect(), opened)
        };
        Ok(paths.iter().zip(found).map(read).collect())
    }

    /// At most `most` paths of files of a repository that have findings, in their order, behind `after`.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn finding_files(
        &self,
        memory: &MemoryId,
        after: Option<&str>,
        most: usize,
    ) -> Result<Vec<String>, QueueError> {
        let mut conn = self.conn();
        let paths: Vec<Vec<u8>> = redis::cmd("ZRANGE")
            .arg(self.of_memory(memory).key(&keys::finding_files(memory)))
            .arg(after.map_or_else(|| "-".to_owned(), |path| format!("({path}")))
            .arg("+")
            .arg("BYLEX")
            .arg("LIMIT")
            .arg(0)
            .arg(most)
            .query_async(&mut conn)
            .await?;
        Ok(paths.into_iter().map(|path| String::from_utf8_lossy(&path).into_owned()).collect())
    }

    /// For each id of a finding, or key of what it is known by, the finding that was last said of it, and its file.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn finding_places(
        &self,
        memory: &MemoryId,
        keys: &[impl AsRef<str> + std::fmt::Display + Sync],
    ) -> Result<Vec<Option<(FindingId, String)>>, QueueError> {
        let key = self.of_memory(memory).key(&crate::keys::finding_codes(memory));
        let found: Vec<Option<String>> = self.fields(&key, keys).await?;
        let place = |kept: String| {
            let (id, path) = kept.split_once(' ')?;
            Some((id.parse().ok()?, path.to_owned()))
        };
        Ok(found.into_iter().map(|kept| kept.and_then(place)).collect())
    }
}
