//! [`Outcome`] to `response-outparam`: fields, then content.

use super::content::{Failure, splice, splice_all, write};
use super::directory::WasiFile;
use super::exchange::WasiExchange;
use crate::directory::Error;
use crate::exchange::Exchange;
use crate::outcome::{Content, Outcome, Part, Status};
use wasi::http::types::{Fields, OutgoingBody, OutgoingResponse, ResponseOutparam};
use wasi::io::streams::OutputStream;

/// Sends an outcome. A response that can't be completed is dropped unfinished, which breaks it off.
pub(super) fn send(
    outcome: Outcome<WasiFile>,
    exchange: &WasiExchange,
    outparam: ResponseOutparam,
) {
    let Outcome {
        status,
        mut fields,
        content,
    } = outcome;
    if let Some(length) = content.length() {
        fields.push(("content-length".to_owned(), length.to_string().into_bytes()));
    }
    let response = Fields::from_list(&fields).map(OutgoingResponse::new);
    // Without an answer the host says 500; the core makes no field or status that is refused.
    let Ok(response) = response else { return };
    if status != Status::OK && response.set_status_code(status.0).is_err() {
        return;
    }
    // What was promised and is withheld can't be finished: some hosts would break the response off.
    if let Content::Withheld(Some(1..)) = content {
        ResponseOutparam::set(outparam, Ok(response));
        return;
    }
    // Some hosts fail without, also where there is no content.
    let body = response.body();
    ResponseOutparam::set(outparam, Ok(response));
    let Ok(body) = body else { return };
    let sent = match content {
        Content::Empty | Content::Withheld(_) => Ok(()),
        Content::Bytes(bytes) if bytes.is_empty() => Ok(()),
        content => {
            let Ok(stream) = body.write() else { return };
            send_content(content, exchange, &stream)
        }
    };
    match sent.map_err(Failure::of_storage) {
        // This fails when less was written than was promised: then the host breaks the response off.
        Ok(()) => drop(OutgoingBody::finish(body, None)),
        Err(Some(Error::Other(cause))) => exchange.report(&cause),
        Err(Some(error)) => exchange.report(&format!("{error:?}")),
        Err(None) => {}
    }
}

fn send_content(
    content: Content<WasiFile>,
    exchange: &WasiExchange,
    stream: &OutputStream,
) -> Result<(), Failure> {
    match content {
        Content::Empty | Content::Withheld(_) => Ok(()),
        Content::Bytes(bytes) => write(stream, &bytes),
        Content::File(file, parts) => parts.iter().try_for_each(|part| match part {
            Part::Bytes(bytes) => write(stream, bytes),
            Part::Range(range) => {
                let input = file.input(range.first).map_err(Failure::Storage)?;
                splice(stream, &input, range.length())
            }
        }),
        Content::Chunks(chunks) => {
            for chunk in chunks {
                write(stream, &chunk.map_err(Failure::Storage)?)?;
            }
            Ok(())
        }
        Content::Echo(_) => {
            let content = exchange.content().ok_or(Failure::Closed)?;
            splice_all(stream, &content.stream)
        }
    }
}
