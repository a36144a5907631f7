//! `gort-std-bench WORKLOAD`: as `gort-bench std WORKLOAD`, but on goroutines, by std's own names. A program of its own,
//! for libc's functions are taken over for a whole program.

use gort_std as _;

#[path = "../figures.rs"]
mod figures;
#[path = "../std_echo.rs"]
mod std_echo;

fn main() {
    let workload = std::env::args().nth(1).unwrap_or_default();
    let figure = gort::run(|| {
        std_echo::run(
            &workload,
            |work| drop(gort::go(work)),
            |clients, ask| {
                gort::scope(|scope| {
                    for client in clients {
                        scope.go(move || ask(client));
                    }
                });
            },
        )
    });
    match figure {
        Some(figure) => println!("{figure:.1}"),
        None => {
            eprintln!("there is no {workload}; see cargo bench-peers");
            std::process::exit(2);
        }
    }
}
