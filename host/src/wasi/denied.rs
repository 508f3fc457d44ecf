//! `wasi:http`, the client's side. It belongs to the `proxy` world, and components built by other
//! toolchains import it unasked, so it is linked; but every request is denied.

use super::Fields;
use super::bindings::wasi::http::outgoing_handler;
use super::bindings::wasi::http::types::{self as http_types, ErrorCode, Method, Scheme};
use super::incoming::IncomingBody;
use super::outgoing::OutgoingBody;
use crate::http1::field_lines::FieldLines;
use crate::pipe::Pipe;
use crate::state::State;
use std::sync::Arc;
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::DynPollable;

/// `outgoing-request`: never sent.
pub struct OutgoingRequest {
    method: Method,
    path_with_query: Option<String>,
    scheme: Option<Scheme>,
    authority: Option<String>,
    fields: FieldLines,
    pipe: Option<Arc<Pipe>>,
}

/// `request-options`: connect, first-byte and between-bytes timeout.
#[derive(Default)]
pub struct RequestOptions([Option<u64>; 3]);

/// `incoming-response`: there is none.
pub enum IncomingResponse {}

/// `future-incoming-response`: there is none.
pub enum FutureIncomingResponse {}

impl outgoing_handler::Host for State {
    fn handle(
        &mut self,
        request: Resource<OutgoingRequest>,
        options: Option<Resource<RequestOptions>>,
    ) -> Result<Result<Resource<FutureIncomingResponse>, ErrorCode>> {
        if let Some(pipe) = self.table.delete(request)?.pipe {
            pipe.close();
        }
        if let Some(options) = options {
            self.table.delete(options)?;
        }
        Ok(Err(ErrorCode::HttpRequestDenied))
    }
}

impl http_types::HostOutgoingRequest for State {
    fn new(&mut self, fields: Resource<Fields>) -> Result<Resource<OutgoingRequest>> {
        let fields = self.table.delete(fields)?.into_lines();
        let request = OutgoingRequest {
            method: Method::Get,
            path_with_query: None,
            scheme: None,
            authority: None,
            fields,
            pipe: None,
        };
        Ok(self.table.push(request)?)
    }

    fn body(
        &mut self,
        request: Resource<OutgoingRequest>,
    ) -> Result<Result<Resource<OutgoingBody>, ()>> {
        if self.table.get(&request)?.pipe.is_some() {
            return Ok(Err(()));
        }
        let (pipe, body) = self.make_body(None)?;
        self.table.get_mut(&request)?.pipe = Some(pipe);
        Ok(Ok(body))
    }

    fn method(&mut self, request: Resource<OutgoingRequest>) -> Result<Method> {
        Ok(self.table.get(&request)?.method.clone())
    }

    fn set_method(
        &mut self,
        request: Resource<OutgoingRequest>,
        method: Method,
    ) -> Result<Result<(), ()>> {
        self.table.get_mut(&request)?.method = method;
        Ok(Ok(()))
    }

    fn path_with_query(&mut self, request: Resource<OutgoingRequest>) -> Result<Option<String>> {
        Ok(self.table.get(&request)?.path_with_query.clone())
    }

    fn set_path_with_query(
        &mut self,
        request: Resource<OutgoingRequest>,
        path: Option<String>,
    ) -> Result<Result<(), ()>> {
        self.table.get_mut(&request)?.path_with_query = path;
        Ok(Ok(()))
    }

    fn scheme(&mut self, request: Resource<OutgoingRequest>) -> Result<Option<Scheme>> {
        Ok(self.table.get(&request)?.scheme.clone())
    }

    fn set_scheme(
        &mut self,
        request: Resource<OutgoingRequest>,
        scheme: Option<Scheme>,
    ) -> Result<Result<(), ()>> {
        self.table.get_mut(&request)?.scheme = scheme;
        Ok(Ok(()))
    }

    fn authority(&mut self, request: Resource<OutgoingRequest>) -> Result<Option<String>> {
        Ok(self.table.get(&request)?.authority.clone())
    }

    fn set_authority(
        &mut self,
        request: Resource<OutgoingRequest>,
        authority: Option<String>,
    ) -> Result<Result<(), ()>> {
        self.table.get_mut(&request)?.authority = authority;
        Ok(Ok(()))
    }

    fn headers(&mut self, request: Resource<OutgoingRequest>) -> Result<Resource<Fields>> {
        let fields = self.table.get(&request)?.fields.clone();
        Ok(self.table.push(Fields::immutable(Arc::new(fields)))?)
    }

    fn drop(&mut self, request: Resource<OutgoingRequest>) -> Result<()> {
        self.table.delete(request)?;
        Ok(())
    }
}

impl http_types::HostRequestOptions for State {
    fn new(&mut self) -> Result<Resource<RequestOptions>> {
        Ok(self.table.push(RequestOptions::default())?)
    }

    fn connect_timeout(&mut self, options: Resource<RequestOptions>) -> Result<Option<u64>> {
        Ok(self.table.get(&options)?.0[0])
    }

    fn set_connect_timeout(
        &mut self,
        options: Resource<RequestOptions>,
        duration: Option<u64>,
    ) -> Result<Result<(), ()>> {
        self.table.get_mut(&options)?.0[0] = duration;
        Ok(Ok(()))
    }

    fn first_byte_timeout(&mut self, options: Resource<RequestOptions>) -> Result<Option<u64>> {
        Ok(self.table.get(&options)?.0[1])
    }

    fn set_first_byte_timeout(
        &mut self,
        options: Resource<RequestOptions>,
        duration: Option<u64>,
    ) -> Result<Result<(), ()>> {
        self.table.get_mut(&options)?.0[1] = duration;
        Ok(Ok(()))
    }

    fn between_bytes_timeout(&mut self, options: Resource<RequestOptions>) -> Result<Option<u64>> {
        Ok(self.table.get(&options)?.0[2])
    }

    fn set_between_bytes_timeout(
        &mut self,
        options: Resource<RequestOptions>,
        duration: Option<u64>,
    ) -> Result<Result<(), ()>> {
        self.table.get_mut(&options)?.0[2] = duration;
        Ok(Ok(()))
    }

    fn drop(&mut self, options: Resource<RequestOptions>) -> Result<()> {
        self.table.delete(options)?;
        Ok(())
    }
}

impl http_types::HostIncomingResponse for State {
    fn status(&mut self, response: Resource<IncomingResponse>) -> Result<u16> {
        match *self.table.get(&response)? {}
    }

    fn headers(&mut self, response: Resource<IncomingResponse>) -> Result<Resource<Fields>> {
        match *self.table.get(&response)? {}
    }

    fn consume(
        &mut self,
        response: Resource<IncomingResponse>,
    ) -> Result<Result<Resource<IncomingBody>, ()>> {
        match *self.table.get(&response)? {}
    }

    fn drop(&mut self, response: Resource<IncomingResponse>) -> Result<()> {
        match self.table.delete(response)? {}
    }
}

impl http_types::HostFutureIncomingResponse for State {
    fn subscribe(
        &mut self,
        future: Resource<FutureIncomingResponse>,
    ) -> Result<Resource<DynPollable>> {
        match *self.table.get(&future)? {}
    }

    fn get(
        &mut self,
        future: Resource<FutureIncomingResponse>,
    ) -> Result<Option<Result<Result<Resource<IncomingResponse>, ErrorCode>, ()>>> {
        match *self.table.get(&future)? {}
    }

    fn drop(&mut self, future: Resource<FutureIncomingResponse>) -> Result<()> {
        match self.table.delete(future)? {}
    }
}
