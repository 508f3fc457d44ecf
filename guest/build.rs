//! Sets the stack of the component; see ARCHITECTURE.md for how it was measured.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("wasi") {
        println!("cargo::rustc-link-arg-cdylib=-zstack-size=65536");
    }
}
