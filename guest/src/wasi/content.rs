//! Moving content: spliced by the host where it can be, written where the component made it.

use super::directory::stream_error;
use crate::directory;
use wasi::io::error::Error;
use wasi::io::streams::{InputStream, OutputStream, StreamError};

/// How much one call to the host moves at most, where nobody knows how much there is.
const SPLICE: u64 = 1 << 20;

/// Why content did not arrive whole.
pub(super) enum Failure {
    /// The other side is gone, or a file ended before its length was reached.
    Closed,
    /// An operation on one of the two streams failed.
    Error(Error),
    /// A file could not be read.
    Storage(directory::Error),
}

impl Failure {
    /// What the file system said, if that is why.
    pub(super) fn of_storage(self) -> Option<directory::Error> {
        match self {
            Self::Closed => None,
            Self::Error(error) => stream_error(&error),
            Self::Storage(error) => Some(error),
        }
    }
}

impl From<StreamError> for Failure {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::Closed => Self::Closed,
            StreamError::LastOperationFailed(error) => Self::Error(error),
        }
    }
}

/// Writes all of `bytes`, waiting where the client is slow.
pub(super) fn write(output: &OutputStream, mut bytes: &[u8]) -> Result<(), Failure> {
    while !bytes.is_empty() {
        let permitted = usize::try_from(output.check_write()?).unwrap_or(usize::MAX);
        if permitted == 0 {
            output.subscribe().block();
            continue;
        }
        let (now, later) = bytes.split_at(permitted.min(bytes.len()));
        output.write(now)?;
        bytes = later;
    }
    Ok(())
}

/// Moves exactly `length` bytes. Hosts move less at once and say how much; ours takes a part of a file
/// whole, so that the component is done with it.
pub(super) fn splice(
    output: &OutputStream,
    input: &InputStream,
    mut length: u64,
) -> Result<(), Failure> {
    while length > 0 {
        length -= output.blocking_splice(input, length)?.min(length);
    }
    Ok(())
}

/// Moves everything until `input` ends. That `output` is closed is a failure.
pub(super) fn splice_all(output: &OutputStream, input: &InputStream) -> Result<(), Failure> {
    loop {
        match output.blocking_splice(input, SPLICE) {
            Ok(_) => {}
            // Either stream may be the one that is closed.
            Err(StreamError::Closed) => return Ok(output.check_write().map(drop)?),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Throws away everything until `input` ends.
pub(super) fn skip_all(input: &InputStream) -> Result<(), Failure> {
    loop {
        match input.blocking_skip(SPLICE) {
            Ok(_) => {}
            Err(StreamError::Closed) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}
