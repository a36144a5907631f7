//! Programs of two parties that wait for each other.
//!
//! # Safety
//!
//! Words, semaphores and descriptors live until both parties have ended.

#![allow(unsafe_code)]

use crate::calls::{In, Out, Wait, call, input, output, set_nonblocking, wait};
use libc::c_int;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::net::{TcpListener, TcpStream};
use std::os::fd::IntoRawFd;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

#[derive(Clone, Copy, Debug)]
enum Between {
    Tcp,
    Stream,
    Packets,
    Pipes,
}

/// How to wait before the call.
#[derive(Clone, Copy, Debug)]
enum Before {
    /// The call itself waits.
    Nothing,
    Wait(Wait),
    Queue,
    /// It does not wait: O_NONBLOCK is set, and who is told to come back waits then.
    Nonblocking(bool),
}

#[derive(Clone, Debug)]
enum Step {
    /// The second party sends, if so; so many bytes, by pieces.
    Bytes(bool, usize, (Out, Before, usize), (In, Before, usize)),
    /// By the futex word: one sets it, the other waits until it is set.
    Turn(bool, bool),
    /// One posts, the other waits, this often.
    Post(bool, u32),
    /// Both come to the barrier.
    Meet,
}

#[derive(Clone, Debug)]
pub(crate) struct Program {
    between: Between,
    steps: Vec<Step>,
}

