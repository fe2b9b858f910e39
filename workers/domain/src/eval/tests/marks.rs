//! By what findings are marked.

use super::finding;
use crate::eval::worth;
use queue_schema::rows::finding::{Confirmation, Stands};
use queue_schema::rows::{AuditVerdict, Finding, FindingAudit};

#[test]
fn a_finding_is_marked_by_checks_and_second_opinions() {
    use AuditVerdict as A;
    use Stands::{CantTell, Rejected, Upheld};
    let marks = |said: Option<Stands>, voted: Option<A>, change: fn(&mut Finding)| {
        let confirmation = said.map(|said| Confirmation {
            said,
            by: "p/m".into(),
            input: String::new(),
            actual: String::new(),
            expected: String::new(),
        });
        let audit = voted.map(|verdict| FindingAudit {
            verdict,
            upheld: 0,
            rejected: 0,
            voters: 0,
            why: String::new(),
            sweep: String::new(),
        });
        let mut finding = Finding { confirmation, audit, ..finding("x", 2, 90) };
        change(&mut finding);
        worth::marks(&finding).join(" ")
    };
    for (said, voted, want) in [
        (None, None, ""),
        (Some(Upheld), Some(A::Upheld), ""),
        (
            Some(Rejected),
            Some(A::Rejected),
            "confirmation_rejected confirmation_not_upheld audit_rejected",
        ),
        (Some(CantTell), Some(A::Split), "confirmation_not_upheld audit_undecided"),
        (None, Some(A::Undecided), "audit_undecided"),
    ] {
        assert_eq!(marks(said, voted, |_| ()), want);
    }
    let odd = marks(None, None, |f| {
        (f.anchored, f.confidence_unreadable, f.checks) = (false, true, vec!["style".into()]);
    });
    assert_eq!(odd, "style not_anchored confidence_unreadable");
}
