//! Builds the component that is bundled.

mod component;

fn main() {
    component::build("guest", "guest", "COMPONENT");
}
