//! Certificates for TLS to Redis, as files in PEM format.

use super::QueueError;
use redis::{ClientTlsConfig, TlsCertificates};
use scrum_disk as disk;
use std::path::{Path, PathBuf};

/// Of one file; a bundle with all authorities of a system has a quarter of it.
const MOST_FILE_BYTES: u64 = 1024 * 1024;

/// Which files; all absent for a server that the system's certificates vouch for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// The authority that signed the server's certificate.
    pub ca: Option<PathBuf>,
    /// Our own certificate, for a server that asks for one; needs `key`.
    pub cert: Option<PathBuf>,
    /// The private key of `cert`.
    pub key: Option<PathBuf>,
}

impl TlsFiles {
    /// Reads the files.
    ///
    /// # Errors
    /// [`QueueError::Tls`] for one that can't be read.
    pub(super) fn load(&self) -> Result<Option<TlsCertificates>, QueueError> {
        let read = |path: &Path| {
            disk::read_file(path, MOST_FILE_BYTES).map_err(|cause| QueueError::Tls {
                path: path.to_owned(),
                message: cause.to_string(),
            })
        };
        let root_cert = self.ca.as_deref().map(read).transpose()?;
        let client_tls = match (self.cert.as_deref(), self.key.as_deref()) {
            (Some(cert), Some(key)) => {
                Some(ClientTlsConfig { client_cert: read(cert)?, client_key: read(key)? })
            }
            _ => None,
        };
        let any = root_cert.is_some() || client_tls.is_some();
        Ok(any.then_some(TlsCertificates { client_tls, root_cert }))
    }
}
