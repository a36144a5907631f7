//! Programs in which somebody can do something still, though all goroutines wait. Each ends in order, after
//! a time that is long enough for whoever thinks otherwise.
//!
//! # Safety
//!
//! A limit is set with memory that is there for the call.

#![allow(unsafe_code)]

use super::Case;
use gort::chan::{after, bounded, never, select, tick};
use gort::future::block_on;
use gort::signal::{Signal, notify};
use gort::sync::{Condvar, Mutex};
use gort::time::{Timer, sleep};
use std::future::poll_fn;
use std::io::{Read, Write};
use std::net;
use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

const LONG: Duration = Duration::from_millis(60);

/// Does `last` on a thread, after a time; meanwhile the goroutine waits for it.
fn while_a_thread(first: impl FnOnce() + Send + 'static) {
    gort::run(|| {
        let (sender, receiver) = bounded::<()>(0);
        thread::spawn(move || {
            first();
            sender.send(()).unwrap();
        });
        receiver.recv().unwrap();
    });
}

/// A child process that says something after a time, and its output.
fn late() -> std::process::ChildStdout {
    let mut command = Command::new("sh");
    command.args(["-c", "sleep 0.1; echo ready"]).stdin(Stdio::null()).stdout(Stdio::piped());
    command.spawn().expect("there is a shell").stdout.take().expect("it is piped")
}

pub(crate) const ALL: &[Case] = &[
    ("sleep", || gort::run(|| sleep(LONG))),
    ("a channel of time", || gort::run(|| _ = after(LONG).recv().unwrap())),
    ("a ticker", || gort::run(|| _ = tick(LONG / 3).iter().nth(2))),
    ("a timer's function", || {
        gort::run(|| {
            let (sender, receiver) = bounded(1);
            let _timer = Timer::after_func(LONG, move || sender.send(()).unwrap());
            receiver.recv().unwrap();
        })
    }),
    ("a limit of time", || {
        gort::run(|| {
            let mutex = Arc::new(Mutex::new(()));
            let _guard = mutex.lock();
            assert!(mutex.try_lock_for(LONG).is_none());
            assert!(bounded::<()>(0).1.recv_timeout(LONG).is_err());
            Condvar::new().wait_for(&mut Mutex::new(()).lock(), LONG);
            select! {
                recv(never::<()>()) -> _ => unreachable!(),
                default(LONG) => {}
            }
        })
    }),
    ("a limit of a thread's time", || {
        gort::go(|| never::<()>().recv());
        assert!(bounded::<()>(0).1.recv_timeout(LONG).is_err());
        let mutex = Mutex::new(());
        let _guard = mutex.lock();
        assert!(mutex.try_lock_for(LONG).is_none());
    }),
    ("a thread that sleeps", || while_a_thread(|| thread::sleep(LONG))),
    ("a thread that waits for a time", || {
        while_a_thread(|| assert!(bounded::<()>(0).1.recv_timeout(LONG).is_err()))
    }),
    ("a thread that waits for a thread", || {
        while_a_thread(|| thread::spawn(|| thread::sleep(LONG)).join().unwrap())
    }),
    ("a thread of C's that calls back", || {
        gort::run(|| {
            let (sender, receiver) = bounded::<u8>(0);
            thread::spawn(move || {
                for n in 0..3 {
                    thread::sleep(LONG);
                    gort::ffi::callback(|| sender.send(n).unwrap());
                }
                thread::sleep(LONG);
            });
            assert_eq!(receiver.iter().sum::<u8>(), 3);
        })
    }),
    ("C", || gort::run(|| gort::ffi::call_with(|| thread::sleep(LONG)))),
    ("C that waits", || gort::run(|| gort::ffi::call_blocking(|| thread::sleep(LONG)))),
    ("a call that nobody knows of", || gort::run(|| thread::sleep(LONG))),
    ("a call that waits", || {
        gort::run(|| {
            let out = late();
            assert_eq!(gort::syscall::read(out.as_fd(), &mut [0; 16]), Ok(6));
        })
    }),
    ("a call of another's", || {
        gort::run(|| {
            let reader = gort::go(|| gort::syscall::read(late().as_fd(), &mut [0; 16]));
            assert_eq!(reader.join().unwrap(), Ok(6));
        })
    }),
    ("a descriptor", || {
        gort::run(|| {
            let out = late();
            block_on(gort::future::readable(&out)).unwrap();
        })
    }),
    ("a socket", || {
        gort::run(|| {
            let listener = gort::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap().to_string();
            let script =
                format!("exec 3<>/dev/tcp/{}; sleep 0.1; echo x >&3", address.replace(':', "/"));
            let mut child = Command::new("bash").args(["-c", &script]).spawn().unwrap();
            let (mut stream, _) = listener.accept().unwrap();
            stream.read_exact(&mut [0; 2]).unwrap();
            child.wait().unwrap();
        })
    }),
    ("a child", || {
        gort::run(|| {
            let mut child = gort::process::Command::new("sleep").arg("0.1").spawn().unwrap();
            assert!(child.wait().unwrap().success());
        })
    }),
    ("a signal", || {
        gort::run(|| {
            let signals = notify(&[Signal::USR1]);
            let kill = format!("sleep 0.1; kill -USR1 {}", std::process::id());
            let mut child = Command::new("sh").args(["-c", &kill]).spawn().unwrap();
            assert_eq!(signals.recv(), Ok(Signal::USR1));
            child.wait().unwrap();
        })
    }),
    ("a future that a thread wakes", || {
        gort::run(|| {
            let mut polled = 0;
            let wake = |waker: Waker| {
                thread::spawn(move || {
                    thread::sleep(LONG);
                    waker.wake();
                })
            };
            block_on(poll_fn(|context| {
                polled += 1;
                if polled == 3 {
                    return Poll::Ready(());
                }
                drop(wake(context.waker().clone()));
                Poll::Pending
            }));
        })
    }),
    ("no goroutine", || {
        gort::run(|| ());
        thread::sleep(LONG);
    }),
    ("the main thread", || {
        let (sender, receiver) = bounded::<()>(0);
        let handle = gort::go(move || receiver.recv());
        thread::sleep(LONG);
        sender.send(()).unwrap();
        handle.join().unwrap().unwrap();
    }),
    ("main has gone, and another ends it", || {
        #[gort::main]
        fn main() {
            thread::spawn(|| {
                thread::sleep(LONG);
                std::process::exit(0);
            });
            gort::go(|| never::<()>().recv());
            gort::goexit();
        }
        main();
    }),
    ("main has gone, and a thread makes another", || {
        #[gort::main]
        fn main() {
            thread::spawn(|| {
                thread::sleep(LONG);
                gort::go(|| std::process::exit(0));
                thread::park();
            });
            gort::goexit();
        }
        main();
    }),
    ("no descriptor to ask the kernel with", || {
        let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: see the file's header.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const none) }, 0);
        gort::go(|| never::<()>().recv());
        thread::sleep(LONG);
    }),
    ("many at a time", many),
];

