use super::Fixture;

#[test]
fn a_repository_is_known_by_its_remote_else_by_its_first_commit() {
    let f = Fixture::new();
    f.write("a.rs", b"fn a() {}\n");
    let first = f.commit("first");
    f.write("a.rs", b"fn b() {}\n");
    let second = f.commit("second");
    let identity = || crate::Repo::open(f.path()).unwrap().identity(&second).unwrap();
    assert_eq!(identity(), format!("root:{first}"));
    f.git(&["remote", "add", "disk", "/somewhere/else"]);
    f.git(&["remote", "add", "file", "file:///somewhere/else"]);
    assert_eq!(identity(), format!("root:{first}"), "a path names nothing that others share");
    f.git(&["remote", "add", "upstream", "https://me:t0ken@host/up/app.git"]);
    assert_eq!(identity(), "host/up/app");
    f.git(&["remote", "add", "origin", "git@Host:me/app.git"]);
    assert_eq!(identity(), "host/me/app");

    let clones = tempfile::tempdir().unwrap();
    let clone = |name: &str, more: &[&str]| {
        let to = clones.path().join(name);
        let from = format!("file://{}", f.path().display());
        let args = [&["clone", "-q"], more, &[&from, to.to_str().unwrap()]].concat();
        f.git(&args);
        let repo = crate::Repo::open(&to).unwrap();
        (repo.identity(&second).unwrap(), repo.canonical().to_string_lossy().into_owned())
    };
    assert_eq!(clone("whole", &[]).0, format!("root:{first}"));
    let (shallow, path) = clone("shallow", &["--depth=1"]);
    assert_eq!(shallow, path, "its first commit is not there");
}
