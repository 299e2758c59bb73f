//! Compiles the protobuf schema without `protoc`, which a fresh machine does not have.

use std::{error::Error, path::Path};

const FILES: [&str; 4] = ["access.proto", "batch.proto", "documents.proto", "messages.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new("proto/marque/v1");
    println!("cargo:rerun-if-changed=proto");
    let files: Vec<_> = FILES.iter().map(|file| folder.join(file)).collect();
    let descriptors = protox::compile(files, ["proto"])?;
    prost_build::Config::new().compile_fds(descriptors)?;
    Ok(())
}
