//! `wasi:http/types`: the request, and its content.

use super::Fields;
use super::bindings::wasi::http::types::{self as http_types, ErrorCode};
use crate::connection::input::SharedInput;
use crate::http1::field_lines::FieldLines;
use crate::http1::refusal::Refusal;
use crate::state::State;
use bytes::Bytes;
use http::{Method, Uri, header};
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{
    DynInputStream, DynPollable, InputStream, Pollable, StreamError, StreamResult,
};

/// The number of the one request that there is for each call of the component, which is in no table. Its
/// handle is 1 (`abi`).
pub(crate) const REQUEST: u32 = u32::MAX - 1;

/// `incoming-request`
pub struct IncomingRequest {
    pub(crate) method: Method,
    pub(crate) target: Uri,
    pub(crate) fields: Arc<FieldLines>,
    /// The address it came to.
    pub(crate) local: SocketAddr,
    /// The content, until it is consumed.
    pub(crate) content: Option<SharedInput>,
}

/// `incoming-body`
pub struct IncomingBody {
    input: SharedInput,
    has_stream: bool,
}

/// `future-trailers`
pub struct FutureTrailers {
    input: SharedInput,
    result: Option<Result<FieldLines, Refusal>>,
    consumed: bool,
}

/// The content as an `input-stream`.
struct ContentStream(SharedInput);

/// What the component is told of a failure of its client.
fn error_code(refusal: Refusal, received: u64) -> ErrorCode {
    match refusal {
        Refusal::ContentTooLarge => ErrorCode::HttpRequestBodySize(Some(received)),
        Refusal::ContentTooSlow => ErrorCode::ConnectionReadTimeout,
        Refusal::ContentCutShort => ErrorCode::ConnectionTerminated,
        Refusal::FieldsTooLarge => ErrorCode::HttpRequestTrailerSectionSize(None),
        _ => ErrorCode::HttpProtocolError,
    }
}

impl ContentStream {
    fn poll_read(&self, context: &mut Context<'_>, size: usize) -> Poll<StreamResult<Bytes>> {
        let mut input = self.0.lock();
        input
            .poll_content(context, size)
            .map(|content| match content {
                Ok(Some(bytes)) => Ok(bytes),
                Ok(None) => Err(StreamError::Closed),
                Err(refusal) => {
                    let error = error_code(refusal, input.received());
                    Err(StreamError::LastOperationFailed(wasmtime::Error::from(
                        error,
                    )))
                }
            })
    }
}

#[async_trait]
impl InputStream for ContentStream {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        match self.poll_read(&mut Context::from_waker(Waker::noop()), size) {
            Poll::Ready(result) => result,
            // It looked, and does not wait.
            Poll::Pending => {
                self.0.lock().end_wait();
                Ok(Bytes::new())
            }
        }
    }

    async fn blocking_read(&mut self, size: usize) -> StreamResult<Bytes> {
        poll_fn(|context| self.poll_read(context, size)).await
    }
}

/// The component waits for its client, until this is dropped: it may have waited for something else too, and
/// go on with that.
struct Wait<'a>(&'a SharedInput);

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        self.0.lock().end_wait();
    }
}

#[async_trait]
impl Pollable for ContentStream {
    async fn ready(&mut self) {
        let _wait = Wait(&self.0);
        poll_fn(|context| self.0.lock().poll_readable(context)).await;
    }
}

#[async_trait]
impl Pollable for FutureTrailers {
    async fn ready(&mut self) {
        if self.result.is_none() {
            let _wait = Wait(&self.input);
            self.result = Some(poll_fn(|context| self.input.lock().poll_trailers(context)).await);
        }
    }
}

/// The authority a request is for (RFC 9110 7.1): of its target, else of Host. HTTP/1.0 may say
/// neither; then it is for the address it came to.
fn authority(request: &IncomingRequest) -> String {
    let host = request.fields.first(&header::HOST);
    match (request.target.authority(), host) {
        (Some(authority), _) => authority.as_str().to_owned(),
        (None, Some(host)) => String::from_utf8_lossy(host.as_bytes()).into_owned(),
        (None, None) => request.local.to_string(),
    }
}

