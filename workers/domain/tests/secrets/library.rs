//! Masks on the standard library of a language: code without secrets.

use scrum_domain::redact;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Bytes of a library that are looked through.
const BYTES: usize = 2_000_000;
/// Masks on them at most.
const MASKS: usize = 3;

/// A language, the command that prints where its library is, and what its sources end in.
const LIBRARIES: &[(&str, &[&str], &str, &str)] = &[
    (
        "Python",
        &["python3", "-c", "import sysconfig; print(sysconfig.get_paths()['stdlib'])"],
        "",
        "py",
    ),
    ("Go", &["go", "env", "GOROOT"], "src", "go"),
    ("Rust", &["rustc", "--print", "sysroot"], "lib/rustlib/src/rust/library", "rs"),
];

fn sources(dir: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for path in entries.filter_map(|e| Some(e.ok()?.path())) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_test = name.contains("test") || name == "site-packages";
        if path.is_dir() && !path.is_symlink() && !is_test {
            sources(&path, ending, found);
        } else if path.extension().is_some_and(|e| e == ending) && !is_test {
            found.push(path);
        }
    }
}

#[test]
fn a_standard_library_gets_three_masks_at_most() {
    for (language, command, below, ending) in LIBRARIES {
        let out = Command::new(command[0]).args(&command[1..]).output().ok();
        let root = out.map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned());
        let mut files = Vec::new();
        if let Some(root) = root.filter(|r| !r.is_empty()) {
            sources(&Path::new(&root).join(below), ending, &mut files);
        }
        files.sort();
        let (mut read, mut masks) = (0, Vec::new());
        for file in files {
            let Ok(text) = std::fs::read_to_string(&file) else { continue };
            for span in redact::spans(&text) {
                masks.push(format!("{}: {}", file.display(), &text[span.range]));
            }
            read += text.len();
            if read >= BYTES {
                break;
            }
        }
        if read == 0 {
            println!("skipped: this machine has no sources of the standard library of {language}");
            continue;
        }
        println!("{language}: {} masks on {read} bytes of its standard library", masks.len());
        assert!(masks.len() <= MASKS, "{language}: {masks:#?}");
    }
}
