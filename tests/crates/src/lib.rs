//! Other people's blocking crates, as published, on goroutines: see `tests/`.
