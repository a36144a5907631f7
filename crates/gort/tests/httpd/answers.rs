//! What it answers to good requests.

use crate::client::request;
use crate::server::Server;
use flate2::read::GzDecoder;
use std::io::Read;

#[test]
fn a_file() {
    let server = Server::start(&[]);
    let answer = server.get("/a.txt?query", &[]);
    assert_eq!((answer.status, answer.text()), (200, "hello\n"));
    assert_eq!(answer.get("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(answer.get("accept-ranges"), Some("bytes"));
    assert_eq!(answer.get("connection"), None);
    for header in ["date", "last-modified"] {
        let date = httpdate::parse_http_date(answer.get(header).unwrap()).unwrap();
        assert!(date.elapsed().unwrap().as_secs() < 3600);
    }
    let line = server.line("\"GET /a.txt?query HTTP/1.1\" 200 6 ");
    assert!(line.starts_with("127.0.0.1:"), "{line}");
    assert_eq!(server.get("/none", &[]).status, 404);
    assert_eq!(server.get("/a.txt/", &[]).status, 404);
    assert_eq!(server.get("/a.txt/b", &[]).status, 404);
}

#[test]
fn quiet() {
    let server = Server::start(&["--quiet"]);
    server.is_well();
    // This is written later, and by the same goroutine.
    let mut client = server.client();
    client.get("/a.txt", &[]);
    client.send("GET / HTTP/1.1\r\n");
    drop(client);
    server.line("unexpected end of file");
    assert_eq!(server.count("GET"), 0);
}

#[test]
fn types() {
    let server = Server::start(&[]);
    for (name, kind) in [
        ("x.html", "text/html; charset=utf-8"),
        ("x.css", "text/css; charset=utf-8"),
        ("x.PNG", "image/png"),
        ("x.svg", "image/svg+xml"),
        ("x.json", "application/json"),
        ("x", "application/octet-stream"),
        ("x.unheard-of", "application/octet-stream"),
    ] {
        server.dir.write(name, "x");
        assert_eq!(server.get(&format!("/{name}"), &[]).get("content-type"), Some(kind));
    }
}

#[test]
fn head_says_what_get_says() {
    let server = Server::start(&[]);
    server.dir.write("large", vec![7; 1 << 20]);
    let mut client = server.client();
    for target in ["/a.txt", "/large", "/", "/none"] {
        let head = client.head(target, &[]);
        let get = client.get(target, &[]);
        assert_eq!(head.status, get.status);
        for header in ["content-length", "content-type", "etag", "last-modified"] {
            assert_eq!(head.get(header), get.get(header), "{target} {header}");
        }
        assert_eq!(get.get("content-length"), Some(&*get.body.len().to_string()));
    }
}

/// A small answer is in the packet of its head, a large one goes by `sendfile`; none is cut or mixed up.
#[test]
fn all_sizes() {
    let server = Server::start(&[]);
    let mut client = server.client();
    for size in [0, 1, 4095, 32 << 10, (32 << 10) + 1, 65536, 1 << 20, (5 << 20) + 3] {
        let content: Vec<u8> = (0..size).map(|i| (i * 31 / 7) as u8).collect();
        server.dir.write("file", &content);
        let answer = client.get("/file", &[]);
        assert_eq!(answer.status, 200);
        assert!(answer.body == content, "{size}");
    }
}

#[test]
fn connections_stay_or_end() {
    let server = Server::start(&[]);
    let mut client = server.client();
    for _ in 0..3 {
        assert_eq!(client.get("/a.txt", &[]).get("connection"), None);
    }
    let last = client.get("/a.txt", &["Connection: close"]);
    assert_eq!((last.get("connection"), last.text()), (Some("close"), "hello\n"));
    assert!(client.is_over());

    let mut client = server.client();
    for _ in 0..2 {
        client.send("GET /a.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        assert_eq!(client.answer().get("connection"), Some("keep-alive"));
    }
    client.send("GET /a.txt HTTP/1.0\r\n\r\n");
    assert_eq!(client.answer().text(), "hello\n");
    assert!(client.is_over());
}

#[test]
fn pipelined() {
    let server = Server::start(&[]);
    server.dir.write("large", vec![7; 100_000]);
    let mut client = server.client();
    let round = request("GET", "/a.txt", &[])
        + &request("HEAD", "/a.txt", &[])
        + &request("GET", "/large", &[]);
    // Empty lines between requests are let pass.
    client.send((round + "\r\n").repeat(50));
    for _ in 0..50 {
        assert_eq!(client.answer().text(), "hello\n");
        assert_eq!(client.answer_head().status, 200);
        assert_eq!(client.answer().body.len(), 100_000);
    }
    // In pieces of any size.
    for byte in request("GET", "/a.txt", &[]).repeat(2).as_bytes() {
        client.send([*byte]);
    }
    assert_eq!(client.answer().text(), "hello\n");
    assert_eq!(client.answer().text(), "hello\n");
}

#[test]
fn other_forms() {
    let server = Server::start(&[]);
    server.dir.write("dir/ü ?%.txt", "x");
    let mut client = server.client();
    for target in
        ["/./a.txt", "//a.txt", "/%61.txt", "http://test/a.txt", "https://test:1/a.txt?/../"]
    {
        assert_eq!(client.get(target, &[]).text(), "hello\n", "{target}");
    }
    assert_eq!(client.get("/dir/%C3%BC%20%3f%25.txt", &[]).text(), "x");
    // Without carriage returns, as people type.
    client.send("GET /a.txt HTTP/1.1\nhost: test\n\n");
    assert_eq!(client.answer().text(), "hello\n");
}

#[test]
fn methods() {
    let server = Server::start(&[]);
    let mut client = server.client();
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        client.send(request(method, "/a.txt", &[]));
        let answer = client.answer();
        assert_eq!((answer.status, answer.get("allow")), (405, Some("GET, HEAD")));
    }
    client.send(request("FROB", "/a.txt", &[]));
    assert_eq!(client.answer().status, 501);
}

#[test]
fn one_part() {
    let server = Server::start(&[]);
    server.dir.write("ten", "0123456789");
    let mut client = server.client();
    for (range, part, said) in [
        ("0-0", "0", "bytes 0-0/10"),
        ("2-4", "234", "bytes 2-4/10"),
        ("8-", "89", "bytes 8-9/10"),
        ("8-100", "89", "bytes 8-9/10"),
        ("-3", "789", "bytes 7-9/10"),
        ("-30", "0123456789", "bytes 0-9/10"),
        ("20-30,3-3", "3", "bytes 3-3/10"),
        ("5-99999999999999999999999", "56789", "bytes 5-9/10"),
    ] {
        let answer = client.get("/ten", &[&format!("Range: bytes={range}")]);
        assert_eq!((answer.status, answer.text()), (206, part), "{range}");
        assert_eq!(answer.get("content-range"), Some(said));
    }
    for range in ["10-", "10-20", "-0", "99999999999999999999999-"] {
        let answer = client.get("/ten", &[&format!("Range: bytes={range}")]);
        assert_eq!((answer.status, answer.get("content-range")), (416, Some("bytes */10")));
    }
    // What cannot be understood is ignored; so it is for HEAD.
    for range in ["lines=1-2", "bytes=4-2", "bytes=x", "bytes=", "bytes=--1", "bytes=+1-2"] {
        let answer = client.get("/ten", &[&format!("Range: {range}")]);
        assert_eq!((answer.status, answer.text()), (200, "0123456789"), "{range}");
    }
    assert_eq!(client.head("/ten", &["Range: bytes=1-2"]).status, 200);

    let large: Vec<u8> = (0..3_000_000).map(|i| (i / 3) as u8).collect();
    server.dir.write("large", &large);
    let answer = client.get("/large", &["Range: bytes=1000001-2000000"]);
    assert!(answer.body == large[1_000_001..=2_000_000]);
}

#[test]
fn several_parts() {
    let server = Server::start(&[]);
    server.dir.write("x.css", "0123456789");
    let mut client = server.client();
    let answer = client.get("/x.css", &["Range: bytes=1-2, 5-5 ,-2"]);
    assert_eq!(answer.status, 206);
    let kind = answer.get("content-type").unwrap();
    let boundary = kind.strip_prefix("multipart/byteranges; boundary=").unwrap();
    let part = |range: &str, text: &str| {
        format!(
            "\r\n--{boundary}\r\nContent-Type: text/css; charset=utf-8\r\n\
             Content-Range: bytes {range}/10\r\n\r\n{text}"
        )
    };
    let parts = [part("1-2", "12"), part("5-5", "5"), part("8-9", "89")].concat();
    assert_eq!(answer.text(), format!("{parts}\r\n--{boundary}--\r\n"));
    // More than there is: the whole file.
    let answer = client.get("/x.css", &["Range: bytes=0-9,0-9"]);
    assert_eq!((answer.status, answer.text()), (200, "0123456789"));
    let many = "0-0,".repeat(20) + "1-1";
    assert_eq!(client.get("/x.css", &[&format!("Range: bytes={many}")]).status, 200);
}

#[test]
fn conditions() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let first = client.get("/a.txt", &[]);
    let (etag, modified) = (first.get("etag").unwrap(), first.get("last-modified").unwrap());
    let mut status = |header: &str| {
        let answer = client.get("/a.txt", &[header]);
        assert_eq!(answer.body.is_empty(), answer.status == 304);
        if answer.status == 304 {
            assert_eq!(answer.get("etag"), Some(etag));
        }
        answer.status
    };
    let past = "Sun, 06 Nov 1994 08:49:37 GMT";
    for (header, expected) in [
        (format!("If-None-Match: {etag}"), 304),
        (format!("If-None-Match: \"x\", W/{etag}"), 304),
        ("If-None-Match: *".into(), 304),
        ("If-None-Match: \"x\"".into(), 200),
        (format!("If-None-Match: \"x\"\r\nIf-Modified-Since: {modified}"), 200),
        (format!("If-Modified-Since: {modified}"), 304),
        (format!("If-Modified-Since: {past}"), 200),
        ("If-Modified-Since: yesterday".into(), 200),
        (format!("If-Match: {etag}"), 200),
        ("If-Match: *".into(), 200),
        ("If-Match: \"x\"".into(), 412),
        (format!("If-Match: W/{etag}"), 412),
        (format!("If-Unmodified-Since: {modified}"), 200),
        (format!("If-Unmodified-Since: {past}"), 412),
        (format!("Range: bytes=0-0\r\nIf-Range: {etag}"), 206),
        (format!("Range: bytes=0-0\r\nIf-Range: {modified}"), 206),
        ("Range: bytes=0-0\r\nIf-Range: \"x\"".into(), 200),
        (format!("Range: bytes=0-0\r\nIf-Range: {past}"), 200),
    ] {
        assert_eq!(status(&header), expected, "{header}");
    }
    server.dir.write("a.txt", "hello again\n");
    let answer = client.get("/a.txt", &[&format!("If-None-Match: {etag}")]);
    assert_eq!((answer.status, answer.text()), (200, "hello again\n"));
    assert_ne!(answer.get("etag"), Some(etag));
}

#[test]
fn gzip() {
    let server = Server::start(&[]);
    let text = "all work and no play\n".repeat(20_000);
    server.dir.write("text.js", &text);
    server.dir.write("text.bin", &text);
    server.dir.write("short.js", "short");
    let mut client = server.client();
    let plain = client.get("/text.js", &[]);
    assert_eq!(plain.get("vary"), Some("Accept-Encoding"));
    assert!(plain.body == text.as_bytes());
    for header in ["gzip", "deflate, gzip;q=0.5", "br, *", "x-gzip"] {
        let header = format!("Accept-Encoding: {header}");
        let answer = client.get("/text.js", &[&header]);
        assert_eq!(answer.get("content-encoding"), Some("gzip"), "{header}");
        assert_eq!(answer.get("vary"), Some("Accept-Encoding"));
        assert_ne!(answer.get("etag"), plain.get("etag"));
        assert!(answer.body.len() < text.len() / 10);
        let mut unzipped = String::new();
        GzDecoder::new(&*answer.body).read_to_string(&mut unzipped).unwrap();
        assert!(unzipped == text);
        let again = format!("If-None-Match: {}", answer.get("etag").unwrap());
        assert_eq!(client.get("/text.js", &[&header, &again]).status, 304);
        let head = client.head("/text.js", &[&header]);
        assert_eq!(head.get("etag"), answer.get("etag"));
    }
    for (target, header) in [
        ("/text.js", "Accept-Encoding: gzip;q=0, deflate"),
        ("/text.js", "Accept-Encoding: gzip\r\nRange: bytes=0-99"),
        ("/text.bin", "Accept-Encoding: gzip"),
        ("/short.js", "Accept-Encoding: gzip"),
    ] {
        let answer = client.get(target, &[header]);
        assert_eq!(answer.get("content-encoding"), None, "{target} {header}");
        assert!(text.as_bytes().starts_with(&answer.body) || answer.text() == "short");
    }
    // No chunks for those who do not know them.
    client.send("GET /text.js HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n");
    assert!(client.answer().body == text.as_bytes());
}
