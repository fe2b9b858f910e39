//! Ladders: those that ship, those of the user, and the check that each can be climbed.

use crate::MOST_FILE_BYTES;
use crate::error::ConfigError;
use crate::settings::Settings;
use crate::suggest::nearest;
use queue_schema::sweep::{Ladder, Rung};
use scrum_disk as disk;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The name that stands for "choose by what is there"; the commands resolve it, no file may
/// have it.
pub const AUTO_LADDER: &str = "auto";

/// Rungs of one ladder at most.
const MAX_RUNGS: usize = 64;
/// Tokens below which a context can't hold the words that every prompt has, and an answer.
const LEAST_CONTEXT: u32 = 2048;

const EMBEDDED: [(&str, &str); 4] = [
    ("the built-in local-first.toml", include_str!("../ladders/local-first.toml")),
    ("the built-in cloud-first.toml", include_str!("../ladders/cloud-first.toml")),
    ("the built-in hosted.toml", include_str!("../ladders/hosted.toml")),
    ("the built-in builtin.toml", include_str!("../ladders/builtin.toml")),
];

/// All ladders that are known by name, each checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Ladders {
    by_name: BTreeMap<String, Ladder>,
    /// By name, with the context that their rungs have unless they say another one.
    providers: BTreeMap<String, Option<u32>>,
}

impl Ladders {
    /// Reads the ladders that ship and those of `ladders.dir`, which win by name.
    ///
    /// # Errors
    /// [`ConfigError`] when the directory or a file can't be read or parsed, when two files have
    /// the same ladder, or when a ladder is empty or names a provider that isn't configured.
    pub fn load(settings: &Settings) -> Result<Ladders, ConfigError> {
        let contexts = settings.providers.iter().map(|(name, p)| (name.clone(), p.rung_context()));
        let providers = contexts.collect();
        let mut ladders = Ladders { by_name: BTreeMap::new(), providers };
        for (origin, text) in EMBEDDED {
            let ladder = ladders.parse(origin, text)?;
            ladders.by_name.insert(ladder.name.clone(), ladder);
        }
        if !settings.ladders.dir.is_empty() {
            let mut origins: BTreeMap<String, String> = BTreeMap::new();
            for path in toml_files(Path::new(&settings.ladders.dir))? {
                let ladder = ladders.read(&path, "ladders.dir")?;
                let origin = path.display().to_string();
                if let Some(other) = origins.insert(ladder.name.clone(), origin.clone()) {
                    let what = format!("{other} has a ladder of that name too");
                    return Err(bad(&ladder.name, &origin, what, "rename one of them"));
                }
                ladders.by_name.insert(ladder.name.clone(), ladder);
            }
        }
        Ok(ladders)
    }

    /// The ladder of that name, or, when it has a `/` or ends with `.toml`, of that file.
    ///
    /// # Errors
    /// [`ConfigError::UnknownLadder`] with the known names and the nearest one, or what is wrong
    /// with the file.
    pub fn get(&self, name_or_path: &str) -> Result<Ladder, ConfigError> {
        if let Some(ladder) = self.by_name.get(name_or_path) {
            return Ok(ladder.clone());
        }
        let is_toml = Path::new(name_or_path).extension().is_some_and(|ext| ext == "toml");
        if is_toml || name_or_path.contains('/') {
            return self.read(Path::new(name_or_path), "that ladder");
        }
        let near = nearest(name_or_path, self.names());
        Err(ConfigError::UnknownLadder {
            name: name_or_path.to_owned(),
            hint: near.map_or_else(String::new, |name| format!(" (did you mean {name}?)")),
            known: self.names().collect::<Vec<_>>().join(", "),
        })
    }

    /// The ladder for shard summaries: `sweep.shard_ladder`, or the sweep's own when that is
    /// empty.
    ///
    /// # Errors
    /// As [`Ladders::get`].
    pub fn shard_ladder(
        &self,
        settings: &Settings,
        of_sweep: &Ladder,
    ) -> Result<Ladder, ConfigError> {
        match settings.sweep.shard_ladder.as_str() {
            "" => Ok(of_sweep.clone()),
            name => self.get(name),
        }
    }

