//! Makes cargo see a console that was built, rebuilt or removed after the program: what is embedded is a file
//! list of compile time, which cargo does not follow by itself.

use std::path::Path;

fn main() {
    let console = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../web/console"));
    let built = console.join("dist");
    // A path that does not exist would make every build a new one; its parent tells when it comes.
    let watched = if built.exists() { built } else { console.to_owned() };
    println!("cargo::rerun-if-changed={}", watched.display());
}
