//! Text measured in terminal columns, and cut, wrapped and padded to a number of them.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Returns the width of a text, in columns.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// Returns the whole words that fit, so that no number is cut.
pub(super) fn fit_words(words: &str, columns: usize) -> String {
    if width(words) <= columns {
        return words.to_owned();
    }
    let mut kept = String::new();
    for word in words.split_inclusive(' ') {
        if width(&kept) + width(word.trim_end()) + 3 > columns {
            break;
        }
        kept.push_str(word);
    }
    format!("{}...", kept.trim_end())
}

/// Returns the parts that fit one after the other; a part that does not fit is left out.
pub(super) fn fit_parts(parts: impl IntoIterator<Item = String>, columns: usize) -> String {
    let mut line = String::new();
    for part in parts {
        if width(&line) + width(&part) <= columns {
            line += &part;
        }
    }
    line
}

/// Wraps a text at its spaces.
pub(super) fn wrap(words: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in words.split(' ') {
        let last = lines.len() - 1;
        if !lines[last].is_empty() && width(&lines[last]) + 1 + width(word) > columns {
            lines.push(word.to_owned());
        } else {
            if !lines[last].is_empty() {
                lines[last].push(' ');
            }
            lines[last].push_str(word);
        }
    }
    lines
}

/// Splits a text into lines of a maximum width, at any character.
pub(super) fn split_lines(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for line in text.lines() {
        let mut rest = String::new();
        for letter in line.chars() {
            if !rest.is_empty() && width(&rest) + letter.width().unwrap_or(0) > columns {
                lines.push(std::mem::take(&mut rest));
            }
            rest.push(letter);
        }
        if !rest.is_empty() {
            lines.push(rest);
        }
    }
    lines
}

/// Pads a text with spaces, before it (a number) or after it (words).
pub(super) fn pad(text: &str, columns: usize, is_number: bool) -> String {
    let spaces = " ".repeat(columns.saturating_sub(width(text)));
    if is_number { format!("{spaces}{text}") } else { format!("{text}{spaces}") }
}

/// Returns a text that is being typed, with an underscore at the cursor, which is a position in
/// characters.
pub(super) fn with_cursor(text: &str, cursor: usize) -> String {
    let (before, after) = text.split_at(byte_of(text, cursor));
    format!("{before}_{after}")
}

/// Returns the byte position of a position in characters.
pub(super) fn byte_of(text: &str, position: usize) -> usize {
    text.char_indices().nth(position).map_or(text.len(), |(byte, _)| byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(fit_words("日本 株式 ABC", 9), "日本...");
        assert_eq!(wrap("日本 株式 ABC", 5), ["日本", "株式", "ABC"]);
        assert_eq!(split_lines("日本株", 4), ["日本", "株"]);
        assert_eq!([pad("株", 4, false), pad("株", 4, true)], ["株  ", "  株"]);
        assert_eq!([with_cursor("日本", 1), with_cursor("ab", 2)], ["日_本", "ab_"]);
    }
}
