//! Makes sure that a machine's host key is known before it is connected to, as the user decides.
//!
//! ssh itself gets the key, in an attempt that ends before any login, and ssh itself compares it
//! afterwards. So whatever lies between, a jump host or a proxy, is ssh's business.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use super::command::{SSH, Settings, Trust, known_as, resolve};
use super::destination::Destination;
use super::error::SshError;
use super::folder::PrivateFolder;
use super::program::{Words, output};
use crate::fleetctl::ui::Ui;

const KEYGEN: &str = "ssh-keygen";

/// How often somebody who answers neither yes nor no is asked again.
const ANSWERS_MAX: usize = 3;

/// Returns when the host may be connected to with [`Trust::Known`]; asks if it has to.
pub async fn ensure(
    settings: &Settings,
    to: &Destination,
    tunnel: Option<(&Destination, &Path)>,
    ui: &Ui,
) -> Result<(), SshError> {
    let Trust::Known(file) = &settings.trust else {
        return Ok(());
    };
    if is_known(&name_of(settings, to).await?, file).await? {
        return Ok(());
    }
    let key = learn(settings, to, tunnel).await?;
    if !accepted(to, &key.shown, ui).await {
        return Err(SshError::Unknown { host: to.to_string(), file: file.clone() });
    }
    store(file, &key.lines).map_err(|source| SshError::File { path: file.clone(), source })?;
    ui.note(&format!("{to} is now known: {}", file.display()));
    Ok(())
}

/// A host's key.
struct Key {
    /// As a known-hosts file has it.
    lines: Vec<u8>,
    /// As ssh-keygen shows it.
    shown: String,
}

/// Gets the key of a host. Its file is gone when this returns: who is asked about the key may end
/// the program.
async fn learn(
    settings: &Settings,
    to: &Destination,
    tunnel: Option<(&Destination, &Path)>,
) -> Result<Key, SshError> {
    let folder = PrivateFolder::new()?;
    let file = folder.path().join("key");
    let learning = settings.trusting(Trust::Learn(file.clone()));
    let attempt = output(SSH, &learning.probe(to, tunnel)).await?;
    let Ok(lines) = fs::read(&file) else {
        let words = Words::of(&attempt.stderr).to_string();
        return Err(SshError::Unreachable { host: to.to_string(), words });
    };
    let shown = output(KEYGEN, &["-lf".to_owned(), file.display().to_string()]).await?;
    Ok(Key { lines, shown: String::from_utf8_lossy(&shown.stdout).into_owned() })
}

/// How the known-hosts file names a host.
pub async fn name_of(settings: &Settings, to: &Destination) -> Result<String, SshError> {
    let resolved = output(SSH, &resolve(&settings.user, to)).await?;
    let name = known_as(&String::from_utf8_lossy(&resolved.stdout));
    name.ok_or_else(|| SshError::Unreachable {
        host: to.to_string(),
        words: Words::of(&resolved.stderr).to_string(),
    })
}

async fn is_known(name: &str, file: &Path) -> Result<bool, SshError> {
    if !file.exists() {
        return Ok(false);
    }
    let arguments = ["-F", name, "-f", &file.to_string_lossy()].map(str::to_owned);
    Ok(output(KEYGEN, &arguments).await?.status.success())
}

/// Shows the key's fingerprint and asks.
async fn accepted(to: &Destination, shown: &str, ui: &Ui) -> bool {
    ui.note(&format!("The authenticity of host '{to}' can't be established."));
    for line in shown.lines() {
        ui.note(&fingerprint(line));
    }
    let mut question = "Are you sure you want to continue connecting (yes/no)? ";
    for _ in 0..ANSWERS_MAX {
        let answer = ui.ask(question).await;
        match answer.map(|answer| answer.trim().to_ascii_lowercase()) {
            Ok(answer) if answer == "yes" || answer == "y" => return true,
            Ok(answer) if answer == "no" || answer == "n" => return false,
            Ok(_) => question = "Please type yes or no: ",
            Err(_) => return false,
        }
    }
    false
}

/// `256 SHA256:… host (ED25519)` in words.
fn fingerprint(line: &str) -> String {
    let kind = line.rsplit_once('(').map(|(_, kind)| kind.trim_end_matches(')'));
    match (kind, line.split(' ').nth(1)) {
        (Some(kind), Some(print)) => format!("{kind} key fingerprint is {print}."),
        _ => line.to_owned(),
    }
}

/// Adds lines to a file that is made if need be, and that may lack its last newline.
fn store(file: &Path, lines: &[u8]) -> io::Result<()> {
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let before = fs::read(file).unwrap_or_default();
    let joint: &[u8] = if before.last().is_some_and(|last| *last != b'\n') { b"\n" } else { b"" };
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(file)?;
    // At once, so that two who add do not mix.
    file.write_all(&[joint, lines].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_told_as_ssh_tells_it() {
        for (line, told) in [
            ("256 SHA256:abc 10.0.0.1 (ED25519)", "ED25519 key fingerprint is SHA256:abc."),
            ("3072 SHA256:a+/b [h]:22 (RSA)", "RSA key fingerprint is SHA256:a+/b."),
            ("odd", "odd"),
        ] {
            assert_eq!(fingerprint(line), told);
        }
    }

    #[test]
    fn what_is_stored_starts_on_a_line_of_its_own() {
        let folder = PrivateFolder::new().expect("a folder");
        let file = folder.path().join("new/known_hosts");
        store(&file, b"a key\n").expect("a new file");
        fs::write(&file, "a key").expect("somebody edits it");
        store(&file, b"b key\n").expect("more");
        assert_eq!(fs::read_to_string(&file).expect("text"), "a key\nb key\n");
    }
}
