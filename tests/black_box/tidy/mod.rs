//! Checks the repository's own sources: widths, lengths, the tests named by docs/PROMISES.md, the
//! imports between modules, and the licences of what is built.

mod imports;
mod licences;
mod packaging;

use crate::harness::workspace;
use std::path::Path;

const LINE_COLUMNS_MAX: usize = 100;
const FUNCTION_LINES_MAX: usize = 70;
const FILE_LINES_MAX: usize = 400;

/// Files that may have more lines than the limit, each with its reason.
const LONG_FILES: &[(&str, &str)] =
    &[("server/src/engine/cases.rs", "tables of scenarios, one row a case")];

/// A source file of the repository.
struct Source {
    /// Path from the root of the repository, with `/`.
    path: String,
    text: String,
}

impl Source {
    fn is_markdown(&self) -> bool {
        Path::new(&self.path).extension().is_some_and(|extension| extension == "md")
    }

    /// Returns the lines with their numbers, from 1.
    fn numbered_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.lines())
    }
}

/// Reads every Rust and Markdown file except build output and hidden folders.
fn sources() -> Vec<Source> {
    let mut sources = Vec::new();
    let mut folders = vec![workspace().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy();
            if path.is_dir() {
                if name != "target" && !name.starts_with('.') {
                    folders.push(path);
                }
            } else if name.ends_with(".rs") || name.ends_with(".md") {
                let relative = path.strip_prefix(workspace()).unwrap();
                sources.push(Source {
                    path: relative.to_string_lossy().replace('\\', "/"),
                    text: std::fs::read_to_string(&path).unwrap(),
                });
            }
        }
    }
    assert!(sources.len() > 100, "{} sources in {}", sources.len(), workspace().display());
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

/// Fails with a list of the violations, if there are any.
fn expect_none(violations: &[String]) {
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

/// Markdown tables, fenced code blocks and lines with a URL may be wider.
#[test]
fn lines_end_at_100_columns() {
    let mut violations = Vec::new();
    for source in sources() {
        let mut fenced = false;
        for (number, line) in source.numbered_lines() {
            if source.is_markdown() && line.trim_start().starts_with("```") {
                fenced = !fenced;
            }
            let exempt = source.is_markdown() && (fenced || line.starts_with('|'));
            let columns = line.chars().count();
            if columns > LINE_COLUMNS_MAX && !exempt && !line.contains("://") {
                violations.push(format!("{}:{number}: {columns} columns", source.path));
            }
        }
    }
    expect_none(&violations);
}

#[test]
fn functions_have_at_most_70_lines() {
    let mut violations = Vec::new();
    for source in sources().iter().filter(|source| !source.is_markdown()) {
        let lines: Vec<&str> = source.text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let Some(name) = function_name(line) else { continue };
            let count = item_lines(&lines[at..]);
            if count > FUNCTION_LINES_MAX {
                violations.push(format!("{}: {name}, line {}: {count} lines", source.path, at + 1));
            }
        }
    }
    expect_none(&violations);
}

/// Returns the name of the function that this line begins.
fn function_name(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("fn ")?;
    let qualifiers = ["pub", "const", "async", "unsafe", "extern", "default"];
    let is_item = before
        .split_whitespace()
        .all(|word| qualifiers.iter().any(|qualifier| word.starts_with(qualifier)));
    let end = after.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    (is_item && end > 0).then(|| &after[..end])
}

/// Counts the lines of an item from its first line to the closing brace at the same indentation.
/// rustfmt guarantees this form.
fn item_lines(lines: &[&str]) -> usize {
    let indentation = lines[0].len() - lines[0].trim_start().len();
    let closing = format!("{}}}", &lines[0][..indentation]);
    let header = lines.iter().position(|line| line.ends_with(['{', '}', ';'])).unwrap_or(0);
    if !lines[header].ends_with('{') {
        return header + 1;
    }
    let body = lines[header + 1..].iter().position(|line| line.starts_with(&closing));
    body.map_or(lines.len(), |at| header + at + 2)
}

#[test]
fn files_have_at_most_400_lines() {
    let mut violations = Vec::new();
    for source in sources().iter().filter(|source| !source.is_markdown()) {
        let count = source.text.lines().count();
        let is_listed = LONG_FILES.iter().any(|(path, _)| *path == source.path);
        match (count > FILE_LINES_MAX, is_listed) {
            (true, false) => violations.push(format!("{}: {count} lines", source.path)),
            (false, true) => violations.push(format!("{} is short now", source.path)),
            _ => {}
        }
    }
    expect_none(&violations);
}

/// docs/PROMISES.md names a test as `module::test`, all tests of a module as `module::*` or
/// `module`.
#[test]
fn every_test_named_in_the_promises_exists() {
    let sources = sources();
    let promises = sources.iter().find(|source| source.path == "docs/PROMISES.md").unwrap();
    let (mut violations, mut named) = (Vec::new(), 0);
    for (number, line) in promises.numbered_lines() {
        for name in line.split('`').skip(1).step_by(2).filter(|name| name.contains("::")) {
            named += 1;
            let segments: Vec<&str> =
                name.split("::").filter(|segment| !matches!(*segment, "*" | "")).collect();
            if !is_test(&sources, &segments) && !is_test_module(&sources, &segments) {
                violations.push(format!("{name}: no such test (docs/PROMISES.md:{number})"));
            }
        }
    }
    assert!(named > 10, "only {named} tests are named");
    violations.dedup();
    expect_none(&violations);
}

/// Returns true if the last segment is the name of a function under `#[test]`, in a file of the
/// module that the first segment names.
fn is_test(sources: &[Source], segments: &[&str]) -> bool {
    let [module, .., name] = segments else { return false };
    let declaration = format!("fn {name}(");
    sources.iter().filter(|source| in_module(source, module)).any(|source| {
        let Some((before, _)) = source.text.split_once(&declaration) else { return false };
        // Attributes and the indentation stand between `#[test]` and the function.
        let attributes = before.rsplit("\n\n").next().unwrap();
        attributes.contains("#[test]") || attributes.contains("#[tokio::test")
    })
}

/// Returns true if the segments name a module whose file has tests.
fn is_test_module(sources: &[Source], segments: &[&str]) -> bool {
    let (last, parents) = segments.split_last().unwrap();
    let inline = format!("mod {last} {{");
    sources.iter().any(|source| {
        let path = source.path.trim_end_matches(".rs").trim_end_matches("/mod");
        let is_file = path.ends_with(&format!("/{}", segments.join("/")));
        let is_inline = !parents.is_empty()
            && path.ends_with(&format!("/{}", parents.join("/")))
            && source.text.contains(&inline);
        (is_file || is_inline) && source.text.contains("#[test]")
    })
}

/// Returns true if a module name is a component of the file's path.
fn in_module(source: &Source, module: &str) -> bool {
    source.path.trim_end_matches(".rs").split('/').any(|component| component == module)
}
