//! What wasmtime generates for `wasi:http/proxy`.

wasmtime::component::bindgen!({
    path: "../wit",
    world: "wasi:http/proxy",
    imports: { default: trappable },
    exports: { default: async },
    require_store_data_send: true,
    with: {
        "wasi:io": wasmtime_wasi::p2::bindings::io,
        "wasi:clocks": wasmtime_wasi::p2::bindings::clocks,
        "wasi:random": wasmtime_wasi::p2::bindings::random,
        "wasi:cli": wasmtime_wasi::p2::bindings::cli,
        "wasi:http/types.fields": super::Fields,
        "wasi:http/types.incoming-request": super::incoming::IncomingRequest,
        "wasi:http/types.incoming-body": super::incoming::IncomingBody,
        "wasi:http/types.future-trailers": super::incoming::FutureTrailers,
        "wasi:http/types.response-outparam": super::outgoing::ResponseOutparam,
        "wasi:http/types.outgoing-response": super::outgoing::OutgoingResponse,
        "wasi:http/types.outgoing-body": super::outgoing::OutgoingBody,
        "wasi:http/types.outgoing-request": super::denied::OutgoingRequest,
        "wasi:http/types.request-options": super::denied::RequestOptions,
        "wasi:http/types.incoming-response": super::denied::IncomingResponse,
        "wasi:http/types.future-incoming-response": super::denied::FutureIncomingResponse,
    },
});
