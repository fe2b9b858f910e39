//! Which faults are tried: of all categories and files alike, in an order that a seed decides.

use super::mutate::{Category, Mutation};
use std::collections::BTreeMap;

/// A fault that may be put into a file of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The file.
    pub path: String,
    /// The fault.
    pub mutation: Mutation,
}

/// Candidates, given out one after the other.
#[derive(Debug, Default)]
pub struct Picker {
    /// By category, each in the order of the seed.
    left: BTreeMap<Category, Vec<(String, Candidate)>>,
    /// How many of a category were given out, and of a file kept.
    tried: BTreeMap<Category, usize>,
    kept: BTreeMap<String, usize>,
}

impl Picker {
    /// Those of some files.
    pub fn new(candidates: Vec<Candidate>, seed: u64) -> Self {
        let mut picker = Self::default();
        for candidate in candidates {
            let key = candidate.mutation.key(seed, &candidate.path);
            let category = candidate.mutation.category;
            picker.left.entry(category).or_default().push((key, candidate));
        }
        picker.left.values_mut().for_each(|some| some.sort_by(|a, b| a.0.cmp(&b.0)));
        picker
    }

    /// How many are left.
    pub fn left(&self) -> usize {
        self.left.values().map(Vec::len).sum()
    }

    /// The next one: of the category that was tried least, and of it in the file of which fewest are kept.
    pub fn take(&mut self) -> Option<Candidate> {
        let tried = |category: &Category| self.tried.get(category).copied().unwrap_or(0);
        let some = self.left.iter().filter(|(_, some)| !some.is_empty());
        let category = *some.min_by_key(|(category, _)| tried(category))?.0;
        let some = self.left.get_mut(&category)?;
        let kept = |path: &str| self.kept.get(path).copied().unwrap_or(0);
        let (at, _) = some.iter().enumerate().min_by_key(|(_, (_, of))| kept(&of.path))?;
        *self.tried.entry(category).or_default() += 1;
        Some(some.remove(at).1)
    }

    /// One of this file is a case.
    pub fn keep(&mut self, path: &str) {
        *self.kept.entry(path.to_owned()).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(path: &str, category: Category, first: u32) -> Candidate {
        let (was, now) = (vec!["a".to_owned()], vec!["b".to_owned()]);
        Candidate { path: path.to_owned(), mutation: Mutation { category, first, was, now } }
    }

    #[test]
    fn categories_and_files_have_their_turns_and_a_seed_gives_the_same() {
        let all: Vec<Candidate> = (0..20)
            .flat_map(|n| {
                let of = |path, category| candidate(path, category, n + 1);
                [
                    of("a.rs", Category::Bound),
                    of("b.rs", Category::Bound),
                    of("a.rs", Category::Unit),
                ]
            })
            .collect();
        let order = |seed| {
            let mut picker = Picker::new(all.clone(), seed);
            assert_eq!(picker.left(), 60);
            let mut out = Vec::new();
            while let Some(next) = picker.take() {
                picker.keep(&next.path);
                out.push(next);
            }
            out
        };
        let first = order(1);
        assert_eq!(first.len(), 60, "each comes once");
        let of = |category| first[..20].iter().filter(|c| c.mutation.category == category).count();
        assert_eq!((of(Category::Bound), of(Category::Unit)), (10, 10));
        // The file of which fewer are kept: of the other category all are of one file.
        let (mut kept, mut picker) = ([0_usize; 2], Picker::new(all.clone(), 1));
        for _ in 0..40 {
            let next = picker.take().unwrap();
            let at = usize::from(next.path == "b.rs");
            if next.mutation.category == Category::Bound {
                assert!(kept[at] <= kept[1 - at], "{kept:?}");
            }
            kept[at] += 1;
            picker.keep(&next.path);
        }
        assert_eq!(first, order(1));
        assert_ne!(first, order(2));
    }
}
