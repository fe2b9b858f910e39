//! Where the test of a finding stands, and what runs it: derived from the project, or as the settings say.

use queue_schema::apply::{Framework, TestPlan};
use queue_schema::ids::content_id;
use scrum_shown::shell_quoted;

/// Characters of a file's name that the name of its test has.
const STEM: usize = 32;
/// Characters of the name of a library.
const CRATE: usize = 100;
/// Endings of the files that run as JavaScript, and what their tests end with.
const SCRIPTS: [(&str, &str); 6] = [
    ("js", "test.js"),
    ("mjs", "test.mjs"),
    ("cjs", "test.cjs"),
    ("jsx", "test.jsx"),
    ("ts", "test.ts"),
    ("tsx", "test.tsx"),
];
/// Directories in which JavaScript projects keep tests.
const SCRIPT_TESTS: [&str; 3] = ["test", "tests", "__tests__"];
/// Files that make a directory a Python project.
const PYTHON_ROOTS: [&str; 5] =
    ["pyproject.toml", "setup.py", "setup.cfg", "requirements.txt", "pytest.ini"];
/// Python leaves no compiled files in the project, and finds its packages there.
const PYTHON_ENV: &str = "PYTHONDONTWRITEBYTECODE=1 PYTHONPATH";

/// What lies in the commit that a run is made for.
pub struct Project<'a> {
    /// Whether there is a file of this path.
    pub has: &'a dyn Fn(&str) -> bool,
    /// Whether there is any file below this directory.
    pub has_dir: &'a dyn Fn(&str) -> bool,
    /// The text of a small file.
    pub text: &'a dyn Fn(&str) -> Option<String>,
    /// The test command of the run.
    pub test: Option<&'a str>,
}

/// What settings say in place of what is derived; both empty for nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct OwnPlan<'a> {
    /// The command that runs one test file: `{test}` stands for its path.
    pub command: &'a str,
    /// Path of the test's file: `{name}` stands for its name.
    pub test: &'a str,
}

/// The plan for a finding of a file: its place in the review, and the claim.
///
/// # Errors
/// Why there is none, and what to set.
pub fn plan(
    path: &str,
    (finding, claim): (u32, &str),
    own: OwnPlan<'_>,
    project: &Project<'_>,
) -> Result<TestPlan, String> {
    let name = name(path, claim);
    if !own.command.is_empty() && !own.test.is_empty() {
        let place = own.test.replace("{name}", &name);
        let command = own.command.replace("{test}", &shell_quoted(&place));
        let reach = String::new();
        return Ok(TestPlan { finding, framework: Framework::Other, path: place, command, reach });
    }
    let file = path.rsplit('/').next().unwrap_or_default();
    let extension = file.rsplit_once('.').map_or("", |(_, extension)| extension);
    let script = SCRIPTS.iter().find(|(of, _)| *of == extension).map(|(_, end)| *end);
    let planned = match (extension, script) {
        ("rs", _) => rust(path, &name, project)?,
        ("py", _) => python(path, &name, project),
        (_, Some(end)) => javascript(path, &name, end, project)?,
        _ => return Err("no test framework is known for its language".to_owned()),
    };
    Ok(TestPlan { finding, ..planned })
}

/// A name that no other finding of the file has, and that any language can have as one of a file.
fn name(path: &str, claim: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or_default();
    let stem = file.split('.').next().unwrap_or_default().to_lowercase();
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let stem: String = stem.chars().map(plain).take(STEM).collect();
    let id = content_id(&[path.as_bytes(), claim.as_bytes()]);
    format!("finding_{}_{}", stem.trim_matches('_'), &id[..8])
}

/// The directories above a file, the nearest first, the root, which is empty, last.
fn above(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| {
        (!path.is_empty()).then(|| path.rsplit_once('/').map_or("", |(dir, _)| dir))
    })
    .skip(1)
}

fn join(dir: &str, name: &str) -> String {
    if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") }
}

/// A command that is run in a directory of the project.
fn within(dir: &str, command: &str) -> String {
    if dir.is_empty() {
        command.to_owned()
    } else {
        format!("cd {} && {command}", shell_quoted(dir))
    }
}

/// An integration test of the package that the file belongs to.
fn rust(path: &str, name: &str, project: &Project<'_>) -> Result<TestPlan, String> {
    let manifest = |dir: &str| {
        let text = (project.text)(&join(dir, "Cargo.toml"))?;
        text.lines().any(|line| line.trim() == "[package]").then(|| (dir.to_owned(), text))
    };
    let (dir, manifest) = above(path).find_map(manifest).ok_or("it belongs to no Cargo package")?;
    let library = (project.has)(&join(&dir, "src/lib.rs")) || section(&manifest, "[lib]").is_some();
    let named = |head: &str| value(section(&manifest, head)?, "name");
    let reach = named("[lib]").or_else(|| named("[package]")).filter(|_| library);
    let reach = reach.map(|name| name.replace('-', "_")).filter(|name| is_name(name));
    let at = shell_quoted(&join(&dir, "Cargo.toml"));
    Ok(TestPlan {
        finding: 0,
        framework: Framework::Cargo,
        path: join(&dir, &format!("tests/{name}.rs")),
        command: format!("cargo test --color never --manifest-path {at} --test {name}"),
        reach: reach.unwrap_or_default(),
    })
}

