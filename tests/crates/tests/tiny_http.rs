//! ureq against tiny_http.

mod support;

use support::{all, few_threads};
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
