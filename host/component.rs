//! Builds a package of the workspace as a component. Shared by the build scripts that need one.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-wasip2";

/// Builds `package`, which is in `folder`, and sets the environment variable `variable` to the path
/// of the component for the crate whose build script this is. Returns the path;
/// nothing if it failed, which cargo has been told.
pub(crate) fn build(package: &str, folder: &str, variable: &str) -> Option<PathBuf> {
    // Asked now: what this was compiled with may be another checkout, built in the same target folder.
    let manifest = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let workspace = manifest.join("..");
    for path in [folder, "wit", "Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", workspace.join(path).display());
    }
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
    if let Err(sentence) = ensure_target(&out).and_then(|()| cargo_build(package, &workspace, &out))
    {
        println!("cargo::error={sentence}");
        return None;
    }
    let component = out
        .join(TARGET)
        .join("component")
        .join(package)
        .with_extension("wasm");
    println!("cargo::rustc-env={variable}={}", component.display());
    Some(component)
}

/// Installs the target as rust-toolchain.toml declares it: rustup does so only when it installs the
/// toolchain itself.
fn ensure_target(out: &Path) -> Result<(), String> {
    let advice = format!("the component can't be built: run `rustup target add {TARGET}`");
    if is_installed().map_err(|error| format!("{advice} (rustc: {error})"))? {
        return Ok(());
    }
    // The other build script may be installing it, and rustup mixes up two downloads of one file. So
    // they take turns, until this is dropped; where they can't, the one that fails says what to do.
    let _turn = File::create(out.join("../../rustup-turn")).inspect(|turn| drop(turn.lock()));
    if is_installed().unwrap_or(false) {
        return Ok(());
    }
    match Command::new("rustup")
        .args(["target", "add", TARGET])
        .output()
    {
        Ok(added) if added.status.success() => Ok(()),
        Ok(added) => {
            let error = String::from_utf8_lossy(&added.stderr)
                .trim()
                .replace('\n', "; ");
            Err(format!("{advice} ({error})"))
        }
        Err(error) => Err(format!("{advice} (rustup: {error})")),
    }
}

fn is_installed() -> std::io::Result<bool> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let libraries = Command::new(rustc)
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()?;
    Ok(Path::new(String::from_utf8_lossy(&libraries.stdout).trim()).is_dir())
}

/// Builds in a target folder of its own: the other is locked by the build this is part of.
fn cargo_build(package: &str, workspace: &Path, out: &Path) -> Result<(), String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.current_dir(workspace);
    build.args([
        "build",
        "--package",
        package,
        "--profile",
        "component",
        "--target",
        TARGET,
    ]);
    build.arg("--target-dir").arg(out);
    // What is meant for the build around this one is not meant for the component.
    for variable in [
        "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER",
        "CARGO_BUILD_RUSTC_WRAPPER",
        "CARGO_BUILD_RUSTFLAGS",
        "CARGO_BUILD_TARGET",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_TARGET_DIR",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTC_WRAPPER",
        "RUSTFLAGS",
    ] {
        build.env_remove(variable);
    }
    let output = build
        .output()
        .map_err(|error| format!("cargo can't be run: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    for line in String::from_utf8_lossy(&output.stderr).lines() {
        println!("cargo::warning={line}");
    }
    Err(format!(
        "the component {package} can't be built; what cargo says of it is above"
    ))
}