/// The lines of a section of a TOML file.
fn section<'a>(toml: &'a str, head: &str) -> Option<Vec<&'a str>> {
    let mut lines = toml.lines().skip_while(|line| line.trim() != head);
    lines.next()?;
    Some(lines.take_while(|line| !line.trim_start().starts_with('[')).collect())
}

/// The text of a key among some lines.
fn value(lines: Vec<&str>, key: &str) -> Option<String> {
    lines.into_iter().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        let value = value.split('#').next()?.trim();
        let text = value.strip_prefix(['"', '\''])?.strip_suffix(['"', '\''])?;
        (name.trim() == key).then(|| text.to_owned())
    })
}

fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty() && name.len() <= CRATE && name.chars().all(plain)
}

fn python(path: &str, name: &str, project: &Project<'_>) -> TestPlan {
    let is_root = |dir: &&str| PYTHON_ROOTS.iter().any(|name| (project.has)(&join(dir, name)));
    let dir = above(path).find(is_root).unwrap_or_default();
    let tests = ["tests", "test"].into_iter().find(|name| (project.has_dir)(&join(dir, name)));
    let tests = tests.unwrap_or("tests");
    let file = format!("test_{name}.py");
    let sources = if (project.has_dir)(&join(dir, "src")) { "src:." } else { "." };
    let (framework, command) = if is_pytest(dir, tests, project) {
        let run = "python3 -m pytest -q --tb=short --color=no -p no:cacheprovider";
        (Framework::Pytest, format!("{PYTHON_ENV}={sources} {run} {tests}/{file}"))
    } else {
        // By discovery: a package of the same name that is installed would be taken for the directory.
        let run = "python3 -m unittest discover -v";
        (Framework::Unittest, format!("{PYTHON_ENV}={sources} {run} -s {tests} -p {file}"))
    };
    TestPlan {
        finding: 0,
        framework,
        path: join(dir, &format!("{tests}/{file}")),
        command: within(dir, &command),
        reach: String::new(),
    }
}

fn is_pytest(dir: &str, tests: &str, project: &Project<'_>) -> bool {
    if let Some(test) =
        project.test.filter(|test| test.contains("pytest") || test.contains("unittest"))
    {
        return test.contains("pytest");
    }
    let has = |name: &str| (project.has)(&join(dir, name));
    let names =
        |name: &&str| (project.text)(&join(dir, name)).is_some_and(|t| t.contains("pytest"));
    let told =
        ["pyproject.toml", "setup.cfg", "tox.ini", "requirements-dev.txt", "requirements.txt"];
    has("pytest.ini")
        || has("conftest.py")
        || has(&format!("{tests}/conftest.py"))
        || told.iter().any(names)
}

fn javascript(
    path: &str,
    name: &str,
    end: &str,
    project: &Project<'_>,
) -> Result<TestPlan, String> {
    let manifest = |dir: &str| {
        let text = (project.text)(&join(dir, "package.json"))?;
        serde_json::from_str::<serde_json::Value>(&text)
            .ok()
            .map(|package| (dir.to_owned(), package))
    };
    let (dir, package) = above(path).find_map(manifest).ok_or("no package.json is above it")?;
    let test = project.test.or(package["scripts"]["test"].as_str()).unwrap_or_default();
    let depends = |name: &str| {
        ["devDependencies", "dependencies"].iter().any(|kind| package[kind][name].is_string())
    };
    let uses = |name: &str| test.contains(name);
    let framework = if uses("vitest") || (depends("vitest") && !uses("jest")) {
        Framework::Vitest
    } else if uses("jest") || depends("jest") {
        Framework::Jest
    } else if end.ends_with("js") {
        Framework::Node
    } else {
        return Err(
            "neither vitest nor jest runs its tests, and node does not run its language".to_owned()
        );
    };
    let tests = SCRIPT_TESTS.into_iter().find(|name| (project.has_dir)(&join(&dir, name)));
    let file = format!("{}/{name}.{end}", tests.unwrap_or(SCRIPT_TESTS[0]));
    let command = match framework {
        Framework::Vitest => format!("npx --no-install vitest run --reporter=json {file}"),
        Framework::Jest => format!("npx --no-install jest --ci --json --runTestsByPath {file}"),
        _ => format!("node --test --test-reporter=tap {file}"),
    };
    let modules = end == "test.mjs" || (package["type"] == "module" && end != "test.cjs");
    let written = framework == Framework::Vitest || !end.ends_with("js") || modules;
    Ok(TestPlan {
        finding: 0,
        framework,
        path: join(&dir, &file),
        command: within(&dir, &command),
        reach: if written { "ES modules" } else { "CommonJS modules" }.to_owned(),
    })
}
