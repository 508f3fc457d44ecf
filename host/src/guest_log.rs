//! What a component prints, as lines of the log: bounded, and with nothing in them that a terminal obeys.

use bytes::Bytes;
use std::sync::{Arc, Mutex, PoisonError};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// A line longer than this is split.
const LONGEST_LINE: usize = 1024;

/// The streams of a component that are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// `wasi:cli/stdout`
    Stdout,
    /// `wasi:cli/stderr`
    Stderr,
}

/// The log of one instance: which request it is answering, and how much that may still print.
#[derive(Debug)]
pub(crate) struct GuestLog(Mutex<Budget>);

#[derive(Debug)]
struct Budget {
    request: u64,
    /// Nothing once more was printed, and that was said.
    remaining: Option<usize>,
}

impl GuestLog {
    /// A log of which each request may fill `most` bytes.
    pub(crate) fn new(request: u64, most: usize) -> Self {
        Self(Mutex::new(Budget {
            request,
            remaining: Some(most),
        }))
    }

    /// Begins with the next request of the same instance.
    pub(crate) fn begin(&self, request: u64, most: usize) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Budget {
            request,
            remaining: Some(most),
        };
    }

    /// Takes `length` bytes from the budget. Returns the request, and how many it may have; what is
    /// over is dropped, which is said once.
    fn take(&self, length: usize) -> (u64, usize) {
        let mut budget = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(remaining) = budget.remaining else {
            return (budget.request, 0);
        };
        let permitted = length.min(remaining);
        budget.remaining = remaining.checked_sub(length);
        if budget.remaining.is_none() {
            tracing::warn!(
                request = budget.request,
                "the component printed too much; the rest is dropped"
            );
        }
        (budget.request, permitted)
    }
}

/// A component's stdout or stderr.
pub(crate) struct LogStream {
    log: Arc<GuestLog>,
    source: Source,
    line: Vec<u8>,
}

impl LogStream {
    pub(crate) fn new(log: Arc<GuestLog>, source: Source) -> Self {
        Self {
            log,
            source,
            line: Vec::new(),
        }
    }

    fn emit(&mut self) {
        let line = std::mem::take(&mut self.line);
        let (request, permitted) = self.log.take(line.len() + 1);
        let text = printable(&line[..permitted.min(line.len())]);
        match self.source {
            _ if permitted == 0 => {}
            Source::Stdout => tracing::info!(request, stream = "stdout", "{text}"),
            Source::Stderr => tracing::warn!(request, stream = "stderr", "{text}"),
        }
    }
}

/// Escapes control characters, and what is not UTF-8.
pub(crate) fn printable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\t' => text.push('\t'),
                character if character.is_control() => text.extend(character.escape_default()),
                character => text.push(character),
            }
        }
        text.extend(
            chunk
                .invalid()
                .iter()
                .flat_map(|byte| byte.escape_ascii())
                .map(char::from),
        );
    }
    text
}

#[async_trait]
impl OutputStream for LogStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        for byte in bytes {
            if byte == b'\n' {
                self.emit();
            } else {
                self.line.push(byte);
                if self.line.len() == LONGEST_LINE {
                    self.emit();
                }
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 * 1024)
    }
}

#[async_trait]
impl Pollable for LogStream {
    async fn ready(&mut self) {}
}

impl Drop for LogStream {
    fn drop(&mut self) {
        if !self.line.is_empty() {
            self.emit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_printed_moves_the_cursor() {
        for (bytes, expected) in [
            (&b"plain \xe2\x82\xac\ttab"[..], "plain €\ttab"),
            (b"\x1b[2J\r\x07", "\\u{1b}[2J\\r\\u{7}"),
            (b"\xff\x80ok", "\\xff\\x80ok"),
            ("\u{9b}".as_bytes(), "\\u{9b}"),
        ] {
            assert_eq!(printable(bytes), expected);
        }
    }

    #[test]
    fn a_line_without_end_is_split() {
        let log = Arc::new(GuestLog::new(1, usize::MAX));
        let mut stream = LogStream::new(log, Source::Stdout);
        for (written, kept) in [
            (LONGEST_LINE - 1, LONGEST_LINE - 1),
            (1, 0),
            (LONGEST_LINE + 1, 1),
        ] {
            stream.write(vec![b'x'; written].into()).unwrap();
            assert_eq!(stream.line.len(), kept);
        }
    }

    #[test]
    fn each_request_has_its_budget() {
        let log = GuestLog::new(1, 10);
        assert_eq!(log.take(6), (1, 6));
        assert_eq!(log.take(6), (1, 4));
        assert_eq!(log.take(6), (1, 0));
        log.begin(2, 10);
        assert_eq!(log.take(6), (2, 6));
    }
}
