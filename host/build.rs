//! Builds the component that is bundled, and wires it anew.

mod component;
#[path = "src/rewire/mod.rs"]
mod rewire;

use std::fs;
use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    let Some(component) = component::build("guest", "guest", "COMPONENT") else {
        return Ok(());
    };
    let bytes = fs::read(component)?;
    let rewired = rewire::rewire(&bytes).unwrap_or_else(|| {
        println!(
            "cargo::warning=the component is wired in a way not known: its instances cost more"
        );
        bytes
    });
    let path = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default()).join("rewired.wasm");
    println!("cargo::rustc-env=REWIRED={}", path.display());
    fs::write(path, rewired)
}
