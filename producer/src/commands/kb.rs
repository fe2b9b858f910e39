//! `scrum kb`: the knowledge base.

use crate::cli::{Global, KbAction, KbArgs};
use crate::output::{say_json, say_lines, table};
use anyhow::Context;
use queue_schema::schemas::{self, SCHEMAS};

/// Prints schemas. Nothing is read from Redis.
///
/// # Errors
/// No such kind of row.
pub fn execute(global: &Global, args: KbArgs) -> anyhow::Result<u8> {
    match args.action {
        KbAction::Schema { kind: Some(kind) } => {
            let schema = schemas::of(&kind).with_context(|| {
                format!("there are no rows of a kind '{kind}'; `scrum kb schema` lists the kinds")
            })?;
            say_lines(schema.text.trim_end())?;
        }
        KbAction::Schema { kind: None } if global.json => {
            let kinds: Vec<&str> = SCHEMAS.iter().map(|s| s.kind).collect();
            say_json(&kinds)?;
        }
        KbAction::Schema { kind: None } => {
            let rows: Vec<_> =
                SCHEMAS.iter().map(|s| vec![s.kind.to_owned(), s.file.to_owned()]).collect();
            say_lines(&table(&["KIND", "SCHEMA"], &rows))?;
        }
    }
    Ok(0)
}
