//! What our comments at a request say of a review, before it is decided what is to be done: they outlive the state of
//! whoever reviews.

use super::body::FINDING;
use super::{Existing, Finding, Marker, Posted, Publication, State};
use std::collections::BTreeSet;

/// The review, as it is to be published beside the comments that are there. A finding without a comment takes over one
/// whose finding is gone, if both are about the same code: it says the same in other words. While a comment is open in a
/// file that nobody is shown any more, the review is no pass: a change must not become one by hiding what was found.
pub(super) fn beside(existing: &Existing, publication: &Publication) -> Publication {
    let mut publication = publication.clone();
    let comments = comments(existing, &publication);
    let prints: BTreeSet<String> =
        publication.findings.iter().map(|finding| finding.fingerprint.clone()).collect();
    let (known, mut free): (Vec<_>, Vec<_>) =
        comments.iter().partition(|(_, mark)| prints.contains(mark.get("f")));
    free.sort_by_key(|(comment, mark)| !is_open(comment, mark));
    let is_known = |print: &str| known.iter().any(|(_, mark)| mark.get("f") == print);
    let unknown =
        |finding: &&mut Finding| !finding.about.is_empty() && !is_known(&finding.fingerprint);
    for finding in publication.findings.iter_mut().filter(unknown) {
        if let Some(at) = free.iter().position(|(_, mark)| mark.get("q") == finding.about) {
            free.remove(at).1.get("f").clone_into(&mut finding.fingerprint);
        }
    }
    let hidden = |(comment, mark): &(&Posted, Marker)| {
        is_open(comment, mark) && publication.left_out.contains(&comment.path)
    };
    if publication.state == State::Passed && comments.iter().any(hidden) {
        publication.state = State::Unreviewed;
    }
    publication
}

/// Our comments at lines that reviews of this name made, with their marks.
pub(super) fn comments<'a>(
    existing: &'a Existing,
    publication: &Publication,
) -> Vec<(&'a Posted, Marker)> {
    let marked =
        |comment: &'a Posted| Some((comment, our_mark(&comment.body, FINDING, publication)?));
    existing.comments.iter().filter_map(marked).collect()
}

/// The mark of a text of this kind, if reviews of this name wrote it.
pub(super) fn our_mark(text: &str, kind: &str, publication: &Publication) -> Option<Marker> {
    let context = Marker::new("").with("c", &publication.context);
    Marker::read(text).filter(|mark| mark.kind == kind && mark.get("c") == context.get("c"))
}

/// Whether nobody has resolved a comment, and it does not say that its finding is gone.
pub(super) fn is_open(comment: &Posted, mark: &Marker) -> bool {
    !comment.resolved && mark.get("gone").is_empty()
}
