//! What a forge holds: one request, its change, its comments.

use queue_schema::forge::ForgeKind;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The account of the token, and somebody else.
pub const ME: (u64, &str) = (7, "scrum-bot[bot]");
pub const OTHER: (u64, &str) = (8, "mallory");

/// A file of the change. Its lines are told apart from its patch, so that nobody checks himself.
#[derive(Debug, Clone)]
pub struct File {
    pub path: &'static str,
    pub old_path: &'static str,
    pub status: &'static str,
    pub patch: &'static str,
    pub added: BTreeSet<u32>,
    pub removed: BTreeSet<u32>,
    /// Lines that stayed: new number, old number.
    pub stayed: BTreeMap<u32, u32>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub id: u64,
    pub author: (u64, &'static str),
    pub body: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    pub id: u64,
    pub review: u64,
    pub author: (u64, &'static str),
    pub path: String,
    pub old: u32,
    pub new: u32,
    pub body: String,
    pub resolved: bool,
    pub commit: String,
}

#[derive(Debug, Clone)]
pub struct Review {
    pub id: u64,
    pub author: (u64, &'static str),
    pub state: &'static str,
}

/// All of it.
#[derive(Debug)]
pub struct World {
    pub kind: ForgeKind,
    pub token: String,
    pub head: String,
    pub base: String,
    pub open: bool,
    pub files: Vec<File>,
    pub notes: Vec<Note>,
    pub comments: Vec<Comment>,
    pub reviews: Vec<Review>,
    /// Commit, name, state, text.
    pub statuses: Vec<(String, String, String, String)>,
    /// Lines that are refused although the change shows them.
    pub bad_lines: BTreeSet<u32>,
    /// Gitea before 1.26 can't.
    pub can_resolve: bool,
    /// Entries of a page.
    pub page_size: usize,
    /// What was not as the forge's schemas say.
    pub wrong: Vec<String>,
    /// Commands that a comment ran.
    pub commands: Vec<String>,
    pub(super) last: u64,
}

impl World {
    pub(super) fn new(kind: ForgeKind) -> Self {
        let numbers = |list: &[u32]| list.iter().copied().collect();
        let files = vec![
            File {
                path: "src/cart.rs",
                old_path: "src/cart.rs",
                status: "modified",
                patch: "@@ -1,4 +1,5 @@\n fn total() {\n-    old();\n+    new();\n+    more();\n     rest();\n }",
                added: numbers(&[2, 3]),
                removed: numbers(&[2]),
                stayed: [(1, 1), (4, 3), (5, 4)].into(),
            },
            File {
                path: "src/pay.rs",
                old_path: "src/wallet.rs",
                status: "renamed",
                patch: "@@ -10 +10 @@ fn pay() {\n-    a();\n+    b();\n@@ -30,0 +31,3 @@ fn more() {\n+    c();\n+    d();\n+    e();",
                added: numbers(&[10, 31, 32, 33]),
                removed: numbers(&[10]),
                stayed: BTreeMap::new(),
            },
        ];
        Self {
            kind,
            token: "tok-0123456789abcdef".to_owned(),
            head: "1".repeat(40),
            base: "b".repeat(40),
            open: true,
            files,
            notes: Vec::new(),
            comments: Vec::new(),
            reviews: Vec::new(),
            statuses: Vec::new(),
            bad_lines: BTreeSet::new(),
            can_resolve: true,
            page_size: 100,
            wrong: Vec::new(),
            commands: Vec::new(),
            last: 100,
        }
    }

    /// A number that nothing has yet.
    pub fn id(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// A comment of somebody at the request as a whole.
    pub fn add_note(&mut self, author: (u64, &'static str), body: &str) -> u64 {
        let id = self.id();
        self.notes.push(Note { id, author, body: body.to_owned() });
        id
    }

    /// Whether a comment can be made at a line: by its numbers before and after the change.
    pub fn takes(&self, path: &str, old: Option<u32>, new: Option<u32>) -> bool {
        let Some(file) = self.files.iter().find(|file| file.path == path) else { return false };
        let good = match (old, new) {
            (None, Some(new)) => file.added.contains(&new),
            (Some(old), None) => file.removed.contains(&old),
            (Some(old), Some(new)) => file.stayed.get(&new) == Some(&old),
            (None, None) => false,
        };
        good && ![old, new].iter().flatten().any(|line| self.bad_lines.contains(line))
    }

    /// A review of Gitea: its comments are added to a draft of the same person, if there is one.
    pub(super) fn gitea_review(&mut self, body: &Value, most: usize, state: &'static str) -> u64 {
        let draft = self.reviews.iter_mut().find(|r| r.author == ME && r.state == "PENDING");
        let review = if let Some(draft) = draft {
            draft.state = state;
            draft.id
        } else {
            let id = self.id();
            self.reviews.push(Review { id, author: ME, state });
            id
        };
        for comment in body["comments"].as_array().into_iter().flatten().take(most) {
            let line = |name: &str| u32::try_from(comment[name].as_u64().unwrap_or(0)).unwrap();
            let (old, new) = (line("old_position"), line("new_position"));
            let (path, text) =
                (comment["path"].as_str().unwrap(), comment["body"].as_str().unwrap());
            self.comment(review, path, old, if old > 0 { 0 } else { new }, text);
        }
        review
    }

    /// A review of Gitea that fails after some comments.
    pub(super) fn break_off(&mut self, after: usize, body: &Value) {
        self.gitea_review(body, after, "PENDING");
    }

    pub(super) fn comment(
        &mut self,
        review: u64,
        path: &str,
        old: u32,
        new: u32,
        body: &str,
    ) -> u64 {
        let (id, commit) = (self.id(), self.head.clone());
        self.comments.push(Comment {
            id,
            review,
            author: ME,
            path: path.to_owned(),
            old,
            new,
            body: body.to_owned(),
            resolved: false,
            commit,
        });
        id
    }

    /// Runs what a text orders: GitLab looks at the starts of lines.
    pub(super) fn run_commands(&mut self, body: &str) {
        let command = |line: &&str| {
            line.strip_prefix('/').is_some_and(|c| c.starts_with(|c: char| c.is_ascii_alphabetic()))
        };
        let found: Vec<String> =
            body.split(['\n', '\r']).filter(command).map(str::to_owned).collect();
        self.commands.extend(found);
    }

    /// Comments that others see.
    pub fn seen(&self) -> Vec<&Comment> {
        let draft = |id: u64| self.reviews.iter().any(|r| r.id == id && r.state == "PENDING");
        self.comments.iter().filter(|c| !draft(c.review)).collect()
    }
}
