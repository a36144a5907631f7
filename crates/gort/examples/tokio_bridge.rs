//! Code that was written for tokio, called from goroutines: tokio's sockets, files and timers work in
//! any future that is polled where a runtime's handle is entered, and a goroutine keeps what it has entered.
//!
//! tokio's own threads look for events and wake; the futures run on goroutines, and what they call may
//! block. Only a future that is given to `tokio::spawn` runs on tokio's threads.
//!
//! ```text
//! cargo run --example tokio_bridge
//! ```

use gort::future::block_on;
use std::io;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{self, Runtime};

/// Any crate's function that needs tokio around it: sends a file's text there and back.
async fn round_trip(path: &Path) -> io::Result<String> {
    let text = tokio::fs::read(path).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut client = TcpStream::connect(listener.local_addr()?).await?;
    let (mut server, _) = listener.accept().await?;
    let echo = tokio::spawn(async move {
        let (mut from, mut to) = server.split();
        tokio::io::copy(&mut from, &mut to).await
    });
    client.write_all(&text).await?;
    client.shutdown().await?;
    let mut back = String::new();
    client.read_to_string(&mut back).await?;
    assert_eq!(echo.await??, text.len() as u64);
    tokio::time::sleep(Duration::from_millis(10)).await;
    Ok(back)
}

/// Runs such a future on the goroutine that calls this.
fn with_tokio<F: Future>(tokio: &Runtime, future: F) -> F::Output {
    let _entered = tokio.enter();
    block_on(future)
}

#[gort::main]
fn main() -> io::Result<()> {
    let tokio = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let path = std::env::temp_dir().join(format!("tokio_bridge-{}", std::process::id()));
    std::fs::write(&path, "from tokio to gort and back\n".repeat(1000))?;
    let results = gort::scope(|s| {
        let trips: Vec<_> =
            (0..100).map(|_| s.go(|| with_tokio(&tokio, round_trip(&path)))).collect();
        let lengths = trips.into_iter().map(|trip| trip.join().map(|text| text.map(|t| t.len())));
        lengths.collect::<Result<io::Result<Vec<_>>, _>>()
    });
    std::fs::remove_file(&path)?;
    let lengths = results.expect("nobody panics")?;
    println!("{} trips of {} bytes", lengths.len(), lengths[0]);
    Ok(())
}
