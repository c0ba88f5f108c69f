//! How much of somebody's text an error repeats.

/// In characters: enough to recognise the text, not enough to flood a log with it.
const CHARS_SHOWN: usize = 64;

/// The text, or its beginning and an ellipsis.
pub(crate) fn shown(text: &str) -> String {
    match text.char_indices().nth(CHARS_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
