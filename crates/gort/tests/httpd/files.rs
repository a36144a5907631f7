//! What is below the root, what is not, and directories as pages.

use crate::server::{Dir, Server, command};
use std::fs;
use std::fs::{File, FileTimes};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::time::{Duration, UNIX_EPOCH};

/// Below it are `root`, which is served, and things that are not.
fn nested(args: &[&str]) -> Server {
    let outside = Dir::new();
    outside.write("secret.txt", "secret");
    outside.write("root/a.txt", "hello\n");
    outside.write("root/sub/b.txt", "below\n");
    let root = outside.path().join("root");
    symlink("sub/b.txt", root.join("inside")).unwrap();
    symlink("sub", root.join("inside-dir")).unwrap();
    symlink("../../root/sub/b.txt", root.join("sub/around")).unwrap();
    symlink("../secret.txt", root.join("outside")).unwrap();
    symlink("..", root.join("outside-dir")).unwrap();
    symlink(outside.path().join("root/a.txt"), root.join("absolute")).unwrap();
    symlink("loop", root.join("loop")).unwrap();
    symlink("nowhere", root.join("dangling")).unwrap();
    let mut command = command(&outside, args);
    command.arg("--root").arg(root);
    Server::run(outside, command)
}

/// A request that asks for something outside the root, in all ways that are known.
const OUTSIDE: &[&str] = &[
    "/../secret.txt",
    "/%2e%2e/secret.txt",
    "/.%2E/secret.txt",
    "/sub/../../secret.txt",
    "/sub/..%2f..%2fsecret.txt",
    "/..%2fsecret.txt",
    "/sub/..",
    "/..",
    "http://test/../secret.txt",
    "/a.txt%00.html",
    "/%00",
    "/%",
    "/%2",
    "/%zz",
    "a.txt",
    "*",
];

#[test]
fn nothing_is_outside() {
    for args in [&[] as &[&str], &["--follow-symlinks"]] {
        let server = nested(args);
        for target in OUTSIDE {
            let answer = server.get(target, &[]);
            assert_eq!(answer.status, 400, "{target}");
        }
        assert_eq!(server.get("/..\\secret.txt", &[]).status, 404);
        assert_eq!(server.get("/%252e%252e/secret.txt", &[]).status, 404);
        assert_eq!(server.get(&format!("/{}", "x/".repeat(5000)), &[]).status, 414);
        assert_eq!(server.get(&format!("/{}", "x".repeat(300)), &[]).status, 414);
        server.is_well();
    }
}

#[test]
fn links_lead_to_what_is_inside() {
    let server = nested(&[]);
    for target in ["/inside", "/inside-dir/b.txt", "/sub/around"] {
        let answer = server.get(target, &[]);
        if target == "/sub/around" {
            // On its way it has been outside.
            assert_eq!(answer.status, 403);
        } else {
            assert_eq!((answer.status, answer.text()), (200, "below\n"), "{target}");
        }
    }
    for target in ["/outside", "/outside-dir/", "/outside-dir/secret.txt", "/absolute", "/loop"] {
        assert_eq!(server.get(target, &[]).status, 403, "{target}");
    }
    assert_eq!(server.get("/dangling", &[]).status, 404);
}

#[test]
fn links_may_lead_out() {
    let server = nested(&["--follow-symlinks"]);
    for target in ["/outside", "/outside-dir/secret.txt"] {
        assert_eq!(server.get(target, &[]).text(), "secret");
    }
    assert_eq!(server.get("/absolute", &[]).text(), "hello\n");
    assert_eq!(server.get("/loop", &[]).status, 403);
}

#[test]
fn neither_files_nor_directories() {
    let server = Server::start(&[]);
    let fifo = server.dir.path().join("fifo");
    gort_sys::raw::mknodat(
        gort_sys::fd::CWD,
        &fifo,
        gort_sys::types::Node::new(
            gort_sys::types::FileType::FIFO,
            gort_sys::types::Mode::from_bits_retain(0o600),
        ),
    )
    .unwrap();
    let _socket = UnixListener::bind(server.dir.path().join("socket")).unwrap();
    // Not waited for: it has no writer.
    assert_eq!(server.get("/fifo", &[]).status, 403);
    assert_eq!(server.get("/socket", &[]).status, 404);
    server.is_well();
}

