//! Which files are tests.

/// Tests, benches and examples by where they stand.
pub(crate) fn is_test_path(path: &str) -> bool {
    const DIRS: &[&str] = &[
        "tests",
        "test",
        "testing",
        "__tests__",
        "spec",
        "benches",
        "examples",
        "testdata",
        "fixtures",
        "mock",
        "mocks",
        "__mocks__",
        "__fixtures__",
        "specs",
        "e2e",
        "cypress",
        "example",
        "samples",
        "demo",
        "demos",
        "bench",
        "benchmark",
        "benchmarks",
        "testutil",
        "testutils",
        "testhelpers",
        "test-support",
        "playwright",
        "fuzz",
        "fuzzing",
    ];
    const STEMS: &[&str] = &["test", "tests", "conftest", "fuzz"];
    const STARTS: &[&str] = &["test_", "test-", "bench_", "bench-"];
    const ENDS: &[&str] = &["_test", "_tests", "-test", "-tests", "_spec", "-spec"];
    let (dirs, name) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = name.split('.').next().unwrap_or(name);
    // `FooTest.java`, `TestFoo.java`: the word must end where the next begins.
    let camel = stem.ends_with("Test")
        || stem.ends_with("Tests")
        || stem
            .strip_prefix("Test")
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()));
    dirs.split('/').any(|d| DIRS.contains(&d) || d.ends_with("_test") || d.ends_with("-tests"))
        || STEMS.contains(&stem)
        || STARTS.iter().any(|start| stem.starts_with(start))
        || ENDS.iter().any(|end| stem.ends_with(end))
        || camel
        || name.contains(".test.")
        || name.contains(".spec.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_paths() {
        for path in [
            "tests/a.rs",
            "src/x_test.go",
            "a/test_b.py",
            "x.spec.ts",
            "src/a/tests.rs",
            "core/FooTest.java",
            "core/TestFoo.java",
            "a/e2e/login.ts",
            "examples/a.c",
        ] {
            assert!(is_test_path(path), "{path}");
        }
        for path in ["src/contest.rs", "src/attest.go", "latest.py", "Testament.java", "A.java"] {
            assert!(!is_test_path(path), "{path}");
        }
    }
}
