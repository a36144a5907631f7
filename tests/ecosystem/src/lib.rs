//! Other people's crates on goroutines, as published: only tests. They are a package of their own so
//! that building gort's examples does not build them.
