//! Requests with bodies, which nobody wants: read up to a bound, so that the next request can be found.

use crate::client::request;
use crate::server::Server;

const NEXT: &str = "GET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n";

#[test]
fn are_skipped() {
    let server = Server::start(&[]);
    let mut client = server.client();
    for (header, body) in [
        ("Content-Length: 5", "01234"),
        ("Content-Length: 0", ""),
        ("Content-Length: 3\r\nContent-Length: 3", "012"),
        ("Transfer-Encoding: chunked", "0\r\n\r\n"),
        ("Transfer-Encoding: chunked", "3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nT: u\r\n\r\n"),
    ] {
        client.send(request("GET", "/a.txt", &[header]) + body + NEXT);
        assert_eq!(client.answer().text(), "hello\n", "{header} {body}");
        assert_eq!(client.answer().text(), "hello\n", "{header} {body}");
        // In many small pieces.
        for byte in (request("POST", "/a.txt", &[header]) + body + NEXT).as_bytes() {
            client.send([*byte]);
        }
        assert_eq!(client.answer().status, 405);
        assert_eq!(client.answer().text(), "hello\n");
    }
}

#[test]
fn have_a_bound() {
    let server = Server::start(&["--max-body", "1000"]);
    for (header, body) in [
        ("Content-Length: 1001", "x".repeat(1001)),
        ("Content-Length: 99999999999", String::new()),
        ("Transfer-Encoding: chunked", "1\r\nx\r\n".repeat(400)),
        ("Transfer-Encoding: chunked", "ffffffffffffffff\r\n".into()),
        ("Transfer-Encoding: chunked", "0\r\n".to_string() + &"a: b\r\n".repeat(300)),
    ] {
        let mut client = server.client();
        client.send(request("GET", "/a.txt", &[header]) + &body);
        let answer = client.answer();
        assert_eq!((answer.status, answer.get("connection")), (413, Some("close")), "{header}");
        assert!(client.is_over());
    }
    let fits = request("GET", "/a.txt", &["Content-Length: 1000"]) + &"x".repeat(1000);
    let mut client = server.client();
    client.send(fits);
    assert_eq!(client.answer().status, 200);
}

#[test]
fn are_waited_for() {
    let server = Server::start(&[]);
    let mut client = server.client();
    client.send(request("GET", "/a.txt", &["Content-Length: 5", "Expect: 100-continue"]));
    assert_eq!(client.answer().status, 100);
    client.send("01234");
    assert_eq!(client.answer().text(), "hello\n");
    // In vain.
    client.send(request("PUT", "/a.txt", &["Content-Length: 5", "Expect: 100-continue"]));
    assert_eq!(client.answer().status, 405);
    assert!(client.is_over());
    let mut client = server.client();
    client.send(request("GET", "/a.txt", &["Content-Length: 99999999", "Expect: 100-continue"]));
    assert_eq!(client.answer().status, 413);
    assert!(client.is_over());
}

/// Nobody in front of the server may take for one request what the server takes for two.
#[test]
fn end_in_one_place_only() {
    let server = Server::start(&[]);
    for (headers, status) in [
        (&["Content-Length: 5", "Transfer-Encoding: chunked"], 400),
        (&["Transfer-Encoding: chunked", "Content-Length: 5"], 400),
        (&["Content-Length: 5", "Content-Length: 6"], 400),
        (&["Content-Length: +5", "X: y"], 400),
        (&["Content-Length: 5, 5", "X: y"], 400),
        (&["Content-Length: -1", "X: y"], 400),
        (&["Content-Length: 99999999999999999999999", "X: y"], 400),
        (&["Transfer-Encoding: gzip, chunked", "X: y"], 501),
        (&["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], 400),
        (&["Transfer-Encoding : chunked", "X: y"], 400),
        (&["X: y", " folded: z"], 400),
        (&["Host: another", "X: y"], 400),
    ] {
        let mut client = server.client();
        client.send(request("GET", "/a.txt", headers) + "01234" + NEXT);
        assert_eq!(client.answer().status, status, "{headers:?}");
        assert!(client.is_over());
    }
    for chunks in ["x\r\n", "\r\n", "3\r\nabcde\r\n0\r\n\r\n", "3\r\nabcx\n0\r\n\r\n", "-1\r\n"] {
        let mut client = server.client();
        client.send(request("GET", "/a.txt", &["Transfer-Encoding: chunked"]) + chunks);
        assert_eq!(client.answer().status, 400, "{chunks:?}");
        assert!(client.is_over());
    }
    let mut client = server.client();
    client.send("GET /a.txt HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_eq!(client.answer().status, 400);
}
