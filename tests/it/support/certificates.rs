//! A certificate authority for one test, and what it signs: made with `openssl`.

#![allow(clippy::expect_used)] // a helper that cannot go on is a failed test

use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// An authority with a certificate for a server on loopback and one for a client.
pub struct Certificates {
    folder: TempDir,
}

impl Certificates {
    /// Makes them; they are valid for a day.
    pub fn new() -> Certificates {
        let certificates = Certificates { folder: tempfile::tempdir().expect("a folder") };
        certificates.openssl("authority", &["-addext", "basicConstraints=critical,CA:TRUE"]);
        let (authority, key) = certificates.pair("authority");
        for name in ["server", "client"] {
            let authority = authority.to_string_lossy();
            let key = key.to_string_lossy();
            let signed = ["-CA", &authority, "-CAkey", &key];
            let leaf = ["-addext", "basicConstraints=critical,CA:FALSE"];
            let name_of = ["-addext", "subjectAltName=IP:127.0.0.1"];
            certificates.openssl(name, &[&signed[..], &leaf, &name_of].concat());
        }
        certificates
    }

    /// The files of `authority`, `server` or `client`: certificate and key.
    pub fn pair(&self, name: &str) -> (PathBuf, PathBuf) {
        let file = |kind: &str| self.folder.path().join(format!("{name}.{kind}"));
        (file("pem"), file("key"))
    }

    fn openssl(&self, name: &str, more: &[&str]) {
        let (certificate, key) = self.pair(name);
        let made = Command::new("openssl")
            .args(["req", "-x509", "-nodes", "-days", "1", "-subj", &format!("/CN=test {name}")])
            .args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
            .arg("-out")
            .arg(certificate)
            .arg("-keyout")
            .arg(key)
            .args(more)
            .stdin(Stdio::null())
            .output();
        match made {
            Ok(made) => assert!(made.status.success(), "openssl for {name}: {made:?}"),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                panic!("openssl is not installed. On Debian: apt-get install openssl")
            }
            Err(error) => panic!("openssl: {error}"),
        }
    }
}
