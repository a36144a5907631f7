//! Protocols over `std::net::TcpStream`: rustls and tungstenite, both ends of them, and lettre.

mod support;

use lettre::{SmtpTransport, Transport};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Barrier, Mutex};
use support::{all, few_threads, line, server};
use tungstenite::Message;

const CERT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../crates/gort/tests/httpd/cert.pem");
const KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../crates/gort/tests/httpd/key.pem");

#[test]
fn rustls_on_both_ends() {
    const PAIRS: usize = 50;
    let certificate = CertificateDer::from_pem_file(CERT).unwrap();
    let key = PrivateKeyDer::from_pem_file(KEY).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let theirs =
        ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key);
    let theirs = Arc::new(theirs.unwrap());
    let ours =
        Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth());
    few_threads(0, || {
        let addr = server(move |stream| {
            let session = ServerConnection::new(Arc::clone(&theirs)).unwrap();
            let mut stream = StreamOwned::new(session, stream.into_inner());
            let mut buffer = [0; 4096];
            loop {
                match stream.read(&mut buffer).unwrap() {
                    0 => break,
                    bytes => stream.write_all(&buffer[..bytes]).unwrap(),
                }
            }
            stream.conn.send_close_notify();
            stream.flush().unwrap();
        });
        let together = Barrier::new(PAIRS);
        all(PAIRS, |i| {
            let name = "localhost".try_into().unwrap();
            let session = ClientConnection::new(Arc::clone(&ours), name).unwrap();
            let mut stream = StreamOwned::new(session, TcpStream::connect(addr).unwrap());
            // More than the sockets hold, so that both ends wait for each other.
            let text = vec![i as u8; 20_000];
            let mut back = vec![0; text.len()];
            for _ in 0..3 {
                together.wait();
                stream.write_all(&text).unwrap();
                stream.read_exact(&mut back).unwrap();
                assert!(back == text);
            }
            stream.conn.send_close_notify();
            stream.flush().unwrap();
            assert_eq!(stream.read(&mut back).unwrap(), 0);
        });
    });
}

#[test]
fn tungstenite_echo() {
    const PAIRS: usize = 200;
    few_threads(0, || {
        let addr = server(|stream| {
            let mut socket = tungstenite::accept(stream.into_inner()).unwrap();
            loop {
                match socket.read() {
                    Ok(message) if message.is_close() => {}
                    Ok(message) => socket.send(message).unwrap(),
                    Err(tungstenite::Error::ConnectionClosed) => break,
                    Err(error) => panic!("{error}"),
                }
            }
        });
        let together = Barrier::new(PAIRS);
        all(PAIRS, |i| {
            let stream = TcpStream::connect(addr).unwrap();
            let (mut socket, _) = tungstenite::client(format!("ws://{addr}/"), stream).unwrap();
            for round in 0..5 {
                together.wait();
                let message = Message::text(format!("{i} says {round}"));
                socket.send(message.clone()).unwrap();
                assert_eq!(socket.read().unwrap(), message);
            }
            socket.close(None).unwrap();
            loop {
                match socket.read() {
                    Ok(_) => {}
                    Err(tungstenite::Error::ConnectionClosed) => break,
                    Err(error) => panic!("{error}"),
                }
            }
        });
    });
}

/// As much of a mail server as takes a letter: its lines.
fn take_letters(mut stream: io::BufReader<TcpStream>, letters: &Mutex<Vec<String>>) {
    let say = |stream: &mut io::BufReader<TcpStream>, text: &str| {
        stream.get_mut().write_all(format!("{text}\r\n").as_bytes()).unwrap();
    };
    say(&mut stream, "220 here");
    while let Some(command) = line(&mut stream) {
        match command.split(' ').next().unwrap_or_default() {
            "DATA" => {
                say(&mut stream, "354 go on");
                let mut letter = String::new();
                while let Some(line) = line(&mut stream).filter(|line| line != ".") {
                    letter += &line;
                    letter += "\n";
                }
                letters.lock().unwrap().push(letter);
                say(&mut stream, "250 taken");
            }
            "QUIT" => return say(&mut stream, "221 bye"),
            _ => say(&mut stream, "250 well"),
        }
    }
}

#[test]
fn lettre_sends() {
    const LETTERS: usize = 100;
    few_threads(0, || {
        let letters = Arc::new(Mutex::new(Vec::new()));
        let taken = Arc::clone(&letters);
        let addr = server(move |stream| take_letters(stream, &taken));
        all(LETTERS, |i| {
            let letter = lettre::Message::builder()
                .from("a@example.org".parse().unwrap())
                .to("b@example.org".parse().unwrap())
                .subject(format!("Letter {i}"))
                .body("Hello".to_owned())
                .unwrap();
            let post = SmtpTransport::builder_dangerous("127.0.0.1").port(addr.port()).build();
            assert!(post.send(&letter).unwrap().is_positive());
        });
        let mut subjects: Vec<_> = letters
            .lock()
            .unwrap()
            .iter()
            .map(|letter| {
                let subject = letter.lines().find_map(|line| line.strip_prefix("Subject: Letter "));
                subject.unwrap().parse::<usize>().unwrap()
            })
            .collect();
        subjects.sort_unstable();
        assert!(subjects.into_iter().eq(0..LETTERS));
    });
}
