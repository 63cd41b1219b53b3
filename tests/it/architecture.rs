//! The direction of imports in `src/`: an arrow may be skipped, never reversed.
//!
//! `main -> cli -> app -> {web, jobs} -> {sync, intake, drift, escalation, exchange} -> store -> register`

#![expect(clippy::expect_used, reason = "a test that cannot read its input should say so and stop")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};

/// Each top-level module of `src/` and the modules right beneath it: it may name those, and whatever is beneath them.
const MAP: &[(&str, &[&str])] = &[
    ("register", &[]),
    ("clock", &[]),
    ("timetable", &[]),
    ("store", &["register", "clock"]),
    ("drift", &["store"]),
    ("sync", &["drift"]),
    ("intake", &["store"]),
    ("escalation", &["store"]),
    ("exchange", &["store"]),
    ("web", &["sync", "intake", "escalation", "exchange"]),
    ("jobs", &["sync", "intake", "escalation", "exchange", "timetable"]),
    // Holds the sections that the modules below are handed, so it may name their types.
    ("config", &["web", "jobs"]),
    ("app", &["config"]),
    ("cli", &["app"]),
    ("main", &["cli"]),
];

/// All that stands beneath a module.
fn beneath(module: &str) -> BTreeSet<&'static str> {
    let right = MAP.iter().find(|(name, _)| *name == module).map_or(&[][..], |(_, right)| right);
    right.iter().flat_map(|name| std::iter::once(*name).chain(beneath(name))).collect()
}

/// Crates that only some modules may name.
const CONFINED: &[(&str, &[&str])] = &[
    ("sqlx", &["store"]),
    ("connector_api", &["sync", "web", "jobs", "config", "app"]),
    ("connector_github", &["app"]),
    ("connector_jira", &["app"]),
];

/// What is wrong with one file, a sentence each, beginning `path:line`. `path` is relative to the
/// repository, with `/` between its parts.
fn violations(path: &str, text: &str) -> Vec<String> {
    let mut module = module_of(path);
    let top = if path == "src/main.rs" { Some("main".to_owned()) } else { module.first().cloned() };
    if let Some(name) = &top
        && !MAP.iter().any(|(known, _)| known == name)
    {
        return vec![format!("{path}:1: the module `{name}` has no place on the map in {}", file!())];
    }
    let tokens: TokenStream = match text.parse() {
        Ok(tokens) => tokens,
        Err(error) => return vec![format!("{path}: not readable as Rust: {error}")],
    };
    let mut scan = Scan { path, top: top.as_deref(), found: Vec::new() };
    scan.walk(tokens, &mut module);
    scan.found
}

/// `src/sync/engine.rs` is `sync::engine`; `src/lib.rs` and `src/main.rs` are roots.
fn module_of(path: &str) -> Vec<String> {
    let inner = path.trim_start_matches("src/").trim_end_matches(".rs");
    let mut parts: Vec<String> = inner.split('/').map(str::to_owned).collect();
    if parts.last().is_some_and(|last| last == "mod") || parts == ["lib"] || parts == ["main"] {
        parts.pop();
    }
    parts
}

struct Scan<'a> {
    path: &'a str,
    /// The top-level module the file belongs to; `lib.rs` belongs to none and may name all.
    top: Option<&'a str>,
    found: Vec<String>,
}

