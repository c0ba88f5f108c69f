//! The `%` specifiers that fleet expands itself. Those of `[Service]` and the like are systemd's
//! business and reach it untouched.

use super::UnitName;

/// Replaces `%n`, `%N`, `%p`, `%i` and `%%` (systemd.unit(5), "Specifiers"; fleet 1.0 knows these).
///
/// `%i` is empty where there is no instance. Any other `%` stays as it is, as in systemd.
pub fn expand(value: &str, name: &UnitName) -> String {
    let mut expanded = String::with_capacity(value.len());
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('%') {
        expanded.push_str(before);
        let replacement = match after.bytes().next() {
            Some(b'n') => name.as_str(),
            Some(b'N') => name.stem(),
            Some(b'p') => name.prefix(),
            Some(b'i') => name.instance().unwrap_or_default(),
            Some(b'%') => "%",
            _ => {
                expanded.push('%');
                rest = after;
                continue;
            }
        };
        expanded.push_str(replacement);
        rest = &after[1..];
    }
    expanded.push_str(rest);
    expanded
}

/// Whether a value says something else for each instance of a template.
pub(crate) fn depends_on_instance(value: &str) -> bool {
    let mut rest = value;
    while let Some((_, after)) = rest.split_once('%') {
        match after.bytes().next() {
            Some(b'n' | b'N' | b'i') => return true,
            // The second half of `%%` begins nothing.
            Some(b'%') => rest = &after[1..],
            _ => rest = after,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expands_what_fleet_knows_and_nothing_else() {
        let cases = [
            ("app@7.service", "%n %N %p %i", "app@7.service app@7 app 7"),
            ("app.service", "%n %N %p %i|", "app.service app app |"),
            ("app@.service", "db@%i.service", "db@.service"),
            ("app@7.service", "%%i %%%i", "%i %7"),
            ("app@7.service", "100% %H %", "100% %H %"),
            ("app@7.service", "%é%i", "%é7"),
            ("app@7.service", "", ""),
        ];
        for (name, value, expanded) in cases {
            assert_eq!(expand(value, &UnitName::parse(name).unwrap()), expanded, "{value}");
        }
    }

    #[test]
    fn knows_what_an_instance_changes() {
        for value in ["%i", "a%Nb", "%%%n", "% %i"] {
            assert!(depends_on_instance(value), "{value}");
        }
        for value in ["", "%p", "%%i", "100%", "%"] {
            assert!(!depends_on_instance(value), "{value}");
        }
    }
}
