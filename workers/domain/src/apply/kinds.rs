//! Files that something runs or takes commands from: a build, a shell, an editor, a package manager, a
//! container tool, a pipeline. A change of one of them runs code elsewhere, outside of the check.
//!
//! This is the only list. Entries are as in [`super::paths::PathRules`], in lower case.

/// Files of one kind.
pub(super) struct Kind {
    /// What makes them dangerous.
    pub why: &'static str,
    /// Which they are.
    pub entries: &'static [&'static str],
}

macro_rules! kinds {
    ($($why:literal: $($entry:literal)+;)+) => {
        /// All kinds.
        pub(super) const KINDS: &[Kind] = &[$(Kind { why: $why, entries: &[$(concat!("*/", $entry)),+] }),+];
    };
}

kinds! {
    "git takes commands from it":
        ".git*" ".lfsconfig" ".mailmap" ".githooks/" "githooks/" "git-hooks/" ".scrumignore";
    "a pipeline runs it":
        ".github/" ".gitlab*" ".gitlab/" ".gitea/" ".forgejo/" ".circleci/" ".buildkite/"
        ".azure/" ".azure-pipelines/" ".azuredevops/" ".woodpecker/" ".teamcity/" ".tekton/"
        ".harness/" ".semaphore/" ".ci/" "jenkinsfile" "jenkinsfile.*" "jenkinsfile-*"
        "*.jenkinsfile" "azure-pipelines*.y*ml" "bitbucket-pipelines*.y*ml" ".travis*"
        ".appveyor*" "appveyor.y*ml" ".drone*" ".woodpecker*" ".cirrus*" "buildspec*.y*ml"
        "cloudbuild*.y*ml" "cloudbuild*.json" "wercker.y*ml" "codefresh.y*ml" "skaffold*.y*ml"
        "tiltfile" "earthfile" "dagger.json" ".goreleaser*" ".releaserc*"
        "release-please-config*.json" "renovate.json*" ".renovaterc*" ".mergify*" "dangerfile"
        "dangerfile.*" "netlify.toml" "vercel.json" "now.json" "render.y*ml" "fly.toml"
        "railway.json" "railway.toml" "heroku.y*ml" "app.y*ml" "app.json" "procfile" "procfile.dev"
        "amplify.y*ml" "serverless*.y*ml" "serverless.json" "serverless.js" "serverless.ts"
        "firebase.json" "wrangler.toml" "wrangler.json" "wrangler.jsonc" ".platform/"
        ".ebextensions/" ".elasticbeanstalk/" "codecov.y*ml" ".codecov*"
        "sonar-project.properties" ".snyk";
    "a hook runs it":
        ".husky/" ".huskyrc*" ".pre-commit-config*" ".pre-commit-hooks*" "lefthook*.y*ml"
        "lefthook*.toml" "lefthook*.json" ".lefthook*" ".overcommit*" ".lintstagedrc*"
        ".commitlintrc*" ".czrc" ".cz.*" ".hooks/";
    "an editor or an assistant takes commands from it":
        ".vscode/" ".vs/" ".idea/" ".fleet/" ".zed/" ".nova/" ".settings/" ".run/" ".cursor/"
        ".claude/" ".windsurf/" ".cursorrules" ".windsurfrules" ".clinerules*" ".aider*"
        ".mcp.json" "claude.md" "agents.md" "gemini.md" "copilot-instructions*.md"
        "*.code-workspace" "*.sublime-project" "*.iml" ".project" ".classpath" ".editorconfig"
        ".dir-locals*" ".projectile" ".vimrc" ".gvimrc" ".exrc" ".nvimrc" ".nvim.lua" ".lvimrc"
        ".vim/" ".emacs*" ".clangd" ".clang-tidy" ".clang-format" ".ycm_extra_conf.py"
        "compile_commands.json" "compile_flags.txt" ".sourcery*" ".swiftlint*" ".swiftformat"
        ".luarc*" ".luacheckrc";
    "a container tool runs it":
        ".devcontainer/" ".devcontainer*" "devcontainer.json" "dockerfile" "dockerfile.*"
        "dockerfile-*" "*.dockerfile" "containerfile" "containerfile.*" "containerfile-*"
        "*.containerfile" ".dockerignore" "docker-compose*.y*ml" "compose.y*ml" "compose.*.y*ml"
        "docker-bake*.hcl" "docker-bake*.json" "vagrantfile" "vagrantfile.*" "*.pkr.hcl"
        "*.pkr.json" "podman-compose*.y*ml";
    "it decides what a machine or a cluster does":
        "*.tf" "*.tf.json" "*.tfvars" "*.tfvars.json" "*.hcl" "*.bicep" "*.nomad" "*.rego"
        "*.jsonnet" "*.libsonnet" "*.cue" "*.pp" "*.sls" "kustomization.y*ml" "chart.y*ml"
        "values*.y*ml" "helmfile*.y*ml" "k8s/" ".k8s/" "kubernetes/" "helm/" "charts/*/"
        "kustomize/" "terraform/" ".terraform*" "pulumi*.y*ml" "cdk.json" "samconfig.toml"
        "samconfig.y*ml" "cloudformation/" "ansible/" "ansible*.cfg" ".ansible*" "playbook*.y*ml"
        "playbooks/" "tasks/*.y*ml" "handlers/*.y*ml" "inventory.ini" "inventory.y*ml" "hosts.ini"
        "site.y*ml" "*.service" "*.timer" "*.socket" "*.desktop" "*.plist" "crontab"
        "cron.d/" "cloud-init*.y*ml" "cloud-init*.cfg" "user-data";
    "a shell runs it":
        "*.sh" "*.bash" "*.zsh" "*.fish" "*.ksh" "*.csh" "*.tcsh" "*.nu" "*.ps1" "*.psm1" "*.psd1"
        "*.bat" "*.cmd" "*.vbs" "*.wsf" "*.command" "*.applescript" "*.awk" "*.expect" ".bash*"
        ".profile" ".zsh*" ".zlog*" ".zprofile" ".kshrc" ".cshrc" ".tcshrc" ".login" ".logout"
        ".inputrc" ".xinitrc" ".xprofile" ".xsession*" ".screenrc" ".tmux.conf" ".netrc" ".ssh/"
        ".gnupg/" ".config/" ".envrc" ".direnv/" ".env" ".env.*" "*.env" ".tool-versions"
        ".asdfrc" "mise*.toml" ".mise*" ".nvmrc" ".node-version" ".python-version" ".ruby-version"
        ".java-version" ".sdkmanrc" ".toolversions";
    "a task runner runs it":
        "makefile" "makefile.*" "makefile-*" "gnumakefile" "*.mk" "*.mak" "*.make" "justfile"
        ".justfile" "*.just" "taskfile" "taskfile.*" "rakefile" "*.rake" "magefile*.go"
        "gulpfile.*" "gruntfile.*" "jakefile" "jakefile.*" "cakefile" "fabfile.py" "noxfile.py"
        "dodo.py" "pavement.py" "robofile.php" "castor.php" "capfile" "guardfile" "fastlane/"
        "fastfile" "thorfile" "snakefile" "*.smk" "*.nf" "nextflow.config" "runfile" "xtask/";
    "cargo builds or runs by it":
        "build.rs" "build/main.rs" "cargo.toml" ".cargo/" "rust-toolchain*" "rustfmt.toml"
        ".rustfmt.toml" "clippy.toml" ".clippy.toml" "cross.toml" "trunk.toml" "deny.toml"
        "cbindgen.toml" "build_script*/" "*-macros/" "*_macros/" "*-macro/" "*_macro/" "*-derive/"
        "*_derive/" "proc-macro*/" "proc_macro*/";
    "Python runs it, or builds by it":
        "setup.py" "setup.cfg" "pyproject.toml" "tox.ini" "pytest.ini" ".pytest.ini" "conftest.py"
        "sitecustomize.py" "usercustomize.py" "*.pth" "requirements*.txt" "requirements*.in"
        "constraints*.txt" "requirements/" "pipfile" "pipfile.*" "manifest.in" "environment*.y*ml"
        "conda*.y*ml" "meta.yaml" "conanfile.*" "sconstruct" "sconscript" "wscript" "waf"
        "docs/conf.py" "doc/conf.py" "docs/source/conf.py" "*.conf.py" "hatch_build.py"
        "_custom_build.py" "build_ext.py" "pdm_build.py" "mypy.ini" ".mypy.ini" ".pylintrc"
        "pylintrc" ".flake8" ".coveragerc" "ruff.toml" ".ruff.toml" ".pdbrc*" ".pypirc" "pip.conf"
        "ipython_config.py" "jupyter_*config.py" ".pythonrc*" ".pythonstartup*" "*.ipynb";
    "a JavaScript tool runs it, or builds by it":
        "package.json" "package.json5" ".npmrc" ".npmignore" ".yarnrc*" ".yarn/" ".pnp.*"
        ".pnpmfile.*" "pnpmfile.*" "pnpm-workspace.y*ml" "lerna.json" "nx.json" "turbo.json"
        "rush.json" "bower.json" ".bowerrc" "*.config.js" "*.config.cjs" "*.config.mjs"
        "*.config.jsx" "*.config.ts" "*.config.cts" "*.config.mts" "*.config.tsx" "*.config.json"
        "*.conf.js" "*.conf.cjs" "*.conf.mjs" "*.conf.ts" "webpack.*js" "webpack.*ts" "*.setup.js"
        "*.setup.cjs" "*.setup.mjs" "*.setup.ts" ".*rc" ".*rc.js" ".*rc.cjs" ".*rc.mjs" ".*rc.ts"
        ".*rc.json" ".*rc.y*ml" ".*rc.toml" "tsconfig*.json" "jsconfig*.json" "deno.json*"
        "import_map.json" "bunfig.toml" "ember-cli-build.js" "gatsby-*.js" "gatsby-*.ts"
        "angular.json" "nest-cli.json" "project.json" "node_modules/" ".storybook/";
    "a C or C++ build runs it":
        "cmakelists.txt" "*.cmake" "*.cmake.in" "cmakepresets.json" "cmakeuserpresets.json"
        "configure" "configure.ac" "configure.in" "*.m4" "*.am" "autogen.sh" "bootstrap"
        "meson.build" "meson_options.txt" "meson.options" "meson.format" "premake*.lua"
        "xmake.lua" "jamfile" "jamfile.*" "jamroot" "jamroot.*" "*.jam" "*.ninja" "*.gyp" "*.gypi"
        "*.gn" "*.gni" ".gn" "vcpkg.json" "vcpkg-configuration.json" "*.pro" "*.pri" "*.qbs";
    "Bazel, Buck or Pants runs it":
        "workspace" "workspace.bazel" "workspace.bzlmod" "module.bazel" "build" "build.bazel"
        "*.bazel" "*.bzl" "*.bazelrc" ".bazel*" "buck" "targets" ".buckconfig*" "pants*.toml"
        "build.pants";
    "a build of the JVM runs it":
        "build.gradle*" "settings.gradle*" "*.gradle" "*.gradle.kts" "gradle.properties" "gradle/"
        "gradlew" "gradlew.bat" "init.gradle*" "buildsrc/" "build-logic/" "pom.xml" "*.pom" "mvnw"
        "mvnw.cmd" ".mvn/" "build.xml" "ivy*.xml" "*.sbt" "project/*.scala" "project/*.properties"
        "build.sc" "build.mill" "*.gant" "project.clj" "deps.edn" "bb.edn" "shadow-cljs.edn"
        "build.boot" "libs.versions.toml";
    "a build of .NET runs it":
        "*.*proj" "*.props" "*.targets" "*.sln" "*.slnx" "*.nuspec" "nuget.config" "global.json"
        "packages.config" "directory.build.*" "*.rsp" "paket.dependencies" "paket.references"
        "paket.template" "*.cake" "*.fsx" "*.csx" "*.tt" "*.ruleset" "*.globalconfig"
        "dotnet-tools.json";
    "a build of an Apple platform runs it":
        "package.swift" "package@swift*.swift" "podfile" "podfile.*" "*.podspec*" "cartfile"
        "cartfile.*" "*.xcodeproj/" "*.xcworkspace/" "*.xcconfig" "*.xcscheme" "*.pbxproj"
        "tuist/" "mintfile";
    "Ruby or PHP runs it, or builds by it":
        "gemfile" "gemfile.*" "*.gemspec" "extconf.rb" "config.ru" "appraisals" "brewfile"
        "berksfile" "puppetfile" "steepfile" ".irbrc" ".pryrc" ".rspec" ".rubocop*" ".bundle/"
        "composer.json" "artisan" ".php-cs-fixer*" ".php_cs*" "rector.php" "ecs.php" "deploy.php"
        "phpunit.xml*" "phpstan.neon*" ".htaccess" ".user.ini" "php.ini";
    "another language's tools run it, or build by it":
        "go.mod" "go.work" "mix.exs" ".formatter.exs" ".iex.exs" ".credo.exs" "config/*.exs"
        "rebar.config*" "erlang.mk" "*.app.src" "dune" "dune-project" "dune-workspace" "dune.inc"
        "*.opam" "opam" ".ocamlinit" "myocamlbuild.ml" "setup.hs" "setup.lhs" "*.cabal"
        "cabal.project*" "stack.y*ml" "package.y*ml" ".ghci" "hie.yaml" "shakefile.hs" "*.nix"
        ".rprofile" ".renviron" "rprofile.site" "renv/" "description" "makevars" "makevars.*"
        "project.toml" "manifest.toml" "deps/build.jl" "startup.jl" "*.rockspec" "pubspec*.y*ml"
        "build.yaml" "analysis_options.y*ml" "hook/build.dart" "build.zig" "build.zig.zon"
        "*.nimble" "*.nims" "nim.cfg" "shard.y*ml" "dub.json" "dub.sdl" "v.mod" "guix.scm"
        "makefile.pl" "build.pl" "cpanfile" "cpanfile.snapshot" "*.asd" "cask" "eldev" "elm.json"
        "spago.dhall" "spago.y*ml" "foundry.toml" "move.toml" "scarb.toml" "alire.toml" "*.gpr"
        "fpm.toml";
    "it decides which code is fetched":
        "*.lock" "*.lockfile" "*-lock.json" "*-lock.y*ml" "*.lock.json" "*.lock.hcl" "bun.lockb"
        "go.sum" "go.work.sum" "npm-shrinkwrap.json" "package.resolved" "*.sum";
}
