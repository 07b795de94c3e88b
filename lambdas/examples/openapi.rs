//! Writes `docs/openapi.json`: `cargo run -p yourplace --example openapi`. It is not deployed.

use std::{fs, io, path::Path};

fn main() -> io::Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    fs::write(path, format!("{:#}\n", yourplace::openapi::document()))
}
