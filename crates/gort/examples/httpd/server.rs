//! Connections: accepting, counting, draining.

use crate::connection::Connection;
use crate::files::Root;
use crate::log;
use crate::options::Options;
use crate::stream::Stream;
use gort::chan::{after, bounded, select};
use gort::net::{TcpListener, TcpStream};
use gort::sync::{Mutex, WaitGroup};
use gort::time::sleep;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};
use std::collections::HashMap;
use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long accepting pauses after it has failed: there may be something to accept all the time.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));

/// A compressor's tables are made on the stack, if the compiler does not optimise that away. It is address
/// space, of which memory is what is touched.
const STACK: usize = 500 << 10;

const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    Connection: close\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n";

pub(crate) struct Server {
    pub(crate) options: Options,
    pub(crate) root: Root,
    pub(crate) tls: Option<Arc<ServerConfig>>,
    draining: AtomicBool,
    clients: Mutex<Clients>,
    running: WaitGroup,
}

/// Those that are connected, by numbers.
#[derive(Default)]
struct Clients {
    connected: HashMap<u64, Arc<Client>>,
    next: u64,
}

/// A connection as others see it.
pub(crate) struct Client {
    socket: Arc<TcpStream>,
    /// It waits for a request.
    idle: AtomicBool,
}

impl Client {
    /// Whether to wait for another request. Who drains says so, and then looks who waits; who waits says
    /// so, and then looks here: one of them sees the other.
    pub(crate) fn may_idle(&self, server: &Server) -> bool {
        // SeqCst, both: with `drain`.
        self.idle.store(true, Ordering::SeqCst);
        !server.draining.load(Ordering::SeqCst)
    }

    /// There is one.
    pub(crate) fn works(&self) {
        self.idle.store(false, Ordering::Relaxed);
    }
}

impl Server {
    pub(crate) fn new(options: Options) -> io::Result<Server> {
        let root = Root::open(&options.root, options.follow_symlinks)?;
        let tls = match &options.tls {
            Some((cert, key)) => Some(Arc::new(tls(cert, key).map_err(io::Error::other)?)),
            None => None,
        };
        Ok(Server {
            options,
            root,
            tls,
            draining: AtomicBool::new(false),
            clients: Mutex::default(),
            running: WaitGroup::new(),
        })
    }

    /// Answers are the last on their connections now.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Starts a goroutine for each connection, until the server drains.
    pub(crate) fn accept(self: &Arc<Server>, listener: &TcpListener) {
        let mut pause = PAUSES.0;
        while !self.is_draining() {
            match listener.accept() {
                Ok((socket, peer)) => {
                    pause = PAUSES.0;
                    self.welcome(socket, peer);
                }
                Err(_) if self.is_draining() => {}
                // Too many open files, mostly: some will be closed.
                Err(error) => {
                    log::error(format_args!("accept: {error}"));
                    sleep(pause);
                    pause = (2 * pause).min(PAUSES.1);
                }
            }
        }
    }

    fn welcome(self: &Arc<Server>, socket: TcpStream, peer: SocketAddr) {
        let socket = Arc::new(socket);
        let client = Arc::new(Client { socket: Arc::clone(&socket), idle: AtomicBool::new(false) });
        let Some(number) = self.enter(&client) else {
            log::error(format_args!("{peer}: too many connections"));
            // It fits into the socket's buffer.
            let _ = self.tls.is_none().then(|| (&*socket).write(BUSY));
            return;
        };
        let gone = Gone { server: Arc::clone(self), number };
        let serve = move || {
            let server = &gone.server;
            // An answer is written in one piece: there is nothing to wait for.
            let stream = socket.set_nodelay(true).and_then(|()| {
                let tls = server.tls.clone().map(ServerConnection::new).transpose();
                Stream::new(socket, tls.map_err(io::Error::other)?, server.options.send_time)
            });
            match stream {
                Ok(stream) => Connection::new(server, &client, peer, stream).serve(),
                Err(error) => log::error(format_args!("{peer}: {error}")),
            }
        };
        if let Err(error) = gort::Builder::new().stack_size(STACK).spawn(serve) {
            log::error(format_args!("{peer}: no goroutine: {error}"));
        }
    }

    /// Puts a connection into the books, if there is room for one more.
    fn enter(&self, client: &Arc<Client>) -> Option<u64> {
        let mut clients = self.clients.lock();
        if clients.connected.len() >= self.options.max_connections {
            return None;
        }
        let number = clients.next;
        clients.next += 1;
        clients.connected.insert(number, Arc::clone(client));
        self.running.add(1);
        Some(number)
    }

    /// Stops accepting, ends the connections that wait for requests, and gives the others the
    /// time to complete their answers.
    pub(crate) fn drain(&self, listener: &TcpListener) {
        // SeqCst: with `may_idle`.
        self.draining.store(true, Ordering::SeqCst);
        // Whoever accepts is woken; it can have been closed by nobody else.
        let _ = listener.close();
        for client in self.clients.lock().connected.values() {
            if client.idle.load(Ordering::SeqCst) {
                let _ = client.socket.shutdown(Shutdown::Read);
            }
        }
        let (done, drained) = bounded::<()>(0);
        let running = self.running.clone();
        gort::go(move || {
            running.wait();
            drop(done);
        });
        select! {
            recv(drained) -> _ => log::error(format_args!("drained")),
            recv(after(self.options.drain_time)) -> _ => {
                let left = self.clients.lock().connected.len();
                log::error(format_args!("{left} connections cut off"));
            }
        }
    }
}

/// Takes a connection from the books, however it has ended.
struct Gone {
    server: Arc<Server>,
    number: u64,
}

impl Drop for Gone {
    fn drop(&mut self) {
        self.server.clients.lock().connected.remove(&self.number);
        self.server.running.done();
    }
}

fn tls(cert: &Path, key: &Path) -> Result<ServerConfig, Box<dyn std::error::Error + Send + Sync>> {
    let chain = CertificateDer::pem_file_iter(cert)?.collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_file(key)?;
    Ok(ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?)
}
