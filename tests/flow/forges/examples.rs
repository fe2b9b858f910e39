//! The examples for CI beside the guide are YAML, and what they run is a command.

use scrum_tests::process::program;
use std::path::Path;
use std::process::Command;
use yaml_rust2::{Yaml, YamlLoader};

/// Those of GitHub, GitLab and Gitea.
fn examples() -> [Yaml; 3] {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/ci");
    ["github.yml", "gitlab.yml", "gitea.yml"].map(|name| {
        let text = std::fs::read_to_string(dir.join(name)).unwrap();
        YamlLoader::load_from_str(&text).unwrap().remove(0)
    })
}

/// The commands of a job, on either kind of CI.
fn commands(job: &Yaml) -> Vec<String> {
    let steps = job["steps"].as_vec().into_iter().flatten();
    let runs = steps.filter_map(|step| step["run"].as_str());
    let script = job["script"].as_vec().into_iter().flatten().filter_map(Yaml::as_str);
    runs.chain(script).map(str::to_owned).collect()
}

#[test]
fn each_forge_has_an_example_whose_command_is_one() {
    let examples = examples();
    for example in &examples {
        let job = if example["jobs"].is_badvalue() {
            &example["review"]
        } else {
            &example["jobs"]["review"]
        };
        let commands = commands(job);
        let review = commands.iter().find_map(|c| c.strip_prefix("scrum ")).expect("a review");
        // What the shell puts into a word is one word here.
        let words = review.split(' ').map(|word| word.trim_matches('"'));
        let help = Command::new(program("scrum")).args(words).arg("--help").output().unwrap();
        assert!(help.status.success(), "{review}: {}", String::from_utf8_lossy(&help.stderr));
        assert!(review.ends_with("--post auto"), "{review}");
        // Whole histories: the commit where the two parted must be there.
        let depth = job["steps"][0]["with"]["fetch-depth"].as_i64();
        let whole = depth == Some(0) || job["variables"]["GIT_DEPTH"].as_str() == Some("0");
        assert!(whole, "{example:?}");
    }
    let rights = &examples[0]["permissions"];
    for (right, value) in [
        ("contents", "read"),
        ("pull-requests", "write"),
        ("security-events", "write"),
        ("statuses", "write"),
    ] {
        assert_eq!(rights[right].as_str(), Some(value), "{right}");
    }
    // What the review leaves behind is what the forge takes, also when the review failed.
    let steps = examples[0]["jobs"]["review"]["steps"].as_vec().unwrap();
    let upload = steps.last().unwrap();
    assert!(upload["uses"].as_str().unwrap().contains("upload-sarif"));
    assert_eq!(upload["with"]["sarif_file"].as_str(), Some("review/scrum_diff.sarif"));
    assert_eq!(upload["if"].as_str(), Some("always()"));
    let report = &examples[1]["review"]["artifacts"]["reports"]["codequality"];
    assert_eq!(report.as_str(), Some("review/scrum_diff.codequality.json"));
}
