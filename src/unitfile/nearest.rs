//! What was meant by a name that does not exist. Pure; must not know what the names are of.

use strsim::osa_distance;

/// One wrong character in this many still looks like a slip of the keyboard.
const CHARACTERS_PER_SLIP: usize = 3;

/// The candidate whose text takes the fewest keystrokes to make of `name`, and how many that are:
/// characters to add, remove, replace, or swap with their neighbour. Upper and lower case are
/// alike; of several candidates, the first one.
pub(crate) fn nearest<T>(
    name: &str,
    candidates: impl IntoIterator<Item = T>,
    text: impl Fn(&T) -> &str,
) -> Option<(T, usize)> {
    let name = name.to_ascii_lowercase();
    let measured = candidates.into_iter().map(|candidate| {
        let keystrokes = osa_distance(&name, &text(&candidate).to_ascii_lowercase());
        (candidate, keystrokes)
    });
    measured.min_by_key(|(_, keystrokes)| *keystrokes)
}

/// The nearest candidate, if it is near enough to have been meant.
pub fn similar<T>(
    name: &str,
    candidates: impl IntoIterator<Item = T>,
    text: impl Fn(&T) -> &str,
) -> Option<T> {
    let slips = (name.chars().count() / CHARACTERS_PER_SLIP).max(1);
    let (candidate, keystrokes) = nearest(name, candidates, text)?;
    (keystrokes <= slips).then_some(candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant() {
        let names = ["web", "db", "frontend", "m1"];
        for (name, expected) in [
            ("wbe", Some("web")),
            ("webb", Some("web")),
            ("WEB", Some("web")),
            ("we", Some("web")),
            ("frontnd", Some("frontend")),
            ("front", None),
            ("api", None),
            ("m2", Some("m1")),
        ] {
            assert_eq!(similar(name, names, |text| text), expected, "{name}");
        }
        assert_eq!(similar("web", [], |text: &&str| text), None);
    }

    #[test]
    fn of_equally_near_ones_the_first() {
        assert_eq!(nearest("web3", ["web1", "web2"], |text| text), Some(("web1", 1)));
    }
}
