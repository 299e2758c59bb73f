//! Makes cargo see a console that was built, rebuilt or removed after the program: what is embedded is a file
//! list of compile time, which cargo does not follow by itself.

use std::path::PathBuf;

fn main() {
    // Asked when it runs: the program may have been built for another checkout that shares the cache.
    let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo says where the package is");
    let console = PathBuf::from(package).join("../../web/console");
    let built = console.join("dist");
    // A path that does not exist would make every build a new one; its parent tells when it comes.
    let watched = if built.exists() { built } else { console };
    println!("cargo::rerun-if-changed={}", watched.display());
}
