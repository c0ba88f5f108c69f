//! Options to text, such that reading the text gives the same options.

use std::collections::HashMap;

use super::option::UnitOption;

/// The options as a file, in order: a header wherever the section changes, a blank line above each
/// but the first.
pub(super) fn write<'a>(options: impl IntoIterator<Item = &'a UnitOption>) -> String {
    let mut text = String::new();
    let mut section = None;
    for option in options {
        if section != Some(&option.section) {
            if section.is_some() {
                text.push('\n');
            }
            text.extend(["[", &option.section, "]\n"]);
            section = Some(&option.section);
        }
        text.extend([&option.name, "=", &option.value, "\n"]);
    }
    text
}

/// The same options with each section's together, sections in order of first appearance.
pub(super) fn grouped(options: &[UnitOption]) -> Vec<&UnitOption> {
    let mut places = HashMap::new();
    let mut sorted: Vec<(usize, &UnitOption)> = options
        .iter()
        .map(|option| {
            let next = places.len();
            (*places.entry(option.section.as_str()).or_insert(next), option)
        })
        .collect();
    sorted.sort_by_key(|(place, _)| *place);
    sorted.into_iter().map(|(_, option)| option).collect()
}
