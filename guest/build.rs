//! Sets the stack of the component. What it needs is between 6 and 8 KiB, coding gzip included:
//! measured by how small it could be made until something trapped. The stack lies first in memory, so
//! that running out of it is a trap too.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("wasi") {
        println!("cargo::rustc-link-arg-cdylib=-zstack-size=16384");
    }
}
