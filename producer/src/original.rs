//! Variables of the environment that the original scripts were told by: defaults of the options of the same
//! meaning, so that what starts the originals can start this. What the command line says comes first.

use crate::cli::{ApplyArgs, Request};
use crate::output::tell;
use anyhow::bail;
use std::str::FromStr;

/// Reads a variable; an empty one says nothing.
fn process(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// The variables that were taken, for one line of what a person is told.
#[derive(Debug, Default)]
struct Taken(Vec<String>);

impl Taken {
    /// Takes a variable as the value of an option that the command line leaves open.
    fn option<T: FromStr>(
        &mut self,
        name: &str,
        option: &str,
        to: &mut Option<T>,
        env: &Env,
    ) -> anyhow::Result<()> {
        let Some(value) = env(name).filter(|_| to.is_none()) else { return Ok(()) };
        let Ok(read) = value.trim().parse() else {
            bail!("{name}={value} is no value of {option}; mend or unset it, or pass {option}");
        };
        *to = Some(read);
        self.0.push(format!("{name} as {option}"));
        Ok(())
    }

    /// Takes a variable as a flag: `1`, `true`, `yes` set it.
    fn flag(&mut self, name: &str, option: &str, to: &mut bool, env: &Env) -> anyhow::Result<()> {
        let Some(value) = env(name).filter(|_| !*to) else { return Ok(()) };
        match value.trim().to_ascii_lowercase().as_str() {
            "1" | "true" | "yes" | "on" => {
                *to = true;
                self.0.push(format!("{name} as {option}"));
            }
            "0" | "false" | "no" | "off" => {}
            _ => bail!("{name}={value} is neither 1 nor 0; mend or unset it"),
        }
        Ok(())
    }

    fn tell(self, quiet: bool) {
        if !self.0.is_empty() && !quiet {
            tell(&format!("taken from the environment: {}", self.0.join(", ")));
        }
    }
}

type Env = dyn Fn(&str) -> Option<String>;

/// Fills in what a request leaves open.
///
/// # Errors
/// A variable that can't be read, with what to do.
pub fn fill_request(request: &mut Request, quiet: bool) -> anyhow::Result<()> {
    of_request(request, &process)?.tell(quiet);
    Ok(())
}

fn of_request(request: &mut Request, env: &Env) -> anyhow::Result<Taken> {
    let mut taken = Taken::default();
    if let Some(files) = env("LH_SCRUM_FILES").filter(|_| request.targets.is_empty()) {
        let files = files.split([',', '\n']).map(str::trim).filter(|file| !file.is_empty());
        request.targets = files.map(|file| file.trim_start_matches("./").to_owned()).collect();
        taken.0.push("LH_SCRUM_FILES as --target".to_owned());
    }
    taken.option("LH_SCRUM_PRD", "--prd", &mut request.prd, env)?;
    taken.option("LH_SCRUM_PROPOSAL", "--proposal", &mut request.proposal, env)?;
    taken.option("LH_SCRUM_FORENSIC", "--forensic", &mut request.forensic, env)?;
    taken.flag("LH_SCRUM_SKIP_EXTRACT", "--no-facts", &mut request.no_facts, env)?;
    Ok(taken)
}

/// Fills in what the arguments of `scrum apply` leave open.
///
/// # Errors
/// A variable that can't be read, with what to do.
pub fn fill_apply(args: &mut ApplyArgs, quiet: bool) -> anyhow::Result<()> {
    of_apply(args, &process)?.tell(quiet);
    Ok(())
}

fn of_apply(args: &mut ApplyArgs, env: &Env) -> anyhow::Result<Taken> {
    let mut taken = Taken::default();
    taken.flag("LH_APPLIER_COMMIT", "--commit", &mut args.commit, env)?;
    taken.option("LH_APPLIER_BRANCH", "--branch", &mut args.branch, env)?;
    taken.option("LH_APPLIER_MIN_CONF", "--min-conf", &mut args.min_conf, env)?;
    taken.option("LH_APPLIER_MAX_FILES", "--max-files", &mut args.max_files, env)?;
    taken.option("LH_APPLIER_MODEL", "--model", &mut args.model, env)?;
    if args.min_conf.is_some_and(|n| n > 100) {
        bail!("LH_APPLIER_MIN_CONF is over 100 percent; mend or unset it, or pass --min-conf");
    }
    if args.max_files.is_some_and(|n| !(1..=1000).contains(&n)) {
        bail!(
            "LH_APPLIER_MAX_FILES is not between 1 and 1000; mend or unset it, or pass --max-files"
        );
    }
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;
    use std::path::PathBuf;

    fn request(args: &[&str]) -> Request {
        let all = ["scrum", "sweep", "/r"].iter().chain(args);
        let Command::Sweep(args) = Cli::parse_from(all).command else { panic!("a sweep") };
        args.request
    }

    fn apply(args: &[&str]) -> ApplyArgs {
        let all = ["scrum", "apply", "latest"].iter().chain(args);
        let Command::Apply(args) = Cli::parse_from(all).command else { panic!("an apply") };
        args
    }

    fn env(given: &'static [(&'static str, &'static str)]) -> Box<Env> {
        Box::new(|name| given.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
    }

    #[test]
    fn the_originals_variables_are_defaults() {
        let given = env(&[
            ("LH_SCRUM_FILES", "src/a.rs, ./src/b.rs,\n"),
            ("LH_SCRUM_FORENSIC", "preamble.md"),
            ("LH_SCRUM_PROPOSAL", "proposal.md"),
            ("LH_SCRUM_SKIP_EXTRACT", "1"),
        ]);
        let mut filled = request(&[]);
        let taken = of_request(&mut filled, &*given).unwrap();
        assert_eq!(filled.targets, ["src/a.rs", "src/b.rs"]);
        assert_eq!(filled.forensic, Some(PathBuf::from("preamble.md")));
        assert_eq!((filled.proposal, filled.no_facts), (Some("proposal.md".into()), true));
        assert_eq!(
            taken.0.join(", "),
            "LH_SCRUM_FILES as --target, LH_SCRUM_PROPOSAL as --proposal, \
            LH_SCRUM_FORENSIC as --forensic, LH_SCRUM_SKIP_EXTRACT as --no-facts"
        );

        let mut own = request(&["--target", "x.rs", "--forensic", "mine.md", "--no-facts"]);
        let taken = of_request(&mut own, &*given).unwrap();
        assert_eq!((own.targets, own.forensic), (vec!["x.rs".to_owned()], Some("mine.md".into())));
        assert_eq!(taken.0, ["LH_SCRUM_PROPOSAL as --proposal"], "the command line comes first");
    }

    #[test]
    fn the_appliers_variables_are_defaults_and_nonsense_is_refused() {
        let given = env(&[
            ("LH_APPLIER_COMMIT", "1"),
            ("LH_APPLIER_BRANCH", "scrum/auto"),
            ("LH_APPLIER_MIN_CONF", "85"),
            ("LH_APPLIER_MAX_FILES", "3"),
            ("LH_APPLIER_MODEL", "p/m"),
        ]);
        let mut filled = apply(&["--min-conf", "95"]);
        assert_eq!(of_apply(&mut filled, &*given).unwrap().0.len(), 4);
        assert_eq!((filled.commit, filled.min_conf, filled.max_files), (true, Some(95), Some(3)));
        assert_eq!(filled.branch.as_deref(), Some("scrum/auto"));
        for (name, value) in [
            ("LH_APPLIER_COMMIT", "perhaps"),
            ("LH_APPLIER_MIN_CONF", "101"),
            ("LH_APPLIER_MIN_CONF", "high"),
            ("LH_APPLIER_MAX_FILES", "0"),
        ] {
            let env = move |asked: &str| (asked == name).then(|| value.to_owned());
            let said = of_apply(&mut apply(&[]), &env).unwrap_err().to_string();
            assert!(said.contains(name) && said.contains("unset"), "{said}");
        }
    }
}
