//! `/echo/{text}`: the text; `/echo`: the request's content.

use super::Handled;
use crate::exchange::Exchange;
use crate::field::accept_encoding::{AcceptEncoding, Coding};
use crate::field::decimal;
use crate::outcome::{Content, Outcome, Status};
use crate::path;
use crate::rejection::Rejection;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

/// The text, percent-decoded, in the coding the client likes best.
pub(super) fn text<X: Exchange>(exchange: &X, encoded: &str) -> Handled<X> {
    let text = path::decode(encoded)?.into_bytes();
    let accept = AcceptEncoding::parse(exchange.fields());
    let coding = accept
        .negotiate(&[Coding::Gzip, Coding::Identity])
        .ok_or(Rejection::NotAcceptable)?;
    let mut outcome = Outcome::text(Status::OK, text).field("vary", "accept-encoding");
    if let (Some(name), Content::Bytes(text)) = (coding.name(), &outcome.content) {
        outcome.content = Content::Bytes(gzip(text));
        outcome = outcome.field("content-encoding", name);
    }
    Ok(outcome)
}

/// The content of the request, as it comes.
pub(super) fn content<X: Exchange>(exchange: &X) -> Outcome<super::FileOf<X>> {
    let length = exchange.fields().one("content-length").and_then(decimal);
    Outcome {
        content: Content::Echo(length),
        ..Outcome::empty(Status::OK)
    }
    .field("content-type", "application/octet-stream")
    .field("x-content-type-options", "nosniff")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to a vector does not fail; were it to, less would be sent, and seen by any decoder.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::gzip;
    use std::io::Read;

    #[test]
    fn gzip_decodes_to_what_was_coded() {
        for text in ["", "abc", &"compressible-".repeat(600)] {
            let mut decoded = String::new();
            flate2::read::GzDecoder::new(&*gzip(text.as_bytes()))
                .read_to_string(&mut decoded)
                .unwrap();
            assert_eq!(decoded, text);
        }
    }
}