impl Scan<'_> {
    /// Looks at every path in `tokens`, macros and attributes included; comments and texts are no tokens.
    fn walk(&mut self, tokens: TokenStream, module: &mut Vec<String>) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at..] {
                [TokenTree::Ident(word), TokenTree::Ident(name), TokenTree::Group(body), ..]
                    if word == "mod" && body.delimiter() == Delimiter::Brace =>
                {
                    module.push(name.to_string());
                    self.walk(body.stream(), module);
                    module.pop();
                    at += 3;
                }
                [TokenTree::Ident(_), ..] => at = self.path(&tokens, at, &[], module),
                [TokenTree::Group(group), ..] => {
                    self.walk(group.stream(), module);
                    at += 1;
                }
                _ => at += 1,
            }
        }
    }

    /// Reads the path that begins at `tokens[at]`, braces of a `use` expanded, and judges it. Gives the
    /// position after it.
    fn path(
        &mut self,
        tokens: &[TokenTree],
        mut at: usize,
        before: &[String],
        module: &mut Vec<String>,
    ) -> usize {
        let mut segments = before.to_vec();
        let mut last: Option<&Ident> = None;
        loop {
            match tokens.get(at) {
                Some(TokenTree::Ident(name)) => {
                    segments.push(name.to_string());
                    last = Some(name);
                    at += 1;
                }
                Some(TokenTree::Punct(star)) if star.as_char() == '*' && last.is_some() => {
                    segments.push("*".to_owned());
                    at += 1;
                    break;
                }
                Some(TokenTree::Group(tree)) if tree.delimiter() == Delimiter::Brace => {
                    let inner: Vec<TokenTree> = tree.stream().into_iter().collect();
                    let mut next = 0;
                    while next < inner.len() {
                        let is_name = matches!(inner[next], TokenTree::Ident(_));
                        next = if is_name { self.path(&inner, next, &segments, module) } else { next + 1 };
                    }
                    return at + 1;
                }
                _ => break,
            }
            if !is_path_separator(tokens, at) {
                break;
            }
            at += 2;
        }
        if let Some(name) = last {
            self.judge(&segments, name, module);
        }
        at
    }

    fn judge(&mut self, segments: &[String], at: &Ident, module: &[String]) {
        let line = at.span().start().line;
        let Some(first) = segments.first() else { return };
        let from = self.top.unwrap_or("lib");
        for (name, homes) in CONFINED {
            if first == name && !homes.contains(&from) {
                self.found.push(format!(
                    "{}:{line}: `{from}` may not name the crate `{name}`; only {} may",
                    self.path,
                    homes.join(", ")
                ));
            }
        }
        let (Some(top), Some(target)) = (self.top, from_root(segments, module, self.path)) else { return };
        let allowed = beneath(top);
        if target != top && !allowed.contains(&target) {
            let why = if MAP.iter().any(|(name, _)| *name == target) {
                format!("`{top}` may not import `{target}`")
            } else {
                format!("`{target}` has no place on the map in {}", file!())
            };
            self.found.push(format!("{}:{line}: {why} (`{}`)", self.path, segments.join("::")));
        }
    }
}

/// The top-level name that a path reaches, if it goes through the crate's root.
fn from_root<'a>(segments: &'a [String], module: &[String], path: &str) -> Option<&'a str> {
    let ups = match segments.first()?.as_str() {
        "crate" => return segments.get(1).map(String::as_str),
        "poam" if path == "src/main.rs" => return segments.get(1).map(String::as_str),
        "self" => segments[1..].iter().take_while(|name| *name == "super").count(),
        _ => segments.iter().take_while(|name| *name == "super").count(),
    };
    let rest = ups + usize::from(segments[0] == "self");
    (ups > 0 && ups >= module.len()).then(|| segments.get(rest).map(String::as_str)).flatten()
}

fn is_path_separator(tokens: &[TokenTree], at: usize) -> bool {
    let colon = |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(mark)) if mark.as_char() == ':');
    colon(at) && colon(at + 1)
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.expect("a folder's entry is readable").path()) {
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn imports_in_src_go_one_way() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    rust_files(&root.join("src"), &mut files);
    files.sort();
    assert!(!files.is_empty(), "no Rust files under {}/src", root.display());
    let mut found = Vec::new();
    for file in files {
        let path = file.strip_prefix(root).expect("every file lies under the root");
        let path =
            path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/");
        found.extend(violations(&path, &fs::read_to_string(&file).expect("a source file is readable")));
    }
    assert!(found.is_empty(), "imports against the direction:\n{}", found.join("\n"));
}

#[test]
fn every_crate_comes_from_crates_io_and_none_brings_another_tls() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock");
    let lock: toml::Table =
        fs::read_to_string(path).expect("Cargo.lock is readable").parse().expect("Cargo.lock is TOML");
    let packages = lock["package"].as_array().expect("Cargo.lock lists packages");
    let mut found = Vec::new();
    for package in packages {
        let name = package["name"].as_str().expect("a package has a name");
        match package.get("source").and_then(toml::Value::as_str) {
            None if name == "poam-bridge" || name.starts_with("connector-") => {}
            Some("registry+https://github.com/rust-lang/crates.io-index") => {}
            source => found.push(format!("{name} comes from {}", source.unwrap_or("a path"))),
        }
        if matches!(name, "openssl" | "openssl-sys" | "native-tls") {
            found.push(format!("{name}: TLS is rustls on every platform"));
        }
    }
    assert!(found.is_empty(), "against the supply-chain rules:\n{}", found.join("\n"));
}

mod rules {
    use super::violations;

    #[track_caller]
    fn refused(path: &str, text: &str, expected: &[&str]) {
        let found = violations(path, text);
        assert_eq!(found, expected, "{path}:\n{text}");
    }

