//! The format of os-release(5): shell assignments, of which no shell is needed to read them. Pure.

use super::shortened;

/// What the operating system calls itself.
pub fn pretty_name(text: &str) -> Option<String> {
    let value = text.lines().find_map(|line| line.trim().strip_prefix("PRETTY_NAME="))?;
    let name = unquote(value.trim());
    (!name.is_empty()).then(|| shortened(&name))
}

/// The value of an assignment, without the quotes around it.
fn unquote(value: &str) -> String {
    if let Some(inner) = value.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        return inner.to_owned();
    }
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
    let mut plain = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        plain.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_every_kind_of_quotes() {
        let table = [
            (
                "NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n",
                "Debian GNU/Linux 12 (bookworm)",
            ),
            ("PRETTY_NAME='Arch $Linux'\n", "Arch $Linux"),
            ("PRETTY_NAME=Alpine\n", "Alpine"),
            ("PRETTY_NAME=\"say \\\"hi\\\" for \\$5\"\n", "say \"hi\" for $5"),
            ("PRETTY_NAME=\"é\n", "\"é"),
        ];
        for (text, name) in table {
            assert_eq!(pretty_name(text).as_deref(), Some(name), "{text:?}");
        }
        for nothing in ["", "NAME=Debian\n", "PRETTY_NAME=\n", "PRETTY_NAME=\"\"\n"] {
            assert_eq!(pretty_name(nothing), None, "{nothing:?}");
        }
        let long = format!("PRETTY_NAME={}", "a".repeat(1000));
        assert_eq!(pretty_name(&long).map(|name| name.len()), Some(128));
    }
}
