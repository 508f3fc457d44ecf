//! Builds the component that misbehaves.

#[path = "../host/component.rs"]
mod component;

fn main() {
    component::build("hostile", "tests/hostile", "HOSTILE");
}
