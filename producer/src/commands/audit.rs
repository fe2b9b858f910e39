//! `scrum audit --claims`: what the author of a change says of it, put to the vote of several models. Without the flag, the
//! findings of a sweep are: [`opinions`].

mod opinions;

use super::diff::run_sweep;
use crate::change::{self, Prepared};
use crate::cli::{AuditArgs, Global};
use crate::output::{plain, say, say_json, say_lines, table, tell, wrapped};
use crate::progress::Progress;
use crate::session::Session;
use crate::wait;
use anyhow::{Context as _, bail};
use queue_schema::client::SweepState;
use queue_schema::ids::sha256_hex;
use queue_schema::rows::ClaimRow;
use queue_schema::rows::claim::ClaimVerdict;
use queue_schema::sweep::{ClaimsSpec, DocRef};
use scrum_disk as disk;
use scrum_domain::claims;
use scrum_domain::text::{clip_marked, counted};
use scrum_knowledge::claims as kept;
use scrum_repo::MOST_COMMITS;

/// Bytes of a text about a change.
const MOST_TEXT: u64 = 1 << 20;
/// Claims that are checked.
const MOST_CLAIMS: usize = 100;
/// Characters of a claim in the table.
const CLAIM_CHARS: usize = 72;
/// Columns of the lines below it.
const WIDTH: usize = 96;

/// Puts the findings of a sweep, or claims about a change, to the vote.
///
/// # Errors
/// Whatever a person can get wrong, with what to do.
pub async fn execute(global: &Global, args: AuditArgs) -> anyhow::Result<u8> {
    if args.claims { claims(global, args).await } else { opinions::execute(global, args).await }
}

async fn claims(global: &Global, args: AuditArgs) -> anyhow::Result<u8> {
    let mut session = Session::open(global).await?;
    let mut progress = Progress::new(global.quiet);
    let (mut prepared, documents) = prepare(&args, &session)?;
    let change = args.change();
    let ended = run_sweep(
        global,
        &mut session,
        (&change, &documents),
        &mut prepared,
        (Vec::new(), &mut progress),
    );
    let (begun, waited) = ended.await?;
    progress.finish();
    let id = begun.id;
    let Some(status) = waited else {
        tell(&format!("interrupted; run the same command again to go on with audit {id}"));
        return Ok(130);
    };
    if let Some(failure) = wait::failure(&status) {
        bail!(failure);
    }
    let rows = kept::of_sweep(&session.queue, &id).await?;
    let asked = usize::try_from(status.total).unwrap_or(usize::MAX);
    let code = exit_code(&rows, asked, status.state);
    if global.json {
        let json = serde_json::json!({
            "sweep": id, "claims": rows, "unchecked": asked - rows.len(), "exit_code": code,
        });
        say_json(&json)?;
    } else {
        print(&rows, asked)?;
    }
    Ok(code)
}

/// The record of the sweep, and the claims as a document of it.
fn prepare(
    args: &AuditArgs,
    session: &Session,
) -> anyhow::Result<(Prepared, Vec<(String, String)>)> {
    let request = args.change();
    let repo = change::open(&request, &session.state)?;
    let mut prepared = change::prepare(&request, &repo, &session.settings)?;
    let spec = &mut prepared.spec;
    let change = spec.diff.as_mut().context("there is no change")?;
    let mut texts: Vec<(String, String)> = repo
        .messages(&change.base, &spec.commit)?
        .into_iter()
        .map(|(id, message)| (format!("commit {id}"), message))
        .collect();
    if texts.len() == MOST_COMMITS {
        prepared.notes.push(format!("only the last {MOST_COMMITS} commits of the change are read"));
    }
    if let Some(path) = &args.text {
        let text = disk::read_text(path, MOST_TEXT).with_context(|| {
            format!("--text {} can't be read as text; check the path", path.display())
        })?;
        texts.push((path.file_name().unwrap_or_default().to_string_lossy().into_owned(), text));
    }
    let split = claims::split(texts.iter().map(|(name, text)| (&**name, &**text)), MOST_CLAIMS);
    if split.claims.is_empty() {
        bail!(
            "nothing is claimed of {}: neither its commit messages nor --text say anything",
            spec.rev
        );
    }
    if split.left_out > 0 {
        let more = counted(split.left_out, "claim is", "claims are");
        prepared.notes.push(format!("{more} not checked: the first {MOST_CLAIMS} are"));
    }
    if change.reviewers.iter().any(|r| r.ladder.rungs.iter().all(|rung| rung.provider == "builtin"))
    {
        bail!(
            "there is no model to ask: name voters by --voter NAME=PROVIDER/MODEL, or in [diff.reviewers]"
        );
    }
    change.reviewers = scrum_change::with_votes(std::mem::take(&mut change.reviewers));
    let tie_breaker = args.tie_breaker.as_ref();
    let tie_breaker =
        tie_breaker.map(|of| scrum_change::reviewer(of, &session.settings)).transpose()?;
    let text = serde_json::to_string(&split.claims)?;
    let sha256 = sha256_hex(text.as_bytes());
    let doc =
        DocRef { name: "claims".to_owned(), sha256: sha256.clone(), bytes: text.len() as u64 };
    // Voters are shown as much of a change as there is room for, however large its parts are.
    prepared.plan.warnings.clear();
    change.claims = Some(ClaimsSpec { doc, tie_breaker });
    spec.local = session.settings.local_of(change.rungs());
    Ok((prepared, vec![(sha256, text)]))
}

/// 1 for a claim that is not backed; 2 where a claim is undecided or was not checked: unchecked is never green.
fn exit_code(rows: &[ClaimRow], asked: usize, state: SweepState) -> u8 {
    let has = |verdict| rows.iter().any(|row| row.verdict == verdict);
    if has(ClaimVerdict::NotBacked) {
        1
    } else if has(ClaimVerdict::Undecided) || rows.len() < asked || state == SweepState::Cancelled {
        2
    } else {
        0
    }
}

fn print(rows: &[ClaimRow], asked: usize) -> anyhow::Result<()> {
    let mut sorted: Vec<&ClaimRow> = rows.iter().collect();
    sorted.sort_by_key(|row| row.verdict);
    let line = |row: &&ClaimRow| {
        let claim = clip_marked(&row.claim, CLAIM_CHARS);
        vec![row.verdict.words().to_owned(), claim, row.source.clone()]
    };
    let lines: Vec<_> = sorted.iter().map(line).collect();
    say_lines(&table(&["VERDICT", "CLAIM", "SOURCE"], &lines))?;
    for row in sorted.iter().filter(|row| row.verdict != ClaimVerdict::Backed) {
        say("")?;
        say(&format!("{}: {}", row.verdict.words(), plain(&clip_marked(&row.claim, CLAIM_CHARS))))?;
        say(&format!("  {}", row.reason))?;
        for vote in &row.votes {
            let said = match &vote.said {
                None => format!("no vote ({})", vote.missing),
                Some(said) if said.counts => format!("{}: {}", words(said.stand), said.why),
                Some(said) => format!("{}, which does not count: {}", words(said.stand), said.note),
            };
            for (n, part) in wrapped(&format!("{}: {said}", vote.voter), WIDTH).iter().enumerate() {
                say(&format!("  {}{part}", if n == 0 { "" } else { "  " }))?;
            }
        }
    }
    if rows.len() < asked {
        let more = counted(asked - rows.len(), "claim was", "claims were");
        say(&format!("{more} not checked; `scrum dlq list` says why"))?;
    }
    Ok(())
}

fn words(stand: queue_schema::rows::claim::Stand) -> &'static str {
    ClaimVerdict::from(stand).words()
}
