//! `wasi:http/types`: the response, and its content.

use super::Fields;
use super::bindings::wasi::http::types::{self as http_types, ErrorCode};
use crate::http1::field_lines::FieldLines;
use crate::http1::response::is_without_content;
use crate::pipe::{Chunk, NotTaken, Pipe};
use crate::state::State;
use bytes::Bytes;
use http::{StatusCode, header};
use std::future::poll_fn;
use std::sync::Arc;
use wasmtime::component::Resource;
use wasmtime::{Result, ensure, format_err};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{DynOutputStream, OutputStream, Pollable, StreamError, StreamResult};

/// There is one answer to a request. What waits in each body is memory of the host's, which
/// `--max-memory` does not count.
const MOST_BODIES: usize = 16;

/// The number of the one `response-outparam` that there is for each call of the component, which is in no
/// table. Its handle is 2 (`abi`).
pub(crate) const OUTPARAM: u32 = u32::MAX;

/// `response-outparam`
pub struct ResponseOutparam;

/// `outgoing-response`
pub struct OutgoingResponse {
    status: StatusCode,
    fields: FieldLines,
    pipe: Option<Arc<Pipe>>,
}

/// `outgoing-body`. Dropped before it is finished, it breaks the response off.
pub struct OutgoingBody {
    pipe: Arc<Pipe>,
    has_stream: bool,
}

/// The response's content as an `output-stream`.
struct BodyStream(Arc<Pipe>);

/// What a component answers: `response-outparam.set`.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) fields: FieldLines,
    /// The content; nothing if the component asked for no place to write it.
    pub(crate) pipe: Option<Arc<Pipe>>,
}

impl State {
    /// Makes the content of a message, of which a length was promised, or none.
    ///
    /// # Errors
    ///
    /// When so many were made for this request that it can't need them.
    pub(super) fn make_body(
        &mut self,
        promised: Option<u64>,
    ) -> Result<(Arc<Pipe>, Resource<OutgoingBody>)> {
        self.bodies_made += 1;
        if self.bodies_made > MOST_BODIES {
            return Err(format_err!(
                "more than {MOST_BODIES} bodies for one request"
            ));
        }
        let pipe = Arc::new(Pipe::new(promised));
        let body = self.table.push(OutgoingBody {
            pipe: Arc::clone(&pipe),
            has_stream: false,
        })?;
        Ok((pipe, body))
    }
}

impl State {
    fn check_outparam(&self, outparam: &Resource<ResponseOutparam>) -> Result<()> {
        ensure!(
            outparam.rep() == OUTPARAM && self.has_outparam,
            "the response-outparam is not there"
        );
        Ok(())
    }
}

impl From<NotTaken> for StreamError {
    fn from(reason: NotTaken) -> Self {
        match reason {
            NotTaken::Closed => Self::Closed,
            NotTaken::TooLong(length) => {
                let error = ErrorCode::HttpResponseBodySize(Some(length));
                Self::LastOperationFailed(error.into())
            }
        }
    }
}

#[async_trait]
impl OutputStream for BodyStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if bytes.len() > self.check_write()? {
            return Err(StreamError::Trap(format_err!(
                "more was written than check-write permits"
            )));
        }
        if bytes.is_empty() {
            Ok(())
        } else {
            Ok(self.0.push(Chunk::Bytes(bytes))?)
        }
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.check_write().map(drop)
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.0.room().map_err(|_| StreamError::Closed)
    }
}

#[async_trait]
impl Pollable for BodyStream {
    async fn ready(&mut self) {
        poll_fn(|context| self.0.poll_room(context)).await;
    }
}

impl http_types::HostOutgoingResponse for State {
    fn new(&mut self, fields: Resource<Fields>) -> Result<Resource<OutgoingResponse>> {
        let fields = self.table.delete(fields)?.into_lines();
        Ok(self.table.push(OutgoingResponse {
            status: StatusCode::OK,
            fields,
            pipe: None,
        })?)
    }

    fn status_code(&mut self, response: Resource<OutgoingResponse>) -> Result<u16> {
        Ok(self.table.get(&response)?.status.as_u16())
    }

