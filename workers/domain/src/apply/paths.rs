//! Which paths may be changed: the user's deny list, the kinds of files that are never changed, and the kinds
//! of sources that may be.

use super::kinds::KINDS;

/// What a path is held against. An entry of `deny` or `permit` is the beginning of a path; behind `*/` it
/// is the name of a file, or of a directory where it ends with `/`, at any depth, and `*` in a name stands
/// for anything. `*/docs/conf.py` is a name in a directory of that name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PathRules {
    /// Never changed.
    pub deny: Vec<String>,
    /// May be changed though their kind is not to be; wins over all but `deny`.
    pub permit: Vec<String>,
    /// Extensions of files that may be changed; `*` alone is any file.
    pub allow: Vec<String>,
}

impl PathRules {
    /// The rules of a run: its own deny list, and the exceptions and sources of whoever holds a path against
    /// them.
    pub fn new(deny: &[String], permit: &[String], allow: &[String]) -> Self {
        Self { deny: deny.to_vec(), permit: permit.to_vec(), allow: allow.to_vec() }
    }

    /// Why a path may not be changed, behind "the path"; `None` when it may.
    pub fn refusal(&self, path: &str) -> Option<String> {
        let path = folded(path);
        let hit =
            |entries: &[String]| entries.iter().find(|e| covers(&e.to_lowercase(), &path)).cloned();
        if let Some(entry) = hit(&self.deny) {
            return Some(format!("is denied by '{entry}'"));
        }
        if hit(&self.permit).is_some() {
            return None;
        }
        for kind in KINDS {
            if let Some(entry) = kind.entries.iter().find(|entry| covers(entry, &path)) {
                return Some(format!(
                    "is of a kind that is not changed ({}: '{entry}'); apply.permit makes exceptions",
                    kind.why
                ));
            }
        }
        let name = path.rsplit('/').next().unwrap_or_default();
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        let allowed = |e: &String| e == "*" || e.to_lowercase() == extension;
        if self.allow.iter().any(allowed) {
            return None;
        }
        Some("is not one of the sources that apply.allow names".to_owned())
    }
}

/// The path as the most tolerant file system reads it: without case, invisible marks, and dots and spaces at
/// the end of names.
fn folded(path: &str) -> String {
    let shown = path.chars().filter(|c| !is_ignorable(*c)).collect::<String>();
    // Through upper case: some letters, such as the long s, only become plain there.
    let lower = shown.to_uppercase().to_lowercase();
    let parts: Vec<_> = lower.split('/').map(|part| part.trim_end_matches(['.', ' '])).collect();
    parts.join("/")
}