#[test]
fn what_may_not_be_read() {
    let server = Server::start(&[]);
    let path = server.dir.path().join("a.txt");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    // The superuser may read everything.
    let expected = if File::open(&path).is_ok() { 200 } else { 403 };
    assert_eq!(server.get("/a.txt", &[]).status, expected);
}

#[test]
fn times_that_headers_cannot_say() {
    let server = Server::start(&[]);
    let file = File::options().write(true).open(server.dir.path().join("a.txt")).unwrap();
    let days = |count: u64| Duration::from_secs(count * 86_400);
    for time in [UNIX_EPOCH - days(3000), UNIX_EPOCH, UNIX_EPOCH + days(3_000_000)] {
        // Not every file system has them.
        if file.set_times(FileTimes::new().set_modified(time)).is_ok() {
            server.is_well();
            assert_eq!(server.get("/", &[]).status, 200);
        }
    }
}

#[test]
fn a_listing() {
    let server = Server::start(&[]);
    server.dir.write("dir/<b>&\"'x.txt", vec![0; 2000]);
    server.dir.write("dir/Zoo/x", "");
    server.dir.write("dir/a:b", "");
    server.dir.write("dir/java script:alert(1)", "");
    symlink("/", server.dir.path().join("dir/link")).unwrap();
    let answer = server.get("/dir/", &[]);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.get("content-type"), Some("text/html; charset=utf-8"));
    let page = answer.text();
    for part in [
        "<title>/dir</title>",
        "<a href=\"../\">../</a>",
        "<a href=\"%3Cb%3E%26%22%27x.txt\">&lt;b&gt;&amp;&quot;&#39;x.txt</a><td title=\"2000\">2.0 KiB<td>",
        "<a href=\"Zoo/\">Zoo/</a><td><td>",
        "<a href=\"a%3Ab\">a:b</a><td title=\"0\">0 B<td>",
        "<a href=\"java%20script%3Aalert%281%29\">",
        "<a href=\"link\">link</a><td><td>",
    ] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    let at = |part: &str| page.find(part).unwrap();
    assert!(at("../") < at("Zoo/") && at("Zoo/") < at("a:b") && at("a:b") < at("link"));
    // Its links lead there.
    assert_eq!(server.get("/dir/%3Cb%3E%26%22%27x.txt", &[]).body.len(), 2000);
    assert!(!server.get("/", &[]).text().contains("../"));
}

#[test]
fn a_large_listing() {
    let server = Server::start(&[]);
    for i in 0..2000 {
        server.dir.write(&format!("many/file with a long name, number {i}"), "");
    }
    let plain = server.get("/many/", &[]);
    assert_eq!(plain.text().matches("<tr>").count(), 2002);
    let zipped = server.get("/many/", &["Accept-Encoding: gzip"]);
    let mut unzipped = String::new();
    let mut decoder = flate2::read::GzDecoder::new(&*zipped.body);
    std::io::Read::read_to_string(&mut decoder, &mut unzipped).unwrap();
    assert_eq!(unzipped, plain.text());
}

#[test]
fn an_index() {
    let server = Server::start(&[]);
    server.dir.write("ü x/index.html", "index");
    server.dir.write("odd/index.html/x", "");
    assert_eq!(server.get("/%C3%BC%20x/", &[]).text(), "index");
    assert_eq!(server.get("/%C3%BC%20x/index.html", &[]).text(), "index");
    let answer = server.get("/%C3%BC%20x?a=b", &[]);
    assert_eq!((answer.status, answer.get("location")), (301, Some("/%C3%BC%20x/?a=b")));
    // Not to another host.
    let answer = server.get("//odd//.//index.html", &[]);
    assert_eq!((answer.status, answer.get("location")), (301, Some("/odd/index.html/")));
    assert!(server.get("/odd/", &[]).text().contains("index.html/"));
    assert_eq!(server.get("/odd/.", &[]).status, 200);
}
