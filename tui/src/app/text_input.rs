//! The keys that edit a line of text.

use super::Key;
use tui_input::InputRequest;

/// Returns the request of an editing key; None for any other key. Letters are not among them: each
/// field decides which ones it takes.
pub(super) const fn editing_request(key: Key) -> Option<InputRequest> {
    Some(match key {
        Key::Backspace => InputRequest::DeletePrevChar,
        Key::Delete => InputRequest::DeleteNextChar,
        Key::Left => InputRequest::GoToPrevChar,
        Key::Right => InputRequest::GoToNextChar,
        Key::Home => InputRequest::GoToStart,
        Key::End => InputRequest::GoToEnd,
        Key::Ctrl('u') => InputRequest::DeleteLine,
        Key::Ctrl('w') => InputRequest::DeletePrevWord,
        _ => return None,
    })
}
