//! `https://` endpoints: whom fleetctl trusts, and the certificate it shows.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::serve::Listener;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use tokio_rustls::server::TlsStream;

use super::bench::Bench;
use super::server::router;
use crate::support::certificates::Certificates;

const LIST: &str = "list-machines --no-legend --fields=ip";
const MACHINES: &str = "172.17.8.101\n172.17.8.102\n";

/// A listener that lets in who shows a certificate of the authority, or everyone.
struct Secure {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for Secure {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let Ok((stream, address)) = self.listener.accept().await else { continue };
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Serves the bench's cluster with TLS, too; returns the endpoint.
fn serve(bench: &Bench, certificates: &Certificates, asks_for_certificate: bool) -> String {
    let authority = certificates.pair("authority").0;
    let (certificate, key) = certificates.pair("server");
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = if asks_for_certificate {
        let mut trusted = RootCertStore::empty();
        trusted.add(CertificateDer::from_pem_file(authority).unwrap()).unwrap();
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(trusted), provider).build();
        builder.with_client_cert_verifier(verifier.unwrap())
    } else {
        builder.with_no_client_auth()
    };
    let chain = vec![CertificateDer::from_pem_file(certificate).unwrap()];
    let config = builder.with_single_cert(chain, PrivateKeyDer::from_pem_file(key).unwrap());
    let acceptor = TlsAcceptor::from(Arc::new(config.unwrap()));
    let listener = bench.runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let router = router(bench.script.clone());
    bench.runtime.spawn(async move { axum::serve(Secure { listener, acceptor }, router).await });
    format!("https://{address}")
}

#[test]
fn a_server_is_trusted_by_its_authority() {
    let bench = Bench::new(|_| {});
    let certificates = Certificates::new();
    let endpoint = serve(&bench, &certificates, false);
    let authority = certificates.pair("authority").0.display().to_string();
    bench.run(&format!("{LIST} --endpoint={endpoint} --ca-file={authority}")).is(0, MACHINES, "");
    let variables = [("FLEETCTL_ENDPOINT", &*endpoint), ("FLEETCTL_CA_FILE", &*authority)];
    bench.run_with(LIST, &variables).is(0, MACHINES, "");

    let stranger = certificates.pair("client").0.display().to_string();
    let ended = bench.run(&format!("{LIST} --endpoint={endpoint} --ca-file={stranger}"));
    assert!(ended.stderr.starts_with(&format!("error: cannot connect to {endpoint}\n")), "{ended}");
    assert!(ended.stderr.contains("because: invalid peer certificate"), "{ended}");
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
}

#[test]
fn a_server_may_want_a_certificate() {
    let bench = Bench::new(|_| {});
    let certificates = Certificates::new();
    let endpoint = serve(&bench, &certificates, true);
    let authority = certificates.pair("authority").0.display().to_string();
    let (certificate, key) = certificates.pair("client");
    let (certificate, key) = (certificate.display().to_string(), key.display().to_string());
    let flags = format!("--endpoint={endpoint} --ca-file={authority}");
    bench
        .run(&format!("{LIST} {flags} --cert-file={certificate} --key-file={key}"))
        .is(0, MACHINES, "");
    let variables = [
        ("FLEETCTL_ENDPOINT", &*endpoint),
        ("FLEETCTL_CA_FILE", &*authority),
        ("FLEETCTL_CERT_FILE", &*certificate),
        ("FLEETCTL_KEY_FILE", &*key),
    ];
    bench.run_with(LIST, &variables).is(0, MACHINES, "");
    let none = [
        ("FLEETCTL_CA_FILE", "nowhere.pem"),
        ("FLEETCTL_CERT_FILE", "nowhere.pem"),
        ("FLEETCTL_KEY_FILE", "nowhere.pem"),
    ];
    let own = format!("--cert-file={certificate} --key-file={key}");
    bench.run_with(&format!("{LIST} {flags} {own}"), &none).is(0, MACHINES, "");
    assert_eq!(bench.run(&format!("{LIST} {flags}")).code, Some(1), "without a certificate");
}

#[test]
fn files_that_are_of_no_use_are_named() {
    let bench = Bench::new(|_| {});
    let certificates = Certificates::new();
    let endpoint = serve(&bench, &certificates, false);
    let (certificate, key) = certificates.pair("client");
    let (certificate, key) = (certificate.display(), key.display());
    bench.file("empty.pem", "");
    for (flags, complaint) in [
        ("--ca-file=nowhere.pem".to_owned(), "because: cannot read nowhere.pem\n"),
        ("--ca-file=empty.pem".to_owned(), "because: there is no certificate in empty.pem\n"),
        (format!("--cert-file={certificate}"), "because: a certificate and its key go together"),
        (format!("--key-file={key}"), "because: a certificate and its key go together"),
        (
            format!("--cert-file={certificate} --key-file=empty.pem"),
            "because: cannot read empty.pem\n",
        ),
    ] {
        let ca = if flags.contains("ca-file") { String::new() } else { ca_flag(&certificates) };
        let ended = bench.run(&format!("{LIST} --endpoint={endpoint} {ca} {flags}"));
        assert!(ended.stderr.contains(complaint), "{flags}: {ended}");
        assert!(
            ended.stderr.ends_with(
                "hint: --ca-file says whom to trust, --cert-file and --key-file say who you are\n"
            ),
            "{flags}: {ended}"
        );
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{flags}");
    }
}

fn ca_flag(certificates: &Certificates) -> String {
    format!("--ca-file={}", certificates.pair("authority").0.display())
}