/// Over and over all goroutines wait, for somebody else each time: none of them is a false alarm.
pub(crate) fn many() {
    let round = |n: u64| {
        let (sender, receiver) = bounded::<u64>(0);
        let nap = Duration::from_micros(n * 37 % 1500);
        match n % 12 {
            // A thread that ends at once, having woken somebody.
            0 => drop(thread::spawn(move || sender.send(n).unwrap())),
            1 => drop(thread::spawn(move || {
                thread::sleep(nap);
                sender.send(n).unwrap();
            })),
            // By way of another thread, which has waited.
            2 => {
                let (first, second) = bounded::<u64>(0);
                thread::spawn(move || sender.send(second.recv().unwrap()).unwrap());
                thread::spawn(move || {
                    thread::sleep(nap);
                    first.send(n).unwrap();
                });
            }
            3 => drop(gort::go(move || {
                sleep(nap);
                sender.send(n).unwrap();
            })),
            4 => drop(thread::spawn(move || {
                thread::sleep(nap);
                gort::ffi::callback(|| sender.send(n).unwrap());
            })),
            5 => drop(gort::go(move || {
                let (mut here, mut there) = net_pair();
                thread::spawn(move || {
                    thread::sleep(nap);
                    there.write_all(&[1]).unwrap();
                });
                here.read_exact(&mut [0]).unwrap();
                sender.send(n).unwrap();
            })),
            // Having stopped the world, and with more or fewer Ps.
            6 => drop(thread::spawn(move || {
                gort::runtime::gomaxprocs(Some(1 + n as usize % 5));
                gort::runtime::dump(&mut std::io::sink()).unwrap();
                sender.send(n).unwrap();
            })),
            // By a timer that was late at first.
            7 => {
                let late = Duration::from_secs(3600);
                let timer = Timer::after_func(late, move || sender.send(n).unwrap());
                drop(gort::go(move || {
                    timer.reset(nap);
                    never::<()>().recv_timeout(2 * nap).unwrap_err();
                }));
            }
            8 => drop(gort::go(move || {
                let (reader, mut writer) = std::io::pipe().unwrap();
                thread::spawn(move || {
                    thread::sleep(nap);
                    writer.write_all(&[1]).unwrap();
                });
                block_on(gort::future::readable(&reader)).unwrap();
                sender.send(n).unwrap();
            })),
            // A thread that waits for a descriptor, one that waits for a time, one that waits for a child.
            9 => drop(thread::spawn(move || {
                let (mut here, mut there) = gort::net::UnixStream::pair().unwrap();
                gort::go(move || {
                    sleep(nap);
                    there.write_all(&[1]).unwrap();
                });
                here.read_exact(&mut [0]).unwrap();
                sender.send(n).unwrap();
            })),
            10 => drop(thread::spawn(move || {
                sleep(nap);
                gort::process::Command::new("true").status().unwrap();
                sender.send(n).unwrap();
            })),
            _ => drop(gort::go(move || {
                let _guard = gort::lock_os_thread();
                thread::sleep(nap);
                sender.send(n).unwrap();
            })),
        }
        assert_eq!(receiver.recv(), Ok(n));
    };
    gort::run(|| (0..360).for_each(round));
    // From the main thread, which waits, too.
    (0..360).for_each(round);
}

fn net_pair() -> (gort::net::TcpStream, net::TcpStream) {
    let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
    let here = gort::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (here, listener.accept().unwrap().0)
}
