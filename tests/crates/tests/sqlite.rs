//! rusqlite, with SQLite's own C code: it sleeps when another has the lock, and waits for the disk.

mod support;

use rusqlite::Connection;
use std::path::Path;
use std::sync::Barrier;
use std::time::Duration;
use support::{all, few_threads};

/// Each has a connection of its own.
const WRITERS: usize = 50;
const ROUNDS: usize = 4;

/// Files that are gone afterwards.
struct Dir(std::path::PathBuf);

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn open(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.busy_timeout(Duration::from_secs(100)).unwrap();
    connection
}

#[test]
fn writers_wait_for_each_other() {
    let dir = Dir(std::env::temp_dir().join(format!("gort-sqlite-{}", std::process::id())));
    std::fs::create_dir(&dir.0).unwrap();
    let path = dir.0.join("db");
    few_threads(0, || {
        let first = open(&path);
        first
            .execute_batch("CREATE TABLE counts (n INTEGER); INSERT INTO counts VALUES (0);")
            .unwrap();
        // All find it locked.
        first.execute_batch("BEGIN IMMEDIATE").unwrap();
        let together = Barrier::new(WRITERS + 1);
        gort::scope(|s| {
            for _ in 0..WRITERS {
                s.go(|| {
                    let mut connection = open(&path);
                    together.wait();
                    for _ in 0..ROUNDS {
                        let transaction = connection
                            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
                            .unwrap();
                        let n: i64 = transaction
                            .query_row("SELECT n FROM counts", [], |row| row.get(0))
                            .unwrap();
                        transaction.execute("UPDATE counts SET n = ?1", [n + 1]).unwrap();
                        transaction.commit().unwrap();
                    }
                });
            }
            together.wait();
            std::thread::sleep(Duration::from_millis(50));
            first.execute_batch("COMMIT").unwrap();
        });
        let n: i64 = first.query_row("SELECT n FROM counts", [], |row| row.get(0)).unwrap();
        assert_eq!(n, (WRITERS * ROUNDS) as i64);
    });
    let slept = gort_std::taken_over()
        .filter(|entry| ["usleep", "nanosleep", "clock_nanosleep"].contains(&entry.name))
        .map(|entry| entry.calls)
        .sum::<u64>();
    assert!(slept >= WRITERS as u64, "{slept} sleeps");
}

#[test]
fn busy_is_said_when_the_time_is_up() {
    let dir = Dir(std::env::temp_dir().join(format!("gort-sqlite-busy-{}", std::process::id())));
    std::fs::create_dir(&dir.0).unwrap();
    let path = dir.0.join("db");
    few_threads(0, || {
        let first = open(&path);
        first.execute_batch("CREATE TABLE t (n INTEGER); BEGIN IMMEDIATE").unwrap();
        all(WRITERS, |_| {
            let connection = open(&path);
            connection.busy_timeout(Duration::from_millis(20)).unwrap();
            let error = connection.execute_batch("BEGIN IMMEDIATE").unwrap_err();
            assert_eq!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::DatabaseBusy));
        });
    });
}