    #[test]
    fn a_reversed_arrow_is_named_with_file_and_line() {
        refused(
            "src/register/item.rs",
            "//! Items.\n\nuse std::fmt;\nuse crate::store::Db;\n",
            &["src/register/item.rs:4: `register` may not import `store` (`crate::store::Db`)"],
        );
        refused(
            "src/store/mod.rs",
            "fn f() { crate::app::run(); }",
            &["src/store/mod.rs:1: `store` may not import `app` (`crate::app::run`)"],
        );
    }

    #[test]
    fn a_skipped_arrow_and_the_module_itself_are_fine() {
        refused("src/cli/item.rs", "use crate::{app, register::Item, cli::table};", &[]);
        refused(
            "src/sync/engine.rs",
            "use crate::{clock::Clock, store, sync::merge}; use connector_api::Ticket;",
            &[],
        );
        refused("src/main.rs", "use poam::cli;", &[]);
        refused("src/lib.rs", "pub mod store;\npub mod app;\npub use crate::app::run;", &[]);
    }

    #[test]
    fn braces_are_looked_into() {
        refused(
            "src/drift/detect.rs",
            "use crate::{\n    register::{Item, Milestone},\n    exchange::{self, csv::{Row}},\n    web,\n};",
            &[
                "src/drift/detect.rs:3: `drift` may not import `exchange` (`crate::exchange::self`)",
                "src/drift/detect.rs:3: `drift` may not import `exchange` (`crate::exchange::csv::Row`)",
                "src/drift/detect.rs:4: `drift` may not import `web` (`crate::web`)",
            ],
        );
        refused(
            "src/intake/mod.rs",
            "use {crate::web::Page, std::io};",
            &["src/intake/mod.rs:1: `intake` may not import `web` (`crate::web::Page`)"],
        );
    }

    #[test]
    fn super_counts_when_it_reaches_the_root() {
        refused("src/store/item.rs", "use super::Db; mod tests { use super::super::Db; use super::*; }", &[]);
        refused(
            "src/store/item.rs",
            "use super::super::web::Page;\nmod tests { use super::super::super::jobs; }",
            &[
                "src/store/item.rs:1: `store` may not import `web` (`super::super::web::Page`)",
                "src/store/item.rs:2: `store` may not import `jobs` (`super::super::super::jobs`)",
            ],
        );
        refused(
            "src/store.rs",
            "use self::super::web;",
            &["src/store.rs:1: `store` may not import `web` (`self::super::web`)"],
        );
    }

    #[test]
    fn everything_of_the_root_at_once_is_refused() {
        let map = file!();
        refused(
            "src/sync/mod.rs",
            "use crate::*;",
            &[&format!("src/sync/mod.rs:1: `*` has no place on the map in {map} (`crate::*`)")],
        );
    }

    #[test]
    fn a_crate_stays_in_its_home() {
        refused("src/store/db.rs", "#[derive(sqlx::FromRow)] struct Row; use sqlx::Sqlite;", &[]);
        refused("src/app/mod.rs", "use connector_github::GitHub;\nuse connector_jira as jira;", &[]);
        refused(
            "src/drift/mod.rs",
            "#[derive(Debug, sqlx::FromRow)]\nstruct Row;\nuse connector_jira as jira;\nuse connector_api::Ticket;",
            &[
                "src/drift/mod.rs:1: `drift` may not name the crate `sqlx`; only store may",
                "src/drift/mod.rs:3: `drift` may not name the crate `connector_jira`; only app may",
                "src/drift/mod.rs:4: `drift` may not name the crate `connector_api`; only sync, web, jobs, config, app may",
            ],
        );
    }

    #[test]
    fn macros_are_code_and_comments_and_texts_are_not() {
        refused(
            "src/register/decide.rs",
            "/// See [`crate::store::Db`].\n// use crate::app;\nconst S: &str = \"crate::web::x sqlx::query\";",
            &[],
        );
        refused(
            "src/register/decide.rs",
            "fn f() { vec![crate::clock::now()]; }",
            &["src/register/decide.rs:1: `register` may not import `clock` (`crate::clock::now`)"],
        );
    }

    #[test]
    fn a_module_without_a_place_is_named() {
        let map = file!();
        refused(
            "src/helpers/mod.rs",
            "",
            &[&format!("src/helpers/mod.rs:1: the module `helpers` has no place on the map in {map}")],
        );
        refused(
            "src/web/api.rs",
            "use crate::helpers::x;",
            &[&format!("src/web/api.rs:1: `helpers` has no place on the map in {map} (`crate::helpers::x`)")],
        );
    }
}