fn before() -> impl Strategy<Value = Before> {
    prop_oneof![
        4 => Just(Before::Nothing),
        2 => select(vec![Wait::Poll, Wait::Ppoll, Wait::Select, Wait::Pselect]).prop_map(Before::Wait),
        1 => Just(Before::Queue),
        1 => any::<bool>().prop_map(Before::Nonblocking),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let writes = select(vec![
        Out::Write,
        Out::Writev,
        Out::Send(0),
        Out::Sendto(0),
        Out::Sendmsg(libc::MSG_NOSIGNAL),
    ]);
    let reads = select(vec![
        In::Read,
        In::Readv,
        In::Recv(0),
        In::Recvfrom(0),
        In::Recvmsg(0),
        In::Recv(libc::MSG_WAITALL),
    ]);
    let size = || prop_oneof![3 => 1usize..3000, 1 => 3000usize..400_000];
    prop_oneof![
        8 => (any::<bool>(), size(), (writes, before(), size()), (reads, before(), size()))
            .prop_map(|(second, bytes, out, r#in)| Step::Bytes(second, bytes, out, r#in)),
        2 => (any::<bool>(), any::<bool>()).prop_map(|(second, bitset)| Step::Turn(second, bitset)),
        1 => (any::<bool>(), 1u32..20).prop_map(|(second, count)| Step::Post(second, count)),
        1 => Just(Step::Meet),
    ]
}

pub(crate) fn program() -> impl Strategy<Value = Program> {
    let between = select(vec![Between::Tcp, Between::Stream, Between::Packets, Between::Pipes]);
    (between, vec(step(), 1..12)).prop_map(|(between, steps)| Program { between, steps })
}

/// What both use.
struct Shared {
    turns: AtomicU32,
    posts: [libc::sem_t; 2],
    meeting: libc::pthread_barrier_t,
}

/// What a party has.
struct Party<'a> {
    second: bool,
    /// To read from, and to write to.
    fds: [c_int; 2],
    shared: &'a Shared,
    packets: bool,
    sockets: bool,
    turn: u32,
}

/// What each party has seen, line by line; a goroutine's or a thread's.
pub(crate) fn run(program: &Program, goroutines: [bool; 2]) -> [Vec<String>; 2] {
    // SAFETY: numbers; they are initialised below.
    let mut shared: Box<Shared> = unsafe { Box::new(std::mem::zeroed()) };
    for semaphore in &mut shared.posts {
        call!(sem_init(semaphore, 0, 0));
    }
    call!(pthread_barrier_init(&mut shared.meeting, std::ptr::null(), 2));
    let [first, second] = ends(program.between);
    let party = |second: bool, fds| Party {
        second,
        fds,
        shared: &shared,
        packets: matches!(program.between, Between::Packets),
        sockets: !matches!(program.between, Between::Pipes),
        turn: 0,
    };
    let run = |party: Party<'_>, goroutine: bool| {
        let run = move || party.run(&program.steps);
        if goroutine { gort::run(run) } else { run() }
    };
    thread::scope(|s| {
        let one = s.spawn(|| run(party(false, first), goroutines[0]));
        let other = s.spawn(|| run(party(true, second), goroutines[1]));
        [one, other].map(|party| party.join().expect("a party does not panic"))
    })
}

/// Of the two parties: what to read from, and what to write to.
fn ends(between: Between) -> [[c_int; 2]; 2] {
    let mut pair = [0; 2];
    match between {
        Between::Tcp => {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let one = TcpStream::connect(listener.local_addr().unwrap()).unwrap().into_raw_fd();
            let other = listener.accept().unwrap().0.into_raw_fd();
            [[one; 2], [other; 2]]
        }
        Between::Stream | Between::Packets => {
            let packets = matches!(between, Between::Packets);
            let kind = if packets { libc::SOCK_SEQPACKET } else { libc::SOCK_STREAM };
            call!(socketpair(libc::AF_UNIX, kind, 0, pair.as_mut_ptr()));
            pair.map(|fd| [fd; 2])
        }
        Between::Pipes => {
            let mut back = [0; 2];
            call!(pipe(pair.as_mut_ptr()));
            call!(pipe(back.as_mut_ptr()));
            [[pair[0], back[1]], [back[0], pair[1]]]
        }
    }
}

/// More does not fit one packet.
const PACKET: usize = 3000;

impl Party<'_> {
    fn run(mut self, steps: &[Step]) -> Vec<String> {
        let mut seen: Vec<_> = steps.iter().map(|step| self.step(step)).collect();
        seen.push(self.end());
        seen
    }

    fn step(&mut self, step: &Step) -> String {
        match *step {
            Step::Bytes(second, bytes, (how, before, piece), _) if second == self.second => {
                self.send(bytes, how, before, piece)
            }
            Step::Bytes(_, bytes, _, (how, before, piece)) => {
                self.receive(bytes, how, before, piece)
            }
            Step::Turn(second, bitset) => self.take_turn(second == self.second, bitset),
            Step::Post(second, count) => {
                let semaphore = (&raw const self.shared.posts[usize::from(second)]).cast_mut();
                for _ in 0..count {
                    let mine = second == self.second;
                    let answer =
                        if mine { call!(sem_post(semaphore)) } else { call!(sem_wait(semaphore)) };
                    assert_eq!(answer.0, Ok(0));
                }
                "posted".into()
            }
            Step::Meet => {
                let barrier = (&raw const self.shared.meeting).cast_mut();
                // One of them is told that it was the last.
                assert!(
                    call!(pthread_barrier_wait(barrier)).0.is_ok_and(|code| code <= 0)
                        || libc::PTHREAD_BARRIER_SERIAL_THREAD == -1
                );
                "met".into()
            }
        }
    }

    /// What the call is for pipes.
    fn out(&self, how: Out) -> Out {
        match how {
            Out::Send(_) | Out::Sendto(_) | Out::Sendmsg(_) if !self.sockets => Out::Write,
            how => how,
        }
    }

    fn r#in(&self, how: In) -> In {
        match how {
            In::Recv(_) | In::Recvfrom(_) | In::Recvmsg(_) if !self.sockets => In::Read,
            how => how,
        }
    }

    fn send(&mut self, bytes: usize, how: Out, before: Before, piece: usize) -> String {
        let piece = if self.packets { piece.min(PACKET) } else { piece };
        let text: Vec<u8> = (0..bytes).map(|i| (i % 251) as u8).collect();
        let fd = self.fds[1];
        let how = self.out(how);
        let mut sent = 0;
        let ready = Ready::new(fd, libc::POLLOUT, before);
        while sent < bytes {
            ready.wait();
            // What has waited for room for one byte may have no more than that.
            let piece = &text[sent..bytes.min(sent + piece)];
            let answer = output(fd, how, piece);
            match answer.0 {
                Ok(len) if ready.is_blocking() => {
                    assert_eq!(len as usize, piece.len(), "a blocking call sends all");
                    sent += len as usize;
                }
                Ok(len) => sent += len as usize,
                Err(libc::EAGAIN) if !ready.is_blocking() => ready.come_back(),
                Err(_) => panic!("{how:?} {answer:?}"),
            }
        }
        ready.end();
        format!("sent {sent}")
    }

    fn receive(&mut self, bytes: usize, how: In, before: Before, piece: usize) -> String {
        let fd = self.fds[0];
        let how = self.r#in(how);
        // The rest of a packet would be lost.
        let piece = if self.packets { PACKET } else { piece };
        let mut text = vec![0; bytes];
        let mut got = 0;
        let ready = Ready::new(fd, libc::POLLIN, before);
        while got < bytes {
            ready.wait();
            let end = bytes.min(got + piece);
            let answer = input(fd, how, &mut text[got..end]);
            match answer.0 {
                Ok(0) => panic!("{how:?} says that the other has ended"),
                Ok(len) => {
                    let all = matches!(how, In::Recv(libc::MSG_WAITALL));
                    if all && ready.is_blocking() && !self.packets {
                        assert_eq!(len as usize, end - got, "all was asked for");
                    }
                    got += len as usize;
                }
                Err(libc::EAGAIN) if !ready.is_blocking() => ready.come_back(),
                Err(_) => panic!("{how:?} {answer:?}"),
            }
        }
        ready.end();
        let right = text.iter().enumerate().all(|(i, byte)| *byte == (i % 251) as u8);
        format!("received {got} {right}")
    }

    fn take_turn(&mut self, mine: bool, bitset: bool) -> String {
        self.turn += 1;
        let (word, turn) = (&self.shared.turns, self.turn);
        let private = libc::FUTEX_PRIVATE_FLAG;
        let null = std::ptr::null_mut::<u32>();
        if mine {
            // As many turns as have been waited for: one after the other.
            word.store(turn, Ordering::SeqCst);
            let op = if bitset { libc::FUTEX_WAKE_BITSET } else { libc::FUTEX_WAKE };
            let woken =
                call!(syscall(libc::SYS_futex, word.as_ptr(), op | private, 1, null, null, !0_u32));
            assert!(woken.0.is_ok_and(|count| count <= 1), "{woken:?}");
            return "gave a turn".into();
        }
        loop {
            let now = word.load(Ordering::SeqCst);
            if now >= turn {
                return "took a turn".into();
            }
            let op = if bitset { libc::FUTEX_WAIT_BITSET } else { libc::FUTEX_WAIT };
            let waited = call!(syscall(
                libc::SYS_futex,
                word.as_ptr(),
                op | private,
                now,
                null,
                null,
                !0_u32
            ));
            assert!(matches!(waited.0, Ok(0) | Err(libc::EAGAIN | libc::EINTR)), "{waited:?}");
        }
    }

    /// The first goes; the other sees it.
    fn end(&mut self) -> String {
        let [from, to] = self.fds;
        let close = || {
            call!(close(from));
            if from != to {
                call!(close(to));
            }
        };
        if !self.second {
            if self.sockets {
                call!(shutdown(to, libc::SHUT_WR));
            } else {
                call!(close(to));
                self.fds[1] = from;
            }
        }
        let mut byte = [0; 1];
        let end = if self.second {
            let end = input(from, In::Read, &mut byte);
            close();
            end
        } else {
            // Until the other has gone, too.
            let end = input(from, In::Read, &mut byte);
            call!(close(from));
            end
        };
        format!("the end is {end:?}")
    }
}

