//! Imports of the server's modules go from higher layers to lower ones, and no files import each
//! other in a cycle. Test code is exempt.

use super::{Source, expect_none, item_lines, sources};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Modules of server/src from the lowest layer to the highest. A module may import only the modules
/// before it.
const LAYERS: &[&str] = &[
    "limits",
    "histogram",
    "clock",
    "direct_io",
    "local_socket",
    "open_files",
    "prefetch",
    "runtime",
    "signals",
    "telemetry",
    "data_dir",
    "access",
    "engine",
    "journal",
    "message",
    "cluster",
    "quotes",
    "tls",
    "logins",
    "config",
    "audit",
    "shard",
    "execution",
    "stats",
    "router",
    "session",
    "listener",
    "server",
    "metrics",
    "service",
    "backup",
    "cluster_setup",
    "admin",
    "cli",
];

/// Returns the modules that a module of server/src may import, or `None` if it has no layer.
fn importable(module: &str) -> Option<&'static [&'static str]> {
    LAYERS.iter().position(|layer| *layer == module).map(|at| &LAYERS[..at])
}

#[test]
fn no_module_of_the_server_imports_a_higher_layer() {
    let sources = sources();
    let graph = Graph::new(&sources, "server/src/");
    let mut violations = BTreeSet::new();
    for (from, targets) in &graph.imports {
        let (Some(from_module), path) = (from.first(), &graph.files[from].path) else { continue };
        let Some(importable) = importable(from_module) else {
            violations.insert(format!("{from_module} has no place in LAYERS ({path})"));
            continue;
        };
        for to in targets.iter().filter_map(|target| target.first()) {
            if to != from_module && !importable.contains(&to.as_str()) {
                violations.insert(format!("{from_module} -> {to} ({path})"));
            }
        }
    }
    expect_none(&Vec::from_iter(violations));
}

#[test]
fn no_files_import_each_other_in_a_cycle() {
    let sources = sources();
    let mut violations = Vec::new();
    for root in ["server/src/", "protocol/src/"] {
        let graph = Graph::new(&sources, root);
        assert!(graph.imports.values().map(BTreeSet::len).sum::<usize>() > 10, "imports in {root}");
        for (module, file) in &graph.files {
            if let Some(cycle) = graph.cycle(module) {
                violations.push(format!("{}: in the cycle {}", file.path, cycle.join(" -> ")));
            }
        }
    }
    expect_none(&violations);
}

/// Path of a module from the crate's root; empty for the root.
type ModulePath = Vec<String>;

/// The files of a crate and their imports.
struct Graph<'a> {
    files: BTreeMap<ModulePath, &'a Source>,
    imports: BTreeMap<ModulePath, BTreeSet<ModulePath>>,
}

impl<'a> Graph<'a> {
    fn new(sources: &'a [Source], root: &str) -> Self {
        let mut files = BTreeMap::new();
        let mut test_files = BTreeSet::new();
        for source in sources {
            let Some(path) = source.path.strip_prefix(root) else { continue };
            // The binary of the server is another crate.
            if path != "main.rs" {
                files.insert(module_path(path), source);
                test_files.extend(test_modules(source));
            }
        }
        files.retain(|_, source| !test_files.contains(&source.path));
        let uses: BTreeMap<ModulePath, Vec<Use>> = files
            .iter()
            .map(|(module, source)| (module.clone(), uses(&production_code(&source.text))))
            .collect();
        let mut imports = BTreeMap::new();
        for (module, uses_of_module) in &uses {
            let targets: BTreeSet<ModulePath> = uses_of_module
                .iter()
                .filter(|import| !import.is_reexport())
                .filter_map(|import| resolve(&uses, module, &import.path))
                .filter(|target| target != module)
                .collect();
            imports.insert(module.clone(), targets);
        }
        Self { files, imports }
    }

    /// Returns the paths of a shortest cycle through a file, if it has one.
    fn cycle(&self, start: &ModulePath) -> Option<Vec<&str>> {
        let mut previous: BTreeMap<&ModulePath, &ModulePath> = BTreeMap::new();
        let mut queue = VecDeque::from([start]);
        while let Some(module) = queue.pop_front() {
            for target in &self.imports[module] {
                if target == start {
                    let mut cycle = vec![start, module];
                    while let Some(&before) = previous.get(cycle.last()?) {
                        cycle.push(before);
                    }
                    return Some(cycle.iter().rev().map(|m| &*self.files[*m].path).collect());
                }
                if !previous.contains_key(target) {
                    previous.insert(target, module);
                    queue.push_back(target);
                }
            }
        }
        None
    }
}

/// Converts a file's path below `src/` into the path of its module.
fn module_path(path: &str) -> ModulePath {
    let mut segments: ModulePath =
        path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if segments.last().is_some_and(|last| last == "mod" || last == "lib") {
        segments.pop();
    }
    segments
}

/// Returns the files of the modules that a file declares under `#[cfg(test)]`.
fn test_modules(source: &Source) -> Vec<String> {
    let folder = match source.path.trim_end_matches(".rs") {
        path if path.ends_with("/mod") || path.ends_with("/lib") => &path[..path.len() - 4],
        path => path,
    };
    let mut modules = Vec::new();
    for item in source.text.split("#[cfg(test)]\n").skip(1) {
        let declaration = item.split(';').next().unwrap();
        let Some((attributes, name)) = declaration.split_once("mod ") else { continue };
        if let Some(path) = attributes.split('"').nth(1) {
            // A path attribute is relative to the folder of the declaring file.
            let parent = source.path.rsplit_once('/').unwrap().0;
            modules.push(format!("{parent}/{path}"));
        } else {
            modules.push(format!("{folder}/{name}.rs"));
            modules.push(format!("{folder}/{name}/mod.rs"));
        }
    }
    modules
}