    fn set_status_code(
        &mut self,
        response: Resource<OutgoingResponse>,
        code: u16,
    ) -> Result<Result<(), ()>> {
        let response = self.table.get_mut(&response)?;
        // Only a final status is an answer.
        match StatusCode::from_u16(code) {
            Ok(status) if !status.is_informational() => {
                response.status = status;
                Ok(Ok(()))
            }
            _ => Ok(Err(())),
        }
    }

    fn headers(&mut self, response: Resource<OutgoingResponse>) -> Result<Resource<Fields>> {
        let fields = self.table.get(&response)?.fields.clone();
        Ok(self.table.push(Fields::immutable(Arc::new(fields)))?)
    }

    fn body(
        &mut self,
        response: Resource<OutgoingResponse>,
    ) -> Result<Result<Resource<OutgoingBody>, ()>> {
        let head = self.table.get(&response)?;
        if head.pipe.is_some() {
            return Ok(Err(()));
        }
        // The length may be that of what is not sent.
        let length = head
            .fields
            .first(&header::CONTENT_LENGTH)
            .filter(|_| !is_without_content(&self.method, head.status));
        let promised = match length.map(|value| value.to_str().unwrap_or_default().parse()) {
            None => None,
            Some(Ok(length)) => Some(length),
            Some(Err(_)) => return Ok(Err(())),
        };
        let (pipe, body) = self.make_body(promised)?;
        self.table.get_mut(&response)?.pipe = Some(pipe);
        Ok(Ok(body))
    }

    fn drop(&mut self, response: Resource<OutgoingResponse>) -> Result<()> {
        self.table.delete(response)?;
        Ok(())
    }
}

impl http_types::HostOutgoingBody for State {
    fn write(
        &mut self,
        body: Resource<OutgoingBody>,
    ) -> Result<Result<Resource<DynOutputStream>, ()>> {
        let state = self.table.get_mut(&body)?;
        if std::mem::replace(&mut state.has_stream, true) {
            return Ok(Err(()));
        }
        let pipe = Arc::clone(&state.pipe);
        let stream: DynOutputStream = Box::new(BodyStream(Arc::clone(&pipe)));
        let stream = self.table.push_child(stream, &body)?;
        self.bodies.push((stream.rep(), pipe));
        Ok(Ok(stream))
    }

    fn finish(
        &mut self,
        body: Resource<OutgoingBody>,
        trailers: Option<Resource<Fields>>,
    ) -> Result<Result<(), ErrorCode>> {
        let pipe = self.table.delete(body)?.pipe;
        let trailers = match trailers {
            Some(trailers) => self.table.delete(trailers)?.into_lines(),
            None => FieldLines::new(),
        };
        Ok(pipe
            .finish(trailers)
            .map_err(|written| ErrorCode::HttpResponseBodySize(Some(written))))
    }

    fn drop(&mut self, body: Resource<OutgoingBody>) -> Result<()> {
        self.table.delete(body)?.pipe.abort();
        Ok(())
    }
}

impl http_types::HostResponseOutparam for State {
    fn set(
        &mut self,
        outparam: Resource<ResponseOutparam>,
        response: Result<Resource<OutgoingResponse>, ErrorCode>,
    ) -> Result<()> {
        self.check_outparam(&outparam)?;
        let answer = match response {
            Ok(response) => {
                let OutgoingResponse {
                    status,
                    fields,
                    pipe,
                } = self.table.delete(response)?;
                Ok(Answer {
                    status,
                    fields,
                    pipe,
                })
            }
            Err(code) => Err(code),
        };
        self.exchange.answer(answer);
        self.has_outparam = false;
        Ok(())
    }

    fn send_informational(
        &mut self,
        outparam: Resource<ResponseOutparam>,
        _: u16,
        fields: Resource<Fields>,
    ) -> Result<Result<(), ErrorCode>> {
        self.check_outparam(&outparam)?;
        self.table.delete(fields)?;
        Ok(Err(ErrorCode::InternalError(Some(
            "informational responses are not sent".to_owned(),
        ))))
    }

    fn drop(&mut self, outparam: Resource<ResponseOutparam>) -> Result<()> {
        self.check_outparam(&outparam)?;
        self.has_outparam = false;
        Ok(())
    }
}
