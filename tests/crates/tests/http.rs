//! Clients of HTTP: ureq and reqwest's blocking one.

mod support;

use std::io::{Read, Write};
use std::sync::Barrier;
use std::time::Duration;
use support::{all, few_threads, line, server};

const CLIENTS: usize = 100;

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
