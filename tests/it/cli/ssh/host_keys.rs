//! Who is trusted: known hosts, questions and answers.

use super::{KEY, Lab};

const LIST: &str = "--tunnel core-9 list-units --no-legend --fields=unit";
const QUESTION: &str = "The authenticity of host 'core-9' can't be established.\n\
    ED25519 key fingerprint is SHA256:+0vgzSewRqF0wzvzz5CWNqPWafoWMkqfgElSkWh1+5g.\n\
    Are you sure you want to continue connecting (yes/no)? \n";

#[test]
fn yes_stores_the_key_and_is_asked_for_once() {
    let lab = Lab::new();
    let ended = lab.answer("yes\\n", LIST);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "hello.service\n"), "{ended}");
    assert!(ended.stderr.starts_with(QUESTION), "{ended}");
    assert!(lab.known_hosts().ends_with(&format!("core-9 ssh-ed25519 {KEY}\n")));
    assert_eq!(lab.calls().len(), 2, "one to learn the key, one to connect");
    lab.run(LIST).is(0, "hello.service\n", "");
    assert_eq!(lab.calls().len(), 3);
}

#[test]
fn what_is_not_yes_stores_nothing() {
    for (answer, asked) in [("no\\n", 1), ("", 1), ("perhaps\\nwhat\\nno\\n", 3)] {
        let lab = Lab::new();
        let before = lab.known_hosts();
        let ended = lab.answer(answer, LIST);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{ended}");
        assert_eq!(ended.stderr.matches("yes").count(), asked + 1, "{ended}");
        assert!(ended.stderr.contains("the host key of core-9 is not known, and was not accepted"));
        assert_eq!((lab.known_hosts(), lab.calls().len()), (before, 1));
    }
}

#[test]
fn nothing_lies_about_while_it_asks() {
    let lab = Lab::new();
    let ended = lab.shell(&format!(
        "mkfifo answers; exec 3<>answers
        \"$0\" {LIST} <&3 2>told & asking=$!
        until grep -q 'yes/no' told; do kill -0 $asking || exit 9; done 2>/dev/null
        ls tmp
        echo no >&3
        wait $asking"
    ));
    ended.is(1, "other\n", "");
}

#[test]
fn the_question_leaves_the_rest_of_the_input_alone() {
    let lab = Lab::new();
    let ended = lab.answer("yes\\nleft\\n", "--tunnel core-9 list-units --bogus; cat");
    ended.is(0, "yes\nleft\n", &ended.stderr);
    let ended = lab.answer("yes\\nleft\\n", &format!("{LIST} && cat"));
    ended.is(0, "hello.service\nleft\n", &ended.stderr);
}

#[test]
fn without_checking_nothing_is_asked_or_stored() {
    let lab = Lab::new();
    let before = lab.known_hosts();
    lab.run(&format!("--strict-host-key-checking=false {LIST}")).is(0, "hello.service\n", "");
    let lab = lab.with("FLEETCTL_STRICT_HOST_KEY_CHECKING", "0");
    lab.run(LIST).is(0, "hello.service\n", "");
    assert_eq!(lab.known_hosts(), before);
    for call in lab.calls() {
        assert!(
            call.contains("StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"),
            "{call}"
        );
    }
}

#[test]
fn another_file_counts_alone() {
    let lab = Lab::new();
    lab.bench.file("other hosts", format!("core-9 ssh-ed25519 {KEY}"));
    let ended = lab.answer("", &format!("--known-hosts-file 'other hosts' {LIST}"));
    ended.is(0, "hello.service\n", "");
    assert!(lab.calls()[0].contains("UserKnownHostsFile=\"other hosts\""), "{:?}", lab.calls());
}
