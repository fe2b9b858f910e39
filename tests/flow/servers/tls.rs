//! TLS with certificates of one's own, asked for on both sides.

use super::Server;
use scrum_tests::model_stub::answers::markdown_review;
use scrum_tests::model_stub::{ModelStub, Reply};
use scrum_tests::process::Bench;
use scrum_tests::repo::TestRepo;
use scrum_tests::wait::eventually;
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

/// Writes an authority, a certificate for 127.0.0.1 that it signed, and that one's key.
fn certificates(dir: &Path) {
    let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let ca = authority.self_signed(&ca_key).unwrap();
    let issuer = rcgen::Issuer::from_params(&authority, &ca_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let mut host = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    // With the authority's name it would look as if it had signed itself.
    host.distinguished_name.push(rcgen::DnType::CommonName, "redis");
    let cert = host.signed_by(&key, &issuer).unwrap();
    std::fs::write(dir.join("ca.pem"), ca.pem()).unwrap();
    std::fs::write(dir.join("cert.pem"), cert.pem()).unwrap();
    std::fs::write(dir.join("key.pem"), key.serialize_pem()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_over_tls_and_no_sweep_with_a_server_that_nobody_vouches_for() {
    let server = Server::start(|command, dir, port| {
        certificates(dir);
        command.args(["--port", "0", "--tls-port", &port.to_string(), "--tls-auth-clients", "yes"]);
        for (option, file) in [
            ("--tls-ca-cert-file", "ca.pem"),
            ("--tls-cert-file", "cert.pem"),
            ("--tls-key-file", "key.pem"),
        ] {
            command.arg(option).arg(dir.join(file));
        }
    });
    eventually(Duration::from_secs(20), "the port is open", || {
        TcpStream::connect(("127.0.0.1", server.port)).ok()
    });
    let stub = ModelStub::start(Reply::ok(markdown_review("src/part_0.rs")));
    let repo = TestRepo::with_files(3);
    let bench = |settings: &str| {
        let provider = format!(
            "[providers.stub]\nwire = 'openai'\nbase_url = '{}'\nlocal = true\n",
            stub.openai_url()
        );
        let url = format!("rediss://127.0.0.1:{}", server.port);
        let bench = Bench::new(Some(url), &format!("{provider}[redis]\n{settings}"));
        let ladder = "name = 't'\n[[rungs]]\nprovider = 'stub'\nmodel = 'm'\n";
        std::fs::write(bench.ladder(), ladder).unwrap();
        bench
    };
    let file = |name: &str| server.dir.path().join(name).display().to_string();
    let (ca, cert, key) = (file("ca.pem"), file("cert.pem"), file("key.pem"));
    let good = bench(&format!("ca_file = '{ca}'\ncert_file = '{cert}'\nkey_file = '{key}'\n"));
    let ladder = good.ladder();
    let path = repo.path().to_str().unwrap();
    let args = ["sweep", path, "--ladder", ladder.to_str().unwrap(), "--wait"];
    let _worker = good.worker(&[]);
    good.run(&args).expect(0);

    let stranger = bench("").run(&args).expect(2).stderr;
    assert!(stranger.contains("certificate"), "{stranger}");
    let missing = bench("ca_file = '/nowhere/ca.pem'\n").run(&args).expect(2).stderr;
    assert!(missing.contains("/nowhere/ca.pem") && missing.contains("redis.ca_file"), "{missing}");
    let half =
        bench(&format!("ca_file = '{ca}'\ncert_file = '{cert}'\n")).run(&args).expect(2).stderr;
    assert!(half.contains("redis.key_file"), "{half}");
}
