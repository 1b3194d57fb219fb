//! The configuration file: names of options, each with a value or a list of values.

use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// A configuration file that was read.
pub(super) struct ConfigFile {
    path: PathBuf,
    entries: Vec<Entry>,
}

/// A key of the file.
pub(super) struct Entry {
    key: String,
    /// The line it stands in, from 1.
    pub line: usize,
    pub is_list: bool,
    pub values: Vec<String>,
}

impl ConfigFile {
    /// Reads a file.
    ///
    /// # Errors
    /// A message with the line that is not understood.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let text = std::fs::read_to_string(path).map_err(|error| format!("{shown}: {error}"))?;
        let line_of = |at: usize| text.get(..at).map_or(1, |before| before.lines().count().max(1));
        let table = DeTable::parse(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| line_of(span.start + 1));
            format!("{shown}:{line}: {}", error.message())
        })?;
        let mut entries = Vec::new();
        for (key, value) in table.get_ref() {
            let line = line_of(key.span().start + 1);
            let name = key.get_ref().to_string();
            let (is_list, values) = values_of(value.get_ref())
                .ok_or_else(|| format!("{shown}:{line}: {name} is neither a value nor a list"))?;
            entries.push(Entry { key: name, line, is_list, values });
        }
        entries.sort_by_key(|entry| entry.line);
        Ok(Self { path: path.to_owned(), entries })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the keys with their lines, in the order of the file.
    pub(super) fn keys(&self) -> impl Iterator<Item = (&str, usize)> {
        self.entries.iter().map(|entry| (entry.key.as_str(), entry.line))
    }

    /// Returns what the file says of an option; its key may have hyphens or underscores.
    pub(super) fn get(&self, option: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key.replace('_', "-") == option)
    }
}

/// Returns the texts of a value or a list, and whether it is a list. None for a table.
fn values_of(value: &DeValue<'_>) -> Option<(bool, Vec<String>)> {
    match value {
        DeValue::Array(items) => {
            let texts = items.iter().map(|item| text_of(item.get_ref()));
            Some((true, texts.collect::<Option<_>>()?))
        }
        other => Some((false, vec![text_of(other)?])),
    }
}

fn text_of(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.to_string().replace('_', "")),
        DeValue::Float(number) => Some(number.to_string()),
        DeValue::Boolean(truth) => Some(truth.to_string()),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}
