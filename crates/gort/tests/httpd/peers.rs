//! Clients that others have written, where they are installed, and TLS.

use crate::client::{Client, request};
use crate::server::{Server, command};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

const CERT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/httpd/cert.pem");
const KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/httpd/key.pem");
/// A picture of one dot.
const DOT: &[u8] =
    b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";

/// What a program says to this; nothing if it is not installed.
fn ask(program: &str, args: &[&str], input: &str) -> Option<Output> {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::NotFound, "{program}");
            println!("{program} is not installed");
            return None;
        }
    };
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    Some(child.wait_with_output().unwrap())
}

#[test]
fn curl() {
    let server = Server::start(&[]);
    let text = "all work and no play\n".repeat(1000);
    server.dir.write("text.txt", &text);
    let url = |name: &str| format!("http://{}/{name}", server.addr);
    let curl = |args: &[&str]| ask("curl", &[&["-sS"], args].concat(), "");
    let answer = server.get("/text.txt", &[]);
    assert_eq!(answer.text(), text);
    let now = answer.get("date").unwrap();
    let Some(whole) = curl(&[&url("text.txt"), &url("a.txt")]) else { return };
    assert_eq!(String::from_utf8(whole.stdout).unwrap(), text.clone() + "hello\n");
    for (args, expected) in [
        (&["--compressed"] as &[&str], &*text),
        (&["--range", "0-7"], "all work"),
        (&["-H", "Expect: 100-continue", "-X", "GET", "-d", "body"], &text),
        (&["-H", "Transfer-Encoding: chunked", "-X", "GET", "-d", "body"], &text),
        (&["-z", now], ""),
        (&["-o", "/dev/null", "-w", "%{http_code}", "--path-as-is"], "200"),
        (&["-o", "/dev/null", "-w", "%{http_code}", "-d", "body"], "405"),
        (&["--http1.0"], &text),
    ] {
        let output = curl(&[args, &[&url("text.txt")]].concat()).unwrap();
        let got = String::from_utf8(output.stdout).unwrap();
        assert!(got == *expected, "{args:?} {}: {}", output.status, &got[..got.len().min(99)]);
    }
    let up = curl(&["--path-as-is", "-w", "%{http_code}", &url("../a.txt")]).unwrap();
    assert_eq!(up.stdout, b"400 Bad Request\n400");
}

#[test]
fn a_browser() {
    let server = Server::start(&[]);
    server.dir.write("dir/<i>x.txt", "");
    server.dir.write("dir/dot.gif", DOT);
    server.dir.write(
        "index.html",
        "<!doctype html><title>-</title><img src=dir/dot.gif \
         onload=\"document.title = 'loaded ' + this.naturalWidth\">",
    );
    assert_eq!(server.get("/dir/dot.gif", &[]).body, DOT);
    assert!(server.get("/dir/", &[]).text().contains("&lt;i&gt;x.txt</a>"));
    let profile = server.dir.path().join("profile");
    let profile = format!("--user-data-dir={}", profile.display());
    let show = |path: &str| {
        let url = format!("http://{}/{path}", server.addr);
        let args = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"];
        let more = [&*profile, "--virtual-time-budget=10000", "--dump-dom", &url];
        ask("chromium", &[&args[..], &more].concat(), "")
    };
    let Some(page) = show("") else { return };
    let dom = String::from_utf8_lossy(&page.stdout);
    assert!(dom.contains("<title>loaded 1</title>"), "{page:?}");
    let listing = show("dir/").unwrap();
    let dom = String::from_utf8_lossy(&listing.stdout);
    assert!(dom.contains("<a href=\"%3Ci%3Ex.txt\">&lt;i&gt;x.txt</a>"), "{listing:?}");
    server.line("\"GET /dir/dot.gif HTTP/1.1\" 200 ");
}

fn secure(args: &[&str]) -> Server {
    let dir = crate::server::Dir::new();
    let command = command(&dir, &[&["--tls", CERT, KEY], args].concat());
    Server::run(dir, command)
}

fn tls_client(server: &Server) -> Client<StreamOwned<ClientConnection, TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(CERT).unwrap()).unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let session = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let socket = TcpStream::connect(server.addr).unwrap();
    Client::new(StreamOwned::new(session, socket))
}

#[test]
fn tls() {
    let server = secure(&[]);
    server.line("https://");
    let content: Vec<u8> = (0..3_000_000).map(|i| (i / 3) as u8).collect();
    server.dir.write("large", &content);
    let before = server.descriptors();
    let mut client = tls_client(&server);
    for _ in 0..3 {
        assert_eq!(client.get("/a.txt", &[]).text(), "hello\n");
        assert!(client.get("/large", &[]).body == content);
        assert!(client.get("/large", &["Range: bytes=9-99999"]).body == content[9..=99_999]);
    }
    assert_eq!(client.get("/a.txt", &["Connection: close"]).status, 200);
    // The end is said, so that nobody can cut off what follows.
    assert_eq!(client.rest().unwrap(), b"");
    drop(client);
    server.settles(before);
}

#[test]
fn no_tls() {
    let server = secure(&["--head-time", "0.5"]);
    let before = server.descriptors();
    let mut plain = server.client();
    plain.send(request("GET", "/a.txt", &[]));
    let _ = plain.rest();
    let mut silent = server.client();
    assert!(silent.is_over());
    let log = server.line(&format!("{}: TLS: ", plain.socket().local_addr().unwrap()));
    assert!(log.contains("corrupt message"), "{log}");
    server.line(&format!("{}: TLS: timed out", silent.socket().local_addr().unwrap()));
    drop((plain, silent));
    server.settles(before);
}

#[test]
fn curl_and_openssl() {
    let server = secure(&[]);
    assert_eq!(tls_client(&server).get("/a.txt", &[]).text(), "hello\n");
    let url = format!("https://localhost:{}/a.txt", server.addr.port());
    for version in ["--tlsv1.2", "--tlsv1.3"] {
        let args = ["-sS", "--cacert", CERT, version, "--tls-max", &version[6..], &url];
        if let Some(output) = ask("curl", &args, "") {
            assert_eq!(output.stdout, b"hello\n", "{output:?}");
        }
    }
    let addr = server.addr.to_string();
    let args = ["s_client", "-quiet", "-verify_return_error", "-CAfile", CERT, "-connect", &addr];
    let close = request("GET", "/a.txt", &["Connection: close"]);
    if let Some(output) = ask("openssl", &args, &close) {
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.ends_with("\r\n\r\nhello\n"), "{output:?}");
    }
}
