//! Serves a directory's files with hyper on tokio, as simply as can be: `hyper-files ADDR DIR [inline]`.
//!
//! Files are read by `tokio::fs`, as is usual, which asks another thread; or, with `inline`, where the
//! request is answered, which nobody may do whose files are not in memory.

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use tokio::net::TcpListener;

async fn answer(
    request: Request<Incoming>,
    dir: &'static str,
    inline: bool,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = format!("{dir}{}", request.uri().path());
    let read = if inline { std::fs::read(&path) } else { tokio::fs::read(&path).await };
    let mut response = Response::new(Full::default());
    match read {
        Ok(bytes) => {
            *response.body_mut() = bytes.into();
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
        }
        Err(_) => *response.status_mut() = StatusCode::NOT_FOUND,
    }
    Ok(response)
}

async fn serve(addr: String, dir: &'static str, inline: bool) -> std::io::Result<()> {
    let listener = TcpListener::bind(addr).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let service = service_fn(|request| answer(request, dir, inline));
            // Clients come and go.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

fn main() -> std::io::Result<()> {
    let mut args = std::env::args().skip(1);
    let (Some(addr), Some(dir)) = (args.next(), args.next()) else {
        eprintln!("usage: hyper-files ADDR DIR [inline]");
        std::process::exit(2);
    };
    let inline = args.next().is_some();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(addr, dir.leak(), inline))
}