fn is_ignorable(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Whether an entry, in lower case, covers a path.
fn covers(entry: &str, path: &str) -> bool {
    let Some(rest) = entry.strip_prefix("*/") else {
        return !entry.is_empty() && path.starts_with(entry);
    };
    let (wanted, is_dir) = match rest.strip_suffix('/') {
        Some(wanted) => (wanted, true),
        None => (rest, false),
    };
    let wanted: Vec<&str> = wanted.split('/').collect();
    let parts: Vec<&str> = path.split('/').collect();
    let fits = |window: &[&str]| window.iter().zip(&wanted).all(|(part, w)| is_like(part, w));
    if is_dir {
        parts[..parts.len() - 1].windows(wanted.len()).any(fits)
    } else {
        parts.len() >= wanted.len() && fits(&parts[parts.len() - wanted.len()..])
    }
}

/// Whether a name is like a pattern, in which `*` stands for anything.
fn is_like(name: &str, pattern: &str) -> bool {
    let Some((start, mut rest)) = pattern.split_once('*') else { return name == pattern };
    let Some(mut name) = name.strip_prefix(start) else { return false };
    while let Some((piece, next)) = rest.split_once('*') {
        let Some(at) = name.find(piece) else { return false };
        name = &name[at + piece.len()..];
        rest = next;
    }
    name.ends_with(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_like_patterns() {
        for (name, pattern) in [
            ("build.rs", "build.rs"),
            ("dockerfile.dev", "dockerfile*"),
            ("vite.config.ts", "*.config.*"),
            ("a.cmake", "*.cmake"),
            ("x", "*"),
            ("aba", "a*a"),
        ] {
            assert!(is_like(name, pattern), "{name} {pattern}");
        }
        for (name, pattern) in
            [("build.rss", "build.rs"), ("a", "a*a"), ("config.ts", "*.config.*"), ("", "x*")]
        {
            assert!(!is_like(name, pattern), "{name} {pattern}");
        }
    }

    /// What runs or decides something somewhere, in lines by kind.
    const DANGEROUS: &str = "
        .gitattributes a/.gitmodules .gitconfig .lfsconfig .githooks/pre-commit sub/.scrumignore
        .github/workflows/ci.yml web/.github/workflows/ci.yml .gitlab-ci.yml .circleci/config.yml Jenkinsfile
        ci/Jenkinsfile.release azure-pipelines.yml .travis.yml .drone.yml .buildkite/pipeline.yml dangerfile.ts
        bitbucket-pipelines.yml deploy/cloudbuild.yaml netlify.toml vercel.json Procfile app/serverless.ts
        .husky/pre-commit web/.husky/_/x.js .pre-commit-config.yaml lefthook.yml .lintstagedrc.js
        .vscode/tasks.json a/b/.vscode/settings.json .idea/workspace.xml .editorconfig .vimrc .dir-locals.el
        .clang-tidy CLAUDE.md sub/AGENTS.md .cursor/rules/x.mdc app.code-workspace
        .devcontainer/devcontainer.json Dockerfile DOCKERFILE svc/Dockerfile.dev build.dockerfile Containerfile
        docker-compose.yml docker-compose.override.yaml compose.yaml Vagrantfile .dockerignore
        main.tf infra/vars.tfvars terragrunt.hcl k8s/deployment.yaml charts/app/values.yaml Chart.yaml
        kustomization.yaml ansible/site.yml roles/web/tasks/main.yml playbook.yml ansible.cfg app.service
        run.sh a/b/install.bash x.ps1 x.bat .bashrc .bash_profile .zshrc .zshenv .profile .envrc .env a/.env.local
        .tool-versions .nvmrc .config/nextest.toml .tmux.conf
        Makefile makefile GNUmakefile a/rules.mk Justfile .justfile Taskfile.yml Rakefile lib/x.rake gulpfile.js
        Gruntfile.js magefile.go fabfile.py noxfile.py dodo.py xtask/src/main.rs Snakefile
        build.rs crates/a/build.rs Build.RS crates/a/build/main.rs Cargo.toml .cargo/config.toml a/.cargo/config
        rust-toolchain.toml rustfmt.toml clippy.toml my-macros/src/lib.rs my_derive/src/lib.rs proc-macro-x/src/lib.rs
        setup.py setup.cfg pyproject.toml tox.ini pytest.ini tests/conftest.py sitecustomize.py a/x.pth
        requirements.txt requirements-dev.txt Pipfile conanfile.py SConstruct wscript docs/conf.py gunicorn.conf.py
        .pylintrc .flake8 environment.yml nb/x.ipynb
        package.json a/package.json .npmrc .yarnrc .yarnrc.yml .yarn/releases/yarn.cjs .pnp.cjs .pnpmfile.cjs
        jest.config.js vite.config.ts babel.config.cjs webpack.config.js webpack.prod.js eslint.config.mjs .eslintrc.js
        .eslintrc.cjs .babelrc .prettierrc.js .mocharc.js karma.conf.js jest.setup.ts tsconfig.json deno.json
        gatsby-node.js .storybook/main.js ember-cli-build.js node_modules/x/index.js
        CMakeLists.txt a/x.cmake cmake/FindX.cmake CMakePresets.json configure configure.ac x.m4 Makefile.am meson.build
        meson_options.txt premake5.lua xmake.lua x.gyp BUILD.gn vcpkg.json
        WORKSPACE WORKSPACE.bazel MODULE.bazel BUILD a/BUILD.bazel x.bzl .bazelrc BUCK
        build.gradle build.gradle.kts settings.gradle settings.gradle.kts gradle/wrapper/gradle-wrapper.properties gradlew
        buildSrc/src/main/kotlin/x.kt pom.xml .mvn/extensions.xml mvnw build.xml build.sbt project/Build.scala
        a.csproj a.fsproj Directory.Build.props x.targets a.sln nuget.config global.json build.cake x.csx
        Package.swift Package@swift-5.9.swift Podfile x.podspec App.xcodeproj/project.pbxproj x.xcconfig
        Gemfile Gemfile.lock x.gemspec ext/extconf.rb config.ru .irbrc composer.json rector.php .php-cs-fixer.php
        go.mod go.work mix.exs config/runtime.exs rebar.config rebar.config.script dune dune-project x.opam Setup.hs
        x.cabal stack.yaml default.nix flake.nix .Rprofile deps/build.jl x.rockspec pubspec.yaml build.zig x.nimble
        Cargo.lock package-lock.json yarn.lock pnpm-lock.yaml poetry.lock go.sum flake.lock bun.lockb
        buil\u{200b}d.rs build.r\u{17f} build.rs. a/.github./x.rs";

    /// Their neighbours, which are sources like any other.
    const INNOCENT: &str = "
        src/main.rs src/build_tools.rs src/build.rs.in.rs src/docker.rs src/dockerfile_parser.rs src/makefile_parser.py
        src/github/mod.rs src/github.rs lib/gitignore.rs src/cargo/mod.rs src/cargo_toml.rs src/setup_wizard.py
        src/conftest_helper.py tests/test_setup.py src/package.rs src/packages.py src/compose.rs src/compose/mod.rs
        src/workspace.rs src/targets.rs src/build/mod.rs src/hooks/useThing.ts src/roles/admin.ts src/tasks/run.ts
        src/config.rs src/config.ts src/config/mod.rs src/appConfig.ts app/models.py src/env.rs src/environment.py
        src/profile.rs src/login.ts src/shell.rs src/sh.rs src/bash/parser.py src/gradle.rs src/maven/Pom.java
        src/macros/mod.rs src/macros.rs src/derive.rs src/lock.rs src/locks/mutex.go src/service.go
        app/user.service.ts src/timer.c src/socket.cpp src/k8s.go src/helm.go src/terraform.py lib/rake_task.rb
        lib/gem.rb src/rakefile.c src/webpack.rs src/jest.ts src/vite/plugin.ts src/eslint_rule.js src/procfile.py
        src/justfile/parse.rs src/vagrant.rb src/nix.rs src/dune.ml src/mix.ex src/plan.jl src/railway.rs
        pkg/crontab.go src/pipeline.rs src/Jenkins.java src/editor/config.ts src/.hidden/x.rs src/meson.py";

    #[test]
    fn files_that_run_or_configure_something_are_denied_and_similar_sources_are_not() {
        let rules = PathRules { allow: vec!["*".into()], ..PathRules::default() };
        let wrong: Vec<_> =
            DANGEROUS.split_whitespace().filter(|p| rules.refusal(p).is_none()).collect();
        assert!(wrong.is_empty(), "allowed: {wrong:?}");
        let refused = |p: &str| rules.refusal(p).map(|why| format!("{p} {why}"));
        let wrong: Vec<_> = INNOCENT.split_whitespace().filter_map(refused).collect();
        assert!(wrong.is_empty(), "refused: {wrong:#?}");
        assert!(DANGEROUS.split_whitespace().count() > 240);
    }

    #[test]
    fn only_sources_that_are_named_may_be_changed_and_exceptions_are_made_by_name() {
        let list = |entries: &[&str]| entries.iter().map(|e| (*e).to_owned()).collect::<Vec<_>>();
        let rules = PathRules {
            deny: list(&["keep/"]),
            permit: list(&["*/build.rs", "*/NOTES", "keep/me.rs"]),
            allow: list(&["rs", "PY"]),
        };
        for path in ["a.rs", "a.RS", "a/b.py", "build.rs", "a/NOTES"] {
            assert_eq!(rules.refusal(path), None, "{path}");
        }
        for path in ["a.js", "rs", "a", ".rs/x", "a.rs/x.md", "Cargo.toml", "keep/me.rs"] {
            assert!(rules.refusal(path).is_some(), "{path}");
        }
        assert!(PathRules::default().refusal("a.rs").unwrap().contains("apply.allow"));
    }
}