    /// Names of the ladders, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// The ladders, in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = &Ladder> {
        self.by_name.values()
    }

    fn read(&self, path: &Path, asked_by: &'static str) -> Result<Ladder, ConfigError> {
        let text = disk::read_text(path, MOST_FILE_BYTES)
            .map_err(|e| unreadable("ladder file", path, &e, asked_by))?;
        self.parse(&path.display().to_string(), &text)
    }

    fn parse(&self, origin: &str, text: &str) -> Result<Ladder, ConfigError> {
        let mut ladder: Ladder = toml::from_str(text).map_err(|e| ConfigError::Syntax {
            origin: origin.to_owned(),
            reason: e.to_string().trim_end().to_owned(),
            example: "a ladder has name, description and [[rungs]] with provider, model and note",
        })?;
        self.check(origin, &ladder)?;
        for rung in &mut ladder.rungs {
            let of_provider = self.providers.get(&rung.provider).copied().flatten();
            rung.context_tokens = rung.context_tokens.or(of_provider);
        }
        Ok(ladder)
    }

    fn check(&self, origin: &str, ladder: &Ladder) -> Result<(), ConfigError> {
        let fail = |what: String, fix: &str| Err(bad(&ladder.name, origin, what, fix));
        let name = &ladder.name;
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        if name.is_empty() || name == AUTO_LADDER || !name.chars().all(plain) {
            let fix = "use letters, digits, '-' and '_', and not 'auto'";
            return fail("that can't be a ladder's name".to_owned(), fix);
        }
        if ladder.rungs.is_empty() {
            let fix = "add a [[rungs]] entry with provider and model";
            return fail("it has no rung, so nothing could be reviewed".to_owned(), fix);
        }
        if ladder.rungs.len() > MAX_RUNGS {
            let what = format!("it has {} rungs", ladder.rungs.len());
            return fail(what, &format!("keep at most {MAX_RUNGS}"));
        }
        for (index, rung) in ladder.rungs.iter().enumerate() {
            if let Some((what, fix)) = self.wrong_with(rung) {
                return fail(format!("rung {}: {what}", index + 1), &fix);
            }
        }
        Ok(())
    }

    fn wrong_with(&self, rung: &Rung) -> Option<(String, String)> {
        let known = || self.providers.keys().map(String::as_str);
        if !known().any(|name| name == rung.provider) {
            let near = nearest(&rung.provider, known());
            let hint = near.map_or_else(String::new, |n| format!("did you mean '{n}'? else "));
            let fix = format!(
                "{hint}add [providers.{}] to your settings, or use one of {}",
                rung.provider,
                known().collect::<Vec<_>>().join(", ")
            );
            return Some((format!("there is no provider '{}'", rung.provider), fix));
        }
        if rung.model.trim().is_empty() {
            return Some(("it names no model".to_owned(), "write model = \"..\"".to_owned()));
        }
        if let Some(context) = rung.context_tokens.filter(|n| *n < LEAST_CONTEXT) {
            let what = format!("context_tokens is {context}");
            let fix = format!("leave it out, or write at least {LEAST_CONTEXT}");
            return Some((what, fix));
        }
        if rung.max_tokens == Some(0) {
            let fix = "leave it out for the default, or write at least 1".to_owned();
            return Some(("max_tokens is 0".to_owned(), fix));
        }
        if let Some(most) = rung.max_findings.filter(|most| !(1..=20).contains(most)) {
            let fix = "leave it out for the default, or write 1 to 20".to_owned();
            return Some((format!("max_findings {most} is out of range"), fix));
        }
        for (name, price) in [
            ("usd_per_million_in", rung.usd_per_million_in),
            ("usd_per_million_out", rung.usd_per_million_out),
        ] {
            if let Some(p) = price.filter(|p| !(0.0..=1e6).contains(p)) {
                let fix = "write dollars for a million tokens, 0 to 1000000".to_owned();
                return Some((format!("{name} {p} is not a price"), fix));
            }
        }
        match rung.temperature {
            Some(t) if !(0.0..=2.0).contains(&t) => {
                Some((format!("temperature {t} is out of range"), "use 0 to 2".to_owned()))
            }
            _ => None,
        }
    }
}

/// The `*.toml` files of a directory, in alphabetical order.
fn toml_files(dir: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    let fail = |e: std::io::Error| unreadable("ladder directory", dir, &e, "ladders.dir");
    let mut paths = Vec::new();
    for name in disk::listed(dir).map_err(fail)? {
        let path = dir.join(name);
        if path.extension().is_some_and(|ext| ext == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn unreadable(
    what: &'static str,
    path: &Path,
    error: &std::io::Error,
    asked_by: &'static str,
) -> ConfigError {
    let (path, reason) = (path.display().to_string(), error.to_string());
    ConfigError::Read { what, path, reason, asked_by }
}

fn bad(name: &str, origin: &str, what: String, fix: &str) -> ConfigError {
    let (name, origin) = (name.to_owned(), origin.to_owned());
    ConfigError::BadLadder { name, origin, what, fix: fix.to_owned() }
}
