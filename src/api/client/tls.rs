//! TLS to an `https://` endpoint: whom to trust, and who we are.
//!
//! This file knows rustls and PEM files. It must not know requests. The files are read when the
//! first connection is made, for without one they do not matter.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls_native_certs::load_native_certs;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

/// Files in PEM form; a path that is left out is not used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// The authorities to trust; without it, the system's.
    pub authorities: Option<PathBuf>,
    /// The client's certificate, and those that lead from it to an authority.
    pub certificate: Option<PathBuf>,
    /// The certificate's key.
    pub key: Option<PathBuf>,
}

/// Why there can be no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be used.
    #[error("cannot read {}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: pem::Error,
    },
    /// A file has no certificate in it.
    #[error("there is no certificate in {}", .path.display())]
    Empty {
        /// Which.
        path: PathBuf,
    },
    /// A certificate without its key, or the other way round.
    #[error("a certificate and its key go together, and one of them is missing")]
    Half,
    /// The system trusts nobody.
    #[error("the system has no certificate authorities, and no others were named")]
    NoAuthorities,
    /// rustls refuses what the files hold.
    #[error(transparent)]
    Refused(#[from] rustls::Error),
}

/// Makes connections secure.
#[derive(Debug, Default)]
pub(super) struct Tls {
    files: TlsFiles,
    config: OnceCell<Arc<ClientConfig>>,
}

impl Tls {
    pub(super) fn new(files: TlsFiles) -> Self {
        Self { files, config: OnceCell::new() }
    }

    /// Shakes hands with the server that has this name or address.
    pub(super) async fn secure<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        host: &str,
        stream: S,
    ) -> io::Result<TlsStream<S>> {
        let config = || async { config(&self.files).map(Arc::new).map_err(io::Error::other) };
        let config = self.config.get_or_try_init(config).await?;
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        TlsConnector::from(Arc::clone(config)).connect(name, stream).await
    }
}

fn config(files: &TlsFiles) -> Result<ClientConfig, TlsError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(authorities(files.authorities.as_deref())?);
    match (&files.certificate, &files.key) {
        (None, None) => Ok(builder.with_no_client_auth()),
        (Some(certificate), Some(path)) => {
            let key = PrivateKeyDer::from_pem_file(path);
            let key = key.map_err(|source| TlsError::File { path: path.clone(), source })?;
            Ok(builder.with_client_auth_cert(certificates(certificate)?, key)?)
        }
        _ => Err(TlsError::Half),
    }
}

fn authorities(file: Option<&Path>) -> Result<RootCertStore, TlsError> {
    let mut trusted = RootCertStore::empty();
    match file {
        Some(path) => {
            for certificate in certificates(path)? {
                trusted.add(certificate)?;
            }
        }
        // One that cannot be read, or is too odd for rustls, takes nothing from the others.
        None => drop(trusted.add_parsable_certificates(load_native_certs().certs)),
    }
    if trusted.is_empty() { Err(TlsError::NoAuthorities) } else { Ok(trusted) }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    match read {
        Ok(certificates) if Vec::is_empty(&certificates) => {
            Err(TlsError::Empty { path: path.to_owned() })
        }
        read => read.map_err(|source| TlsError::File { path: path.to_owned(), source }),
    }
}
