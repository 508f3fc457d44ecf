//! The edge: the only part of the component that does I/O.

#[expect(unsafe_code, reason = "the canonical ABI, in generated code only")]
mod bindings;
mod content;
mod directory;
mod exchange;
mod response;

use crate::handler;
use ::wasi::http::types::{IncomingRequest, ResponseOutparam};

struct Component;

impl bindings::exports::wasi::http::incoming_handler::Guest for Component {
    fn handle(request: IncomingRequest, response: ResponseOutparam) {
        let exchange = exchange::WasiExchange::new(request);
        let outcome = handler::handle(&exchange);
        response::send(outcome, &exchange, response);
    }
}
