//! A provider over TLS whose certificate an authority of one's own has signed.

use super::*;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;

const ANSWER: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n\
    {\"data\": [{\"id\": \"m\"}]}";

/// A server that lists one model; its port and its authority's certificate.
fn serve() -> (u16, String) {
    let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let ca = authority.self_signed(&ca_key).unwrap();
    let issuer = rcgen::Issuer::from_params(&authority, &ca_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let mut host = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    // With the authority's name it would look as if it had signed itself.
    host.distinguished_name.push(rcgen::DnType::CommonName, "models");
    let cert = host.signed_by(&key, &issuer).unwrap();
    let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], der)
        .unwrap();
    let (config, listener) = (Arc::new(config), TcpListener::bind("127.0.0.1:0").unwrap());
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut tls = rustls::StreamOwned::new(connection, stream.unwrap());
            // Who does not trust the certificate hangs up.
            if tls.read(&mut [0; 4096]).is_ok() {
                let _ = tls.write_all(ANSWER.as_bytes());
                tls.conn.send_close_notify();
                let _ = tls.flush();
            }
        }
    });
    (port, ca.pem())
}

#[test]
fn an_authority_of_ones_own_is_named_by_a_variable_and_a_missing_file_is_told() {
    let (port, ca) = serve();
    let dir = tempfile::tempdir().unwrap();
    let (file, empty) = (dir.path().join("ca.pem"), dir.path().join("empty.pem"));
    std::fs::write(&file, ca).unwrap();
    std::fs::write(&empty, "no certificate").unwrap();
    let missing = dir.path().join("missing.pem");
    let ask = |name: &str, value: &std::path::Path| {
        let url = format!("https://localhost:{port}/v1");
        let bench = bench("openai", &url, &["m"], "");
        let mut command = bench.command("scrum-worker");
        command.env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR").env(name, value);
        let done = command.args(["models", "p"]).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (done.status.success(), text(&done.stdout), text(&done.stderr))
    };
    let (ok, out, err) = ask("SSL_CERT_FILE", &file);
    assert!(ok && out.contains("\"m\""), "{err}");
    for value in [&missing, &empty] {
        let (ok, _, err) = ask("SSL_CERT_FILE", value);
        let named = format!("SSL_CERT_FILE is {}", value.display());
        assert!(!ok && err.contains(&named), "{err}");
    }
    let (ok, _, err) = ask("UNRELATED", &file);
    assert!(!ok && err.contains("set SSL_CERT_FILE to a PEM file"), "{err}");
}
