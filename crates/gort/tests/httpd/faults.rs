//! What goes wrong where the server cannot help it: clients that die, descriptors that run out, disks and
//! kernels that do not do what they should.

use crate::client::{Client, request};
use crate::seccomp::{Fault, inject, limit_descriptors};
use crate::server::{Dir, Server, command};
use std::fs::File;
use std::os::unix::fs::symlink;
use std::thread;
use std::time::Duration;

const LARGE: u64 = 64 << 20;

fn large(dir: &Dir) -> File {
    let file = File::create(dir.path().join("large")).unwrap();
    file.set_len(LARGE).unwrap();
    file
}

#[test]
fn clients_that_die() {
    let server = Server::start(&[]);
    large(&server.dir);
    let before = server.descriptors();
    for target in ["/large", "/a.txt"] {
        for _ in 0..20 {
            let mut client = server.client();
            client.send(request("GET", target, &[]).repeat(3));
            // With bytes unread: that resets the connection.
            if target == "/large" {
                assert_eq!(client.answer_head().status, 200);
            }
        }
    }
    server.settles(before);
    let logged = ["reset by peer", "Broken pipe"].map(|text| server.count(text));
    assert!(logged.iter().sum::<usize>() >= 20, "{logged:?}");
    server.is_well();
}

#[test]
fn a_file_that_becomes_shorter() {
    let server = Server::start(&[]);
    let file = large(&server.dir);
    let before = server.descriptors();
    let mut client = server.client();
    client.send(request("GET", "/large", &[]));
    assert_eq!(client.answer_head().get("content-length"), Some(&*LARGE.to_string()));
    file.set_len(1 << 20).unwrap();
    let rest = client.rest().unwrap();
    assert!((rest.len() as u64) < LARGE);
    server.line("cannot complete an answer: the file has become shorter");
    server.is_well();
    server.settles(before);
}

#[test]
fn descriptors_run_out() {
    let dir = Dir::new();
    let mut command = command(&dir, &[]);
    limit_descriptors(&mut command, 64);
    let server = Server::run(dir, command);
    let before = server.descriptors();
    let mut clients: Vec<Client> = (0..80).map(|_| server.client()).collect();
    server.line("accept: Too many open files");
    // Who is in is told.
    assert_eq!(clients[0].get("/a.txt", &[]).status, 503);
    assert_eq!(server.get_once_room(&mut clients), 200);
    drop(clients);
    server.settles(before);
    server.is_well();
}

impl Server {
    /// Clients leave until the last one, which has waited to be let in, is answered.
    fn get_once_room(&self, clients: &mut Vec<Client>) -> u16 {
        let mut last = clients.pop().unwrap();
        last.send(request("GET", "/a.txt", &[]));
        clients.truncate(20);
        last.answer().status
    }
}

/// A server in which a call fails; nothing where that cannot be had, for reasons that are known.
fn with_fault(dir: Dir, args: &[&str], fault: Fault) -> Option<Server> {
    let mut command = command(&dir, args);
    inject(&mut command, fault);
    // To be told the error, if there is one.
    let mut probe = crate::server::command(&dir, &["--frob"]);
    inject(&mut probe, Fault { call: libc::SYS_openat2, arg: None, errno: libc::ENOSYS });
    match probe.output() {
        Ok(_) => Some(Server::run(dir, command)),
        Err(error) => {
            let known = [libc::EPERM, libc::EACCES, libc::EINVAL, libc::ENOSYS];
            assert!(error.raw_os_error().is_some_and(|errno| known.contains(&errno)), "{error}");
            println!("no seccomp filter: {error}");
            None
        }
    }
}

/// The root holds without the kernel's help, too.
#[test]
fn no_openat2() {
    for errno in [libc::ENOSYS, libc::EPERM] {
        let dir = Dir::new();
        dir.write("sub/sub/b.txt", "below\n");
        symlink("a.txt", dir.path().join("link")).unwrap();
        symlink("/etc", dir.path().join("etc")).unwrap();
        symlink("sub", dir.path().join("sub/link")).unwrap();
        let fault = Fault { call: libc::SYS_openat2, arg: None, errno };
        let Some(server) = with_fault(dir, &[], fault) else { return };
        server.is_well();
        assert_eq!(server.get("/sub/sub/b.txt", &[]).text(), "below\n");
        assert!(server.get("/sub/", &[]).text().contains("sub/"));
        assert_eq!(server.get("/sub/none/b.txt", &[]).status, 404);
        for target in ["/link", "/etc/passwd", "/etc", "/sub/link/b.txt"] {
            // A link in the middle is not a directory.
            let status = server.get(target, &[]).status;
            assert!([403, 404].contains(&status), "{target} {status}");
        }
        assert_eq!(server.get("/../a.txt", &[]).status, 400);
    }
}

#[test]
fn a_disk_that_fails() {
    let dir = Dir::new();
    dir.write("bad", vec![1; 12_345]);
    let fault = Fault { call: libc::SYS_pread64, arg: Some((2, 12_345)), errno: libc::EIO };
    if let Some(server) = with_fault(dir, &[], fault) {
        let mut client = server.client();
        let answer = client.get("/bad", &[]);
        assert_eq!(answer.status, 500);
        server.line("/bad: Input/output error");
        // On the same connection.
        assert_eq!(client.get("/a.txt", &[]).status, 200);
    }

    let dir = Dir::new();
    large(&dir);
    let fault = Fault { call: libc::SYS_sendfile, arg: None, errno: libc::EIO };
    if let Some(server) = with_fault(dir, &[], fault) {
        let before = server.descriptors();
        let mut client = server.client();
        client.send(request("GET", "/large", &[]));
        assert_eq!(client.answer_head().status, 200);
        assert!(client.rest().unwrap().is_empty());
        server.line("cannot complete an answer: Input/output error");
        server.is_well();
        server.settles(before);
    }
}

#[test]
fn no_sendfile() {
    for errno in [libc::EINVAL, libc::ENOSYS] {
        let dir = Dir::new();
        large(&dir);
        let fault = Fault { call: libc::SYS_sendfile, arg: None, errno };
        let Some(server) = with_fault(dir, &[], fault) else { return };
        assert_eq!(server.get("/large", &[]).body.len() as u64, LARGE);
    }
}

/// Accepting fails whatever is done: it is said, and tried more and more rarely.
#[test]
fn nothing_can_be_accepted() {
    for (errno, text) in [
        (libc::ENFILE, "accept: Too many open files in system"),
        (libc::ECONNABORTED, "accept: Software caused connection abort"),
    ] {
        let fault = Fault { call: libc::SYS_accept4, arg: None, errno };
        let Some(mut server) = with_fault(Dir::new(), &[], fault) else { return };
        let _waits = server.client();
        server.line(text);
        thread::sleep(Duration::from_millis(200));
        assert!(server.count("accept: ") < 20);
        server.signal(gort_sys::types::Signal::TERM);
        assert!(server.exit().success());
    }
}
