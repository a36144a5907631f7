//! Lists what is taken over, as Markdown: `cargo run -p gort-std --example taken_over`.

fn main() {
    println!("| Function | On a goroutine |");
    println!("|-|-|");
    for entry in gort_std::taken_over() {
        println!("| `{}` | {} |", entry.name, entry.what.trim());
    }
}
