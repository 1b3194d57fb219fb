//! The licences and sources of everything that is built, as deny.toml allows them.

use crate::harness::workspace;
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;

/// An SPDX expression that is being read.
struct Expression<'a> {
    words: std::iter::Peekable<std::vec::IntoIter<&'a str>>,
    allowed: &'a BTreeSet<String>,
}

impl<'a> Expression<'a> {
    /// Returns true if the licences that the expression asks for are allowed.
    fn is_allowed(text: &str, allowed: &'a BTreeSet<String>) -> bool {
        let spaced = text.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
        let words: Vec<&str> = spaced.split_whitespace().collect();
        let mut expression = Expression { words: words.into_iter().peekable(), allowed };
        let is_allowed = expression.any();
        assert!(expression.words.next().is_none(), "{text} is no SPDX expression");
        is_allowed
    }

    fn any(&mut self) -> bool {
        let mut is_allowed = self.all();
        while self.words.next_if_eq(&"OR").is_some() {
            is_allowed |= self.all();
        }
        is_allowed
    }

    fn all(&mut self) -> bool {
        let mut is_allowed = self.one();
        while self.words.next_if_eq(&"AND").is_some() {
            is_allowed &= self.one();
        }
        is_allowed
    }

    fn one(&mut self) -> bool {
        let word = self.words.next().expect("a licence");
        if word == "(" {
            let is_allowed = self.any();
            assert_eq!(self.words.next(), Some(")"));
            return is_allowed;
        }
        match self.words.next_if_eq(&"WITH") {
            Some(_) => {
                let exception = self.words.next().expect("an exception");
                self.allowed.contains(&format!("{word} WITH {exception}"))
            }
            None => self.allowed.contains(word),
        }
    }
}

#[test]
fn expressions_are_read() {
    let allowed = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned).into();
    for (text, is_allowed) in [
        ("MIT", true),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0/MIT", true),
        ("GPL-3.0 AND MIT", false),
        ("(GPL-3.0 OR MIT) AND ISC", true),
        ("Apache-2.0", false),
        ("Apache-2.0 WITH LLVM-exception", true),
    ] {
        assert_eq!(Expression::is_allowed(text, &allowed), is_allowed, "{text}");
    }
}

#[test]
fn every_dependency_has_an_allowed_licence_and_comes_from_crates_io() {
    let text = std::fs::read_to_string(workspace().join("deny.toml")).unwrap();
    let rules: toml::Table = text.parse().unwrap();
    let texts = |value: &toml::Value| value.as_str().unwrap().to_owned();
    let allowed: BTreeSet<String> =
        rules["licenses"]["allow"].as_array().unwrap().iter().map(texts).collect();
    let banned = rules["bans"]["deny"].as_array().unwrap();
    let banned: BTreeSet<String> = banned.iter().map(|one| texts(&one["name"])).collect();
    let mut metadata = Command::new(env!("CARGO"));
    metadata.args(["metadata", "--format-version", "1", "--locked"]).current_dir(workspace());
    let output = metadata.output().unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut wrong = Vec::new();
    let mut used = BTreeSet::new();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        let licence = package["license"].as_str().unwrap_or_default();
        if licence.is_empty() || !Expression::is_allowed(licence, &allowed) {
            wrong.push(format!("{name}: licence {licence:?}"));
        }
        used.extend(allowed.iter().filter(|one| licence.contains(one.as_str())).cloned());
        let source = package["source"].as_str();
        if source.is_some_and(|source| !source.contains("github.com/rust-lang/crates.io-index")) {
            wrong.push(format!("{name}: source {source:?}"));
        }
        if banned.contains(name) {
            wrong.push(format!("{name} is banned by deny.toml"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(used, allowed, "an allowed licence that nothing has");
}