/// A descriptor and how it is waited for.
struct Ready {
    fd: c_int,
    events: i16,
    before: Before,
    queue: Option<c_int>,
}

impl Ready {
    fn new(fd: c_int, events: i16, before: Before) -> Ready {
        let queue = matches!(before, Before::Queue).then(|| {
            let queue = call!(epoll_create1(0)).len() as c_int;
            let mut event = libc::epoll_event { events: events as u32, u64: 0 };
            assert_eq!(call!(epoll_ctl(queue, libc::EPOLL_CTL_ADD, fd, &mut event)).0, Ok(0));
            queue
        });
        let ready = Ready { fd, events, before, queue };
        ready.set(true);
        ready
    }

    fn set(&self, on: bool) {
        if let Before::Nonblocking(by_ioctl) = self.before {
            assert!(set_nonblocking(self.fd, on, by_ioctl).0.is_ok());
        }
    }

    fn is_blocking(&self) -> bool {
        !matches!(self.before, Before::Nonblocking(_))
    }

    fn wait(&self) {
        if let Before::Wait(how) = self.before {
            let (answer, come) = wait(how, &[(self.fd, self.events)], -1);
            assert!(answer.0 == Ok(1) && come[0] & self.events != 0, "{answer:?} {come:?}");
        }
        if let Some(queue) = self.queue {
            let mut event = libc::epoll_event { events: 0, u64: 1 };
            let answer = call!(epoll_wait(queue, &mut event, 1, -1));
            assert!(answer.0 == Ok(1) && { event.u64 } == 0, "{answer:?}");
        }
    }

    fn come_back(&self) {
        wait(Wait::Poll, &[(self.fd, self.events)], -1);
    }

    fn end(&self) {
        self.set(false);
        if let Some(queue) = self.queue {
            call!(close(queue));
        }
    }
}
