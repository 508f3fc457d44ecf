//! `wasi:http`: its functions, by name.

use super::bindings::wasi::http::outgoing_handler::Host as _;
use super::bindings::wasi::http::types::{
    Host as _, HostFields, HostFutureIncomingResponse, HostFutureTrailers, HostIncomingBody,
    HostIncomingRequest, HostIncomingResponse, HostOutgoingBody, HostOutgoingRequest,
    HostOutgoingResponse, HostRequestOptions, HostResponseOutparam,
};
use super::interface::Interfaces;
use crate::state::State;
use wasmtime::Result;

pub(super) fn add(all: &mut Interfaces) -> Result<()> {
    let mut types = all.add("wasi:http/types")?;
    types
        .import::<fn(u32, u32) -> u64>("http-error-code")
        .function(State::http_error_code)?;

    types.resource("fields", <State as HostFields>::drop)?;
    types
        .import::<fn() -> u32>("[constructor]fields")
        .function(<State as HostFields>::new)?;
    types
        .import::<fn(u32, u32, u32)>("[static]fields.from-list")
        .function_of(<State as HostFields>::from_list, State::fields_of)?;
    types
        .import::<fn(u32, u32, u32, u32) -> u64>("[method]fields.get")
        .function(<State as HostFields>::get)?;
    types
        .import::<fn(u32, u32, u32) -> u32>("[method]fields.has")
        .function(<State as HostFields>::has)?;
    types
        .import::<fn(u32, u32, u32, u32, u32, u32)>("[method]fields.set")
        .function(<State as HostFields>::set)?;
    types
        .import::<fn(u32, u32, u32, u32)>("[method]fields.delete")
        .function(<State as HostFields>::delete)?;
    types
        .import::<fn(u32, u32, u32, u32, u32, u32)>("[method]fields.append")
        .function(<State as HostFields>::append)?;
    types
        .import::<fn(u32, u32) -> u64>("[method]fields.entries")
        .function(<State as HostFields>::entries)?;
    types
        .import::<fn(u32) -> u32>("[method]fields.clone")
        .function(<State as HostFields>::clone)?;

    types.resource("incoming-request", <State as HostIncomingRequest>::drop)?;
    types
        .import::<fn(u32, u32) -> u64>("[method]incoming-request.method")
        .function(<State as HostIncomingRequest>::method)?;
    types
        .import::<fn(u32, u32) -> u64>("[method]incoming-request.path-with-query")
        .function(<State as HostIncomingRequest>::path_with_query)?;
    types
        .import::<fn(u32, u32) -> u64>("[method]incoming-request.scheme")
        .function(<State as HostIncomingRequest>::scheme)?;
    types
        .import::<fn(u32, u32) -> u64>("[method]incoming-request.authority")
        .function(<State as HostIncomingRequest>::authority)?;
    types
        .import::<fn(u32) -> u32>("[method]incoming-request.headers")
        .function(<State as HostIncomingRequest>::headers)?;
    types
        .import::<fn(u32, u32)>("[method]incoming-request.consume")
        .function(<State as HostIncomingRequest>::consume)?;

    types.resource("outgoing-request", <State as HostOutgoingRequest>::drop)?;
    types
        .import::<fn(u32) -> u32>("[constructor]outgoing-request")
        .function(<State as HostOutgoingRequest>::new)?;
    types
        .import::<fn(u32, u32)>("[method]outgoing-request.body")
        .function(<State as HostOutgoingRequest>::body)?;
    types
        .import::<fn(u32, u32) -> u64>("[method]outgoing-request.method")
        .function(<State as HostOutgoingRequest>::method)?;
    types
        .import::<fn(u32, u32, u32, u32) -> u32>("[method]outgoing-request.set-method")
        .function(<State as HostOutgoingRequest>::set_method)?;
    types
        .import::<fn(u32, u32) -> u64>("[method]outgoing-request.path-with-query")
        .function(<State as HostOutgoingRequest>::path_with_query)?;
    types
        .import::<fn(u32, u32, u32, u32) -> u32>("[method]outgoing-request.set-path-with-query")
        .function(<State as HostOutgoingRequest>::set_path_with_query)?;
    types
        .import::<fn(u32, u32) -> u64>("[method]outgoing-request.scheme")
        .function(<State as HostOutgoingRequest>::scheme)?;
    types
        .import::<fn(u32, u32, u32, u32, u32) -> u32>("[method]outgoing-request.set-scheme")
        .function(<State as HostOutgoingRequest>::set_scheme)?;
    types
        .import::<fn(u32, u32) -> u64>("[method]outgoing-request.authority")
        .function(<State as HostOutgoingRequest>::authority)?;
    types
        .import::<fn(u32, u32, u32, u32) -> u32>("[method]outgoing-request.set-authority")
        .function(<State as HostOutgoingRequest>::set_authority)?;
    types
        .import::<fn(u32) -> u32>("[method]outgoing-request.headers")
        .function(<State as HostOutgoingRequest>::headers)?;

    types.resource("request-options", <State as HostRequestOptions>::drop)?;
    types
        .import::<fn() -> u32>("[constructor]request-options")
        .function(<State as HostRequestOptions>::new)?;
    types
        .import::<fn(u32, u32)>("[method]request-options.connect-timeout")
        .function(<State as HostRequestOptions>::connect_timeout)?;
    types
        .import::<fn(u32, u32, u64) -> u32>("[method]request-options.set-connect-timeout")
        .function(<State as HostRequestOptions>::set_connect_timeout)?;
    types
        .import::<fn(u32, u32)>("[method]request-options.first-byte-timeout")
        .function(<State as HostRequestOptions>::first_byte_timeout)?;
    types
        .import::<fn(u32, u32, u64) -> u32>("[method]request-options.set-first-byte-timeout")
        .function(<State as HostRequestOptions>::set_first_byte_timeout)?;
    types
        .import::<fn(u32, u32)>("[method]request-options.between-bytes-timeout")
        .function(<State as HostRequestOptions>::between_bytes_timeout)?;
    types
        .import::<fn(u32, u32, u64) -> u32>("[method]request-options.set-between-bytes-timeout")
        .function(<State as HostRequestOptions>::set_between_bytes_timeout)?;

    types.resource("response-outparam", <State as HostResponseOutparam>::drop)?;
    types
        .import::<fn(u32, u32, u32, u32, u64, u32, u32, u32, u32)>("[static]response-outparam.set")
        .procedure(<State as HostResponseOutparam>::set)?;

    types.resource("incoming-response", <State as HostIncomingResponse>::drop)?;
    types
        .import::<fn(u32) -> u32>("[method]incoming-response.status")
        .function(<State as HostIncomingResponse>::status)?;
    types
        .import::<fn(u32) -> u32>("[method]incoming-response.headers")
        .function(<State as HostIncomingResponse>::headers)?;
    types
        .import::<fn(u32, u32)>("[method]incoming-response.consume")
        .function(<State as HostIncomingResponse>::consume)?;

    types.resource("incoming-body", <State as HostIncomingBody>::drop)?;
    types
        .import::<fn(u32, u32)>("[method]incoming-body.stream")
        .function(<State as HostIncomingBody>::stream)?;
    types
        .import::<fn(u32) -> u32>("[static]incoming-body.finish")
        .function(<State as HostIncomingBody>::finish)?;

    types.resource("future-trailers", <State as HostFutureTrailers>::drop)?;
    types
        .import::<fn(u32) -> u32>("[method]future-trailers.subscribe")
        .function(<State as HostFutureTrailers>::subscribe)?;
    types
        .import::<fn(u32, u32) -> u64>("[method]future-trailers.get")
        .function(<State as HostFutureTrailers>::get)?;

    types.resource("outgoing-response", <State as HostOutgoingResponse>::drop)?;
    types
        .import::<fn(u32) -> u32>("[constructor]outgoing-response")
        .function(<State as HostOutgoingResponse>::new)?;
    types
        .import::<fn(u32) -> u32>("[method]outgoing-response.status-code")
        .function(<State as HostOutgoingResponse>::status_code)?;
    types
        .import::<fn(u32, u32) -> u32>("[method]outgoing-response.set-status-code")
        .function(<State as HostOutgoingResponse>::set_status_code)?;
    types
        .import::<fn(u32) -> u32>("[method]outgoing-response.headers")
        .function(<State as HostOutgoingResponse>::headers)?;
    types
        .import::<fn(u32, u32)>("[method]outgoing-response.body")
        .function(<State as HostOutgoingResponse>::body)?;

    types.resource("outgoing-body", <State as HostOutgoingBody>::drop)?;
    types
        .import::<fn(u32, u32)>("[method]outgoing-body.write")
        .function(<State as HostOutgoingBody>::write)?;
    types
        .import::<fn(u32, u32, u32, u32) -> u64>("[static]outgoing-body.finish")
        .function(<State as HostOutgoingBody>::finish)?;

    types.resource(
        "future-incoming-response",
        <State as HostFutureIncomingResponse>::drop,
    )?;
    types
        .import::<fn(u32) -> u32>("[method]future-incoming-response.subscribe")
        .function(<State as HostFutureIncomingResponse>::subscribe)?;
    types
        .import::<fn(u32, u32) -> u64>("[method]future-incoming-response.get")
        .function(<State as HostFutureIncomingResponse>::get)?;

    let mut handler = all.add("wasi:http/outgoing-handler")?;
    handler
        .import::<fn(u32, u32, u32, u32) -> u64>("handle")
        .function(State::handle)
}
