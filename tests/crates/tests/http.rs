//! ureq against tiny_http, and reqwest's blocking client.

mod support;

use std::io::{Read, Write};
use std::sync::Barrier;
use std::time::Duration;
use support::{all, few_threads, line, server};
use tiny_http::{Response, Server};

const CLIENTS: usize = 100;

/// tiny_http has a thread for each connection (four at least), and one that accepts. As many goroutines are
/// clients, and wait all at the same time.
#[test]
fn ureq_against_tiny_http() {
    few_threads(CLIENTS + 5, || {
        let server = Server::http("127.0.0.1:0").unwrap();
        let addr = server.server_addr().to_ip().unwrap();
        gort::scope(|s| {
            s.go(|| {
                // None is answered until all have asked.
                let requests: Vec<_> = (0..CLIENTS).map(|_| server.recv().unwrap()).collect();
                for request in requests {
                    let response = Response::from_string(request.url());
                    request.respond(response).unwrap();
                }
            });
            let agent = ureq::Agent::new_with_config(ureq::Agent::config_builder().proxy(None).build());
            all(CLIENTS, |i| {
                let mut response = agent.get(format!("http://{addr}/{i}")).call().unwrap();
                assert_eq!(response.body_mut().read_to_string().unwrap(), format!("/{i}"));
            });
        });
    });
}

#[test]
fn ureq_timeouts() {
    few_threads(0, || {
        let silent = server(|mut stream| {
            let _ = stream.read_to_end(&mut Vec::new());
        });
        all(CLIENTS, |_| {
            let config = ureq::Agent::config_builder()
                .proxy(None)
                .timeout_global(Some(Duration::from_millis(50)));
            let agent = ureq::Agent::new_with_config(config.build());
            let error = agent.get(format!("http://{silent}/")).call().unwrap_err();
            assert!(matches!(error, ureq::Error::Timeout(_)), "{error}");
        });
    });
}

/// The client has a thread, in which tokio runs.
#[test]
fn reqwest_blocking() {
    few_threads(1, || {
        let together = std::sync::Arc::new(Barrier::new(CLIENTS));
        let addr = server(move |mut stream| {
            let mut path = None;
            while let Some(line) = line(&mut stream).filter(|line| !line.is_empty()) {
                path = path.or(line.split(' ').nth(1).map(str::to_owned));
            }
            together.wait();
            let path = path.unwrap();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", path.len());
            stream.get_mut().write_all((head + &path).as_bytes()).unwrap();
        });
        let client = reqwest::blocking::Client::builder().no_proxy().build().unwrap();
        all(CLIENTS, |i| {
            let text = client.get(format!("http://{addr}/{i}")).send().unwrap().text().unwrap();
            assert_eq!(text, format!("/{i}"));
        });
    });
}