/// Removes comments and the items under `#[cfg(test)]`.
fn production_code(text: &str) -> String {
    let lines: Vec<&str> =
        text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let mut code = String::new();
    let mut at = 0;
    while at < lines.len() {
        if lines[at].trim() == "#[cfg(test)]" {
            at += 1;
            while lines[at].trim_start().starts_with("#[") {
                at += 1;
            }
            at += item_lines(&lines[at..]);
        } else {
            code.push_str(lines[at]);
            code.push('\n');
            at += 1;
        }
    }
    code
}

/// An imported path.
struct Use {
    /// True for a `pub use`, which gives the item a second path.
    public: bool,
    path: Vec<String>,
}

impl Use {
    /// Returns true for a re-export of the module's own child, which is not an import.
    fn is_reexport(&self) -> bool {
        self.public && !matches!(self.path[0].as_str(), "crate" | "super")
    }
}

/// Returns the paths of all `use` declarations, and the other paths that begin with `crate::`.
fn uses(code: &str) -> Vec<Use> {
    let (mut uses, mut other_code) = (Vec::new(), String::new());
    let mut lines = code.lines();
    while let Some(line) = lines.next() {
        let visibility = match line.trim_start().split_once("use ") {
            Some((visibility, _)) if visibility.is_empty() || visibility.starts_with("pub") => {
                visibility
            }
            _ => {
                other_code.push_str(line);
                continue;
            }
        };
        let mut declaration = line.to_owned();
        while !declaration.ends_with(';') {
            declaration.push_str(lines.next().unwrap());
        }
        let (_, tree) = declaration.split_once("use ").unwrap();
        for path in expand(tree.trim_end_matches(';')) {
            uses.push(Use { public: !visibility.is_empty(), path });
        }
    }
    for path in other_code.split("crate::").skip(1) {
        let end = path.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':');
        let path = format!("crate::{}", &path[..end.unwrap_or(path.len())]);
        uses.push(Use { public: false, path: path.split("::").map(str::to_owned).collect() });
    }
    uses
}

/// Expands a use tree into its paths.
fn expand(tree: &str) -> Vec<Vec<String>> {
    let tree = tree.trim();
    let Some((prefix, group)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap();
        return vec![path.split("::").map(|segment| segment.trim().to_owned()).collect()];
    };
    let prefix: Vec<String> = prefix
        .split("::")
        .map(|segment| segment.trim().to_owned())
        .filter(|s| !s.is_empty())
        .collect();
    let group = group.trim_end().trim_end_matches('}');
    let (mut depth, mut start, mut members) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                members.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    members.push(&group[start..]);
    let expanded = members.into_iter().filter(|member| !member.trim().is_empty()).flat_map(expand);
    expanded.map(|path| [prefix.clone(), path].concat()).collect()
}

/// Finds the file that defines an imported item. Follows re-exports. Returns `None` for a path of
/// another crate.
fn resolve(
    uses: &BTreeMap<ModulePath, Vec<Use>>,
    importer: &[String],
    path: &[String],
) -> Option<ModulePath> {
    let supers = path.iter().take_while(|segment| *segment == "super").count();
    let (mut module, rest) = match path.first()?.as_str() {
        "crate" => (ModulePath::new(), &path[1..]),
        "self" => (importer.to_vec(), &path[1..]),
        "super" => (importer[..importer.len().checked_sub(supers)?].to_vec(), &path[supers..]),
        child => {
            uses.get(&[importer, &[child.to_owned()]].concat())?;
            (importer.to_vec(), path)
        }
    };
    for segment in rest {
        let child = [&module[..], std::slice::from_ref(segment)].concat();
        if uses.contains_key(&child) {
            module = child;
            continue;
        }
        let reexport = uses.get(&module)?.iter().find(|import| {
            import.public && import.path.last() == Some(segment) && import.path != path
        });
        return match reexport {
            Some(import) => resolve(uses, &module, &import.path),
            None => Some(module),
        };
    }
    Some(module)
}

/// Proves that the checks above can fail.
#[test]
fn imports_are_found_in_every_form() {
    let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
    let sources = [
        source("x/lib.rs", "mod a;\nmod b;\n"),
        source("x/a/mod.rs", "mod inner;\npub use inner::{Thing, Other as Another};\n"),
        source("x/a/inner.rs", "use crate::b::{self,\n    deep::{C, D},\n};\nuse std::fmt;\n"),
        source(
            "x/b.rs",
            "fn f() -> crate::a::Thing {}\n#[cfg(test)]\nmod tests {\n    use crate::c;\n}\n",
        ),
        source("x/c.rs", "//! See crate::a.\n#[cfg(test)]\nmod tests;\n"),
        source("x/c/tests.rs", "use crate::a;\n"),
    ];
    let graph = Graph::new(&sources, "x/");
    let names = |path: &[&str]| path.iter().map(|&s| s.to_owned()).collect::<ModulePath>();
    assert_eq!(graph.imports[&names(&["a", "inner"])], BTreeSet::from([names(&["b"])]));
    assert_eq!(graph.imports[&names(&["b"])], BTreeSet::from([names(&["a", "inner"])]));
    assert!(graph.imports[&names(&["c"])].is_empty() && graph.files.len() == 5);
    assert_eq!(graph.cycle(&names(&["b"])).unwrap(), ["x/b.rs", "x/a/inner.rs", "x/b.rs"]);
    assert!(graph.cycle(&names(&["c"])).is_none());
}
