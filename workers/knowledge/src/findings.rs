//! The findings of a sweep, each with the file that it is about.

use crate::{Error, Rows, Sweep};
use queue_schema::rows::{Finding, ReviewRow};
use serde::Serialize;

/// A finding and where it was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Found {
    /// The review that has it.
    pub review_id: String,
    /// Path of the file.
    pub file: String,
    /// Blob that was reviewed: lines count in it.
    pub blob: String,
    /// The finding.
    #[serde(flatten)]
    pub finding: Finding,
}

/// Findings page by page, in the order in which their reviews were accepted.
#[derive(Debug)]
pub struct Findings<'a> {
    rows: Rows<'a, ReviewRow>,
}

impl Sweep {
    /// All its findings.
    pub fn findings(&self) -> Findings<'_> {
        Findings { rows: self.rows() }
    }
}

impl Findings<'_> {
    /// Goes on where [`Self::cursor`] was taken.
    ///
    /// # Errors
    /// A text that is no cursor of findings.
    pub fn from(self, cursor: &str) -> Result<Self, Error> {
        Ok(Self { rows: self.rows.from(cursor)? })
    }

    /// Where the next page begins; `None` before the first page and behind the last.
    pub fn cursor(&self) -> Option<String> {
        self.rows.cursor()
    }

    /// The findings of the next reviews that have any, which are at most [`crate::PAGE`]; empty when there are no
    /// further ones.
    ///
    /// # Errors
    /// A failure of Redis, or a row that this program can't read.
    pub async fn next_page(&mut self) -> Result<Vec<Found>, Error> {
        loop {
            let mut rows = self.rows.next_page().await?;
            if rows.is_empty() {
                return Ok(Vec::new());
            }
            self.rows.sweep().audited(&mut rows).await?;
            let found: Vec<Found> = rows.into_iter().flat_map(of_review).collect();
            if !found.is_empty() {
                return Ok(found);
            }
        }
    }
}

fn of_review(row: ReviewRow) -> impl Iterator<Item = Found> {
    let ReviewRow { review_id, file, blob, findings, .. } = row;
    findings.into_iter().map(move |finding| Found {
        review_id: review_id.clone(),
        file: file.clone(),
        blob: blob.clone(),
        finding,
    })
}
