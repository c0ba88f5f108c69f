//! Words for those who read them again: a shell, and ssh's own `-o` and `%` expansion. Pure.

/// Words as a POSIX shell splits them again into the same words.
pub fn shell<S: AsRef<str>>(words: &[S]) -> String {
    words.iter().map(|word| shell_word(word.as_ref())).collect::<Vec<_>>().join(" ")
}

fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A text in which ssh expands no token such as `%h`.
pub fn percent(text: &str) -> String {
    text.replace('%', "%%")
}

/// A path as the value of an option that takes several (ssh_config(5)).
pub fn option_path(path: &str) -> String {
    let path = percent(path);
    if path.contains([' ', '\t', '"', '\\', '\'', '#']) {
        let escaped = path.replace('\\', r"\\").replace('"', "\\\"");
        return format!("\"{escaped}\"");
    }
    path
}

/// A path as one side of `-L`, whose sides a colon separates.
pub fn forward_path(path: &str) -> String {
    percent(&path.replace('\\', r"\\").replace(':', r"\:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_the_same_words_again() {
        for (word, quoted) in [
            ("hello@1.service", "hello@1.service"),
            ("--lines=10", "--lines=10"),
            (r"dev-disk\x2d1.mount", r"'dev-disk\x2d1.mount'"),
            ("", "''"),
            ("it's; $(reboot)", r"'it'\''s; $(reboot)'"),
            ("~core", "'~core'"),
        ] {
            assert_eq!(shell(&[word]), quoted);
        }
        let words = ["a b", r"\x2d", "'", "\"", "$x", "a\nb", "*"];
        let script = format!("printf '<%s>' {}", shell(&words));
        let output = std::process::Command::new("sh").args(["-c", &script]).output();
        let expected: String = words.iter().map(|word| format!("<{word}>")).collect();
        assert_eq!(String::from_utf8(output.expect("sh").stdout).expect("text"), expected);
    }

    #[test]
    fn ssh_reads_the_same_path_again() {
        assert_eq!(
            option_path("/home/core/.fleetctl/known_hosts"),
            "/home/core/.fleetctl/known_hosts"
        );
        assert_eq!(option_path(r#"/a b/"c"/100%"#), r#""/a b/\"c\"/100%%""#);
        assert_eq!(forward_path("/run/a:b.sock"), r"/run/a\:b.sock");
    }
}
