//! Builds the component that is bundled, and flattens it.

mod component;
#[expect(dead_code, reason = "the host needs more of it")]
#[path = "src/flatten/mod.rs"]
mod flatten;

use std::fs;
use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    let Some(component) = component::build("guest", "guest", "COMPONENT") else {
        return Ok(());
    };
    let bytes = fs::read(component)?;
    let flat = flatten::flatten(&bytes).map(|flat| flat.module);
    if flat.is_none() {
        println!("cargo::warning=the component is wired in a way not known: it will be slower");
    }
    let path = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default()).join("flat.wasm");
    println!("cargo::rustc-env=FLAT={}", path.display());
    fs::write(path, flat.unwrap_or_default())
}
