//! hyper on goroutines: a server and a client of hyper 1, each connection a future that a goroutine runs with
//! `block_on`. hyper brings no executor and no sockets; what it asks for is here, in four small adaptors.
//!
//! ```text
//! cargo run --example hyper_server -- 127.0.0.1:8080 &
//! cargo run --example hyper_server -- get http://127.0.0.1:8080/hello
//! ```
//!
//! The sockets are gort's, set not to wait. A poll tries the call; if that would have to wait, it leaves a
//! readiness future behind and returns. It must not wait itself, as the code of a service may: hyper
//! reads for the end of a connection while it writes an answer, and polls both in one go.

use gort::future::{Ready, Sleep, block_on, readable, sleep_until, writable};
use gort::net::{TcpListener, TcpStream};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::rt::{Executor, ReadBufCursor, Timer};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Uri, client, server};
use std::convert::Infallible;
use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

/// A stream that is shared by who reads and who writes, and the two readiness futures.
struct Io {
    stream: Arc<TcpStream>,
    readable: Ready<Arc<TcpStream>>,
    writable: Ready<Arc<TcpStream>>,
}

impl Io {
    fn new(stream: TcpStream) -> io::Result<Io> {
        stream.set_nonblocking(true)?;
        let stream = Arc::new(stream);
        let (readable, writable) = (readable(stream.clone()), writable(stream.clone()));
        Ok(Io { stream, readable, writable })
    }
}

/// Does `work` until it does not say any more that it would have to wait.
fn poll_io<T>(
    stream: &TcpStream,
    is_ready: &mut Ready<Arc<TcpStream>>,
    context: &mut Context<'_>,
    mut work: impl FnMut(&TcpStream) -> io::Result<T>,
) -> Poll<io::Result<T>> {
    loop {
        match work(stream) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                ready!(Pin::new(&mut *is_ready).poll(context))?;
            }
            result => return Poll::Ready(result),
        }
    }
}

impl hyper::rt::Read for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut to: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut buf = [0; 8 << 10];
        let most = to.remaining().min(buf.len());
        let Io { stream, readable, .. } = &mut *self;
        let work = |mut stream: &TcpStream| stream.read(&mut buf[..most]);
        let count = ready!(poll_io(stream, readable, context, work))?;
        to.put_slice(&buf[..count]);
        Poll::Ready(Ok(()))
    }
}

impl hyper::rt::Write for Io {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Io { stream, writable, .. } = &mut *self;
        poll_io(stream, writable, context, |mut stream| stream.write(buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Io { stream, writable, .. } = &mut *self;
        poll_io(stream, writable, context, |mut stream| stream.write_vectored(bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.stream.shutdown(Shutdown::Write))
    }
}

/// What hyper wants to have run beside a connection gets a goroutine.
#[derive(Clone, Copy)]
struct Goroutines;

impl<F> Executor<F> for Goroutines
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, future: F) {
        gort::future::go(future);
    }
}

/// hyper's timeouts, by gort's timers.
struct Timers;

struct Nap(Sleep);

impl Future for Nap {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(context)
    }
}

impl hyper::rt::Sleep for Nap {}

impl Timer for Timers {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(Nap(gort::future::sleep(duration)))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(Nap(sleep_until(deadline)))
    }
}

/// A service may block: nobody waits but its client.
async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::default());
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/hello") => *response.body_mut() = "Hello from a goroutine\n".into(),
        (&Method::GET, "/slow") => {
            gort::time::sleep(Duration::from_millis(100));
            *response.body_mut() = "That took a while\n".into();
        }
        (&Method::POST, "/echo") => match request.into_body().collect().await {
            Ok(body) => *response.body_mut() = body.to_bytes().into(),
            Err(_) => *response.status_mut() = StatusCode::BAD_REQUEST,
        },
        _ => *response.status_mut() = StatusCode::NOT_FOUND,
    }
    Ok(response)
}

fn serve(addr: &str) -> io::Result<()> {
    let listener = TcpListener::bind(addr)?;
    println!("listening on {}", listener.local_addr()?);
    for stream in listener.incoming() {
        let io = match stream.and_then(Io::new) {
            Ok(io) => io,
            Err(error) => {
                eprintln!("{error}");
                // There may be no descriptors left, for a while.
                gort::time::sleep(Duration::from_millis(10));
                continue;
            }
        };
        gort::go(move || {
            let connection = server::conn::http1::Builder::new()
                .timer(Timers)
                .header_read_timeout(Duration::from_secs(5))
                .serve_connection(io, service_fn(answer));
            if let Err(error) = block_on(connection) {
                eprintln!("{error}");
            }
        });
    }
    Ok(())
}

/// Prints what there is.
fn get(uri: &Uri) -> Result<(), Box<dyn Error + Send + Sync>> {
    let host = uri.authority().ok_or("there is no host in it")?.as_str();
    let io = Io::new(TcpStream::connect(host)?)?;
    block_on(async {
        let (mut sender, connection) = client::conn::http1::handshake(io).await?;
        // It has to be polled beside what waits for the answer.
        Goroutines.execute(connection);
        let request = Request::get(uri.path()).header("host", host).body(Empty::<Bytes>::new())?;
        let response = sender.send_request(request).await?;
        if !response.status().is_success() {
            return Err(response.status().to_string().into());
        }
        io::stdout().write_all(&response.into_body().collect().await?.to_bytes())?;
        Ok(())
    })
}

#[gort::main]
fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let args: Vec<_> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [addr] => Ok(serve(addr)?),
        ["get", uri] => get(&uri.parse()?),
        _ => Err("usage: hyper_server ADDRESS | get URI".into()),
    }
}
