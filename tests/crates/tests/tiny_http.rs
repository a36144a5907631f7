//! ureq against tiny_http.

mod support;

use std::time::Duration;
use support::{all, few_threads};
use tiny_http::{Response, Server};

const CLIENTS: usize = 100;

/// tiny_http has a thread for each connection (four at least), and one that accepts. As many goroutines are
/// clients, and most of them wait at the same time. (Not all of them may have to: its pool can leave a
/// connection without a thread until another one ends.)
#[test]
fn ureq_against_tiny_http() {
    few_threads(CLIENTS + 5, || {
        let server = Server::http("127.0.0.1:0").unwrap();
        let addr = server.server_addr().to_ip().unwrap();
        gort::scope(|s| {
            s.go(|| {
                for request in server.incoming_requests().take(CLIENTS) {
                    s.go(move || {
                        std::thread::sleep(Duration::from_millis(50));
                        let response = Response::from_string(request.url());
                        request.respond(response).unwrap();
                    });
                }
            });
            let agent =
                ureq::Agent::new_with_config(ureq::Agent::config_builder().proxy(None).build());
            all(CLIENTS, |i| {
                let request = agent.get(format!("http://{addr}/{i}")).header("Connection", "close");
                let mut response = request.call().unwrap();
                assert_eq!(response.body_mut().read_to_string().unwrap(), format!("/{i}"));
            });
        });
    });
}
