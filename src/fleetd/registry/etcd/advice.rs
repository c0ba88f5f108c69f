//! What a person can do when etcd does not let fleetd in. Pure.

/// How a member was talked to when it hung up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link {
    /// Whether over TLS.
    pub(super) encrypted: bool,
    /// Whether with a certificate of our own.
    pub(super) identified: bool,
    /// Whether it ever answered: then it hung up for reasons of its own.
    pub(super) answered: bool,
}

/// What etcd or the TLS library says, and what to do about it. The first that fits counts.
const ADVICE: &[(&str, &str)] = &[
    ("user name is empty", "etcd wants a user: set etcd_username and etcd_password"),
    ("authentication failed", "check etcd_username and etcd_password"),
    (
        "permission denied",
        "the user (etcd_username, or else the name in etcd_certfile) must be granted to read and \
         write all under etcd_key_prefix",
    ),
    ("not valid for name", "write each member in etcd_servers as its certificate names it"),
    ("invalid peer certificate", "is etcd_cafile of the authority that signed etcd's certificate?"),
    ("tls handshake eof", "does etcd speak TLS there? If not, write http:// in etcd_servers"),
];

/// What is said when a member ends the connection, as it does to those it does not know. Whether
/// its reason (an alert of TLS 1.3) arrives before the connection is gone is a matter of luck.
const HUNG_UP: &[&str] = &[
    "connection closed",
    "broken pipe",
    "connection reset",
    "reset by peer",
    "BadCertificate",
    "CertificateRequired",
    "UnknownCA",
];

/// What to do about an error, where its words and the link tell.
pub(super) fn advice(words: &str, link: Link) -> Option<&'static str> {
    let known = ADVICE.iter().find(|(said, _)| words.contains(said)).map(|(_, advice)| *advice);
    let hung_up = !link.answered && HUNG_UP.iter().any(|said| words.contains(said));
    known.or(hung_up.then_some(match link {
        Link { encrypted: false, .. } => {
            "etcd hung up: if it speaks TLS only, write https:// in etcd_servers"
        }
        // One that does not speak TLS hangs up as well, as often with a reset as with an end.
        Link { identified: false, .. } => {
            "etcd hung up: if it asks for certificates, set etcd_certfile and etcd_keyfile; if it \
             does not speak TLS, write http:// in etcd_servers"
        }
        _ => {
            "etcd hung up: is etcd_certfile signed by an authority that etcd trusts? If it does not \
             speak TLS, write http:// in etcd_servers"
        }
    }))
}