impl State {
    fn request(&mut self, request: &Resource<IncomingRequest>) -> Result<&mut IncomingRequest> {
        let there = (request.rep() == REQUEST).then_some(self.request.as_mut());
        there
            .flatten()
            .ok_or_else(|| wasmtime::format_err!("the request is not there"))
    }
}

impl http_types::HostIncomingRequest for State {
    fn method(&mut self, request: Resource<IncomingRequest>) -> Result<http_types::Method> {
        use http_types::Method as M;
        Ok(match self.request(&request)?.method {
            Method::GET => M::Get,
            Method::HEAD => M::Head,
            Method::POST => M::Post,
            Method::PUT => M::Put,
            Method::DELETE => M::Delete,
            Method::CONNECT => M::Connect,
            Method::OPTIONS => M::Options,
            Method::TRACE => M::Trace,
            Method::PATCH => M::Patch,
            ref other => M::Other(other.as_str().to_owned()),
        })
    }

    fn path_with_query(&mut self, request: Resource<IncomingRequest>) -> Result<Option<String>> {
        Ok(self
            .request(&request)?
            .target
            .path_and_query()
            .map(|path| path.as_str().to_owned()))
    }

    fn scheme(&mut self, request: Resource<IncomingRequest>) -> Result<Option<http_types::Scheme>> {
        self.request(&request)?;
        Ok(Some(http_types::Scheme::Http))
    }

    fn authority(&mut self, request: Resource<IncomingRequest>) -> Result<Option<String>> {
        Ok(Some(authority(self.request(&request)?)))
    }

    fn headers(&mut self, request: Resource<IncomingRequest>) -> Result<Resource<Fields>> {
        let fields = Fields::immutable(Arc::clone(&self.request(&request)?.fields));
        Ok(self.table.push(fields)?)
    }

    fn consume(
        &mut self,
        request: Resource<IncomingRequest>,
    ) -> Result<Result<Resource<IncomingBody>, ()>> {
        let Some(input) = self.request(&request)?.content.take() else {
            return Ok(Err(()));
        };
        Ok(Ok(self.table.push(IncomingBody {
            input,
            has_stream: false,
        })?))
    }

    fn drop(&mut self, request: Resource<IncomingRequest>) -> Result<()> {
        self.request(&request)?;
        self.request = None;
        Ok(())
    }
}

impl http_types::HostIncomingBody for State {
    fn stream(
        &mut self,
        body: Resource<IncomingBody>,
    ) -> Result<Result<Resource<DynInputStream>, ()>> {
        let state = self.table.get_mut(&body)?;
        if std::mem::replace(&mut state.has_stream, true) {
            return Ok(Err(()));
        }
        let stream: DynInputStream = Box::new(ContentStream(state.input.clone()));
        Ok(Ok(self.table.push_child(stream, &body)?))
    }

    fn finish(&mut self, body: Resource<IncomingBody>) -> Result<Resource<FutureTrailers>> {
        let IncomingBody { input, .. } = self.table.delete(body)?;
        Ok(self.table.push(FutureTrailers {
            input,
            result: None,
            consumed: false,
        })?)
    }

    fn drop(&mut self, body: Resource<IncomingBody>) -> Result<()> {
        self.table.delete(body)?;
        Ok(())
    }
}

impl http_types::HostFutureTrailers for State {
    fn subscribe(&mut self, trailers: Resource<FutureTrailers>) -> Result<Resource<DynPollable>> {
        State::subscribe(self, trailers)
    }

    fn get(
        &mut self,
        trailers: Resource<FutureTrailers>,
    ) -> Result<Option<Result<Result<Option<Resource<Fields>>, ErrorCode>, ()>>> {
        let trailers = self.table.get_mut(&trailers)?;
        if trailers.consumed {
            return Ok(Some(Err(())));
        }
        let Some(result) = trailers.result.take() else {
            return Ok(None);
        };
        trailers.consumed = true;
        let received = trailers.input.lock().received();
        Ok(Some(Ok(match result {
            Ok(fields) if fields.is_empty() => Ok(None),
            Ok(fields) => Ok(Some(self.table.push(Fields::immutable(Arc::new(fields)))?)),
            Err(refusal) => Err(error_code(refusal, received)),
        })))
    }

    fn drop(&mut self, trailers: Resource<FutureTrailers>) -> Result<()> {
        self.table.delete(trailers)?;
        Ok(())
    }
}
