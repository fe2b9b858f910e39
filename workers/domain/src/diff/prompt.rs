//! What a reviewer of a diff is told. Who made the change, and what they say of it, is no part of that: a friendly
//! word makes reviewers miss faults.

use crate::prompt::{self, Prompt, fenced, fill, learning_context};
use crate::text::counted;
use queue_schema::rows::Attempt;

/// Wording of the instructions.
pub(crate) const DIFF: &str = include_str!("../../templates/diff.md");
/// What stands last: small models go by that.
const TASK: &str =
    "\nReview the diff above now, in that form. Repeat no instruction; stop after the verdict.\n";

/// Everything that the prompt for a bundle is made of.
#[derive(Debug, Clone, Copy, Default)]
pub struct DiffInput<'a> {
    /// [`super::Bundle::text`], with its secrets masked where it leaves.
    pub text: &'a str,
    /// What is shown beside it, as [`super::context()`] has it, masked likewise; empty for nothing.
    pub context: &'a str,
    /// What is known of its files already, which may be wrong; empty for nothing.
    pub hints: &'a str,
    /// Ask for JSON by schema.
    pub wants_json: bool,
    /// Findings at most.
    pub max_findings: u32,
    /// Whether a secret is masked in what is sent, so that masks are explained.
    pub masked: bool,
    /// Earlier attempts of this reviewer at this bundle.
    pub history: &'a [Attempt],
    /// A marker that the author of the repository cannot know.
    pub fence: &'a str,
    /// Characters of an earlier attempt's reason that are shown.
    pub reason_chars: u32,
}

/// The prompt for one attempt at a bundle.
pub fn prompt(input: &DiffInput<'_>) -> Prompt {
    let most = counted(input.max_findings as usize, "finding", "findings");
    let system = fill(DIFF, &[("fence", input.fence), ("most", &most)]);
    let mut user = String::new();
    if !input.context.is_empty() {
        user.push_str("# Around the change, as it is after it\n");
        fenced(&mut user, input.fence, "context", input.context);
        user.push('\n');
    }
    if !input.hints.is_empty() {
        user.push_str("# What was said of these files before; it may be wrong\n");
        fenced(&mut user, input.fence, "hints", input.hints);
        user.push('\n');
    }
    if input.masked {
        user.push_str(prompt::MASKED);
    }
    fenced(&mut user, input.fence, "diff", input.text);
    user.push_str(TASK);
    let learned = learning_context(input.history, input.reason_chars);
    if !learned.is_empty() {
        user.push('\n');
        user.push_str(&learned.replace(input.fence, "[marker]"));
    }
    let schema = input.wants_json.then(|| prompt::diff_schema(input.max_findings));
    Prompt { system, user, schema }
}
