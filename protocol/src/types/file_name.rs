//! Names of dump files.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest dump file name with its folders, in bytes. A line cannot carry more.
pub const FILENAME_BYTES_MAX: usize = 512;

/// The file name of a DUMPLOG: a relative path of plain components, at most [`FILENAME_BYTES_MAX`]
/// bytes. Symbolic links are checked when the file is opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Box<str>", into = "Box<str>")]
pub struct FileName(Box<str>);

impl FileName {
    /// Parses a file name. It must not be empty, absolute, or contain `..`, NUL or a hidden
    /// component, and it must end with a file's name. A component is hidden if it begins with a
    /// dot; only `.` itself is allowed.
    pub fn parse(field: &str) -> Option<Self> {
        Self::parse_recorded(field).filter(|name| !name.is_hidden())
    }

    /// Returns true if a component is hidden.
    pub(crate) fn is_hidden(&self) -> bool {
        self.0.split('/').any(|part| part != "." && part.starts_with('.'))
    }

    /// Parses a file name of a journal. Journals of earlier versions contain hidden components.
    pub(crate) fn parse_recorded(field: &str) -> Option<Self> {
        let mut parts = field.split('/');
        let last_is_a_name = parts.next_back().is_some_and(|last| !matches!(last, "" | "." | ".."));
        let good = last_is_a_name
            && field.len() <= FILENAME_BYTES_MAX
            && !field.starts_with('/')
            && !field.contains('\0')
            && parts.all(|part| part != "..");
        good.then(|| Self(field.into()))
    }

    /// Returns the path as it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<Box<str>> for FileName {
    type Error = &'static str;
    fn try_from(text: Box<str>) -> Result<Self, Self::Error> {
        Self::parse_recorded(&text).ok_or("not a dump file name")
    }
}

impl From<FileName> for Box<str> {
    fn from(name: FileName) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_stay_relative() {
        for good in ["./testLOG", "testLOG", "a/b/c.xml", "./a/./b", "a.b", "a b"] {
            assert!(FileName::parse(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "/etc/passwd",
            "..",
            "../x",
            "a/../b",
            "a/..",
            "a/",
            ".",
            "a/.",
            "a\0b",
            "...",
            ".bashrc",
            "./.git/config",
            ".git/config",
            "a/.b/c",
            &"x".repeat(513),
        ] {
            assert!(FileName::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_hidden_name_of_an_earlier_journal_is_read() {
        assert!(FileName::try_from(Box::from(".git/config")).is_ok());
        assert!(FileName::try_from(Box::from("../x")).is_err());
    }
}
