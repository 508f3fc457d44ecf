//! HTTP/1.1 as RFC 9112 has it: strict, without I/O, tested against tables and properties.
//!
//! A general-purpose library decides some of this differently (bare LF, Host, transfer codings; see
//! ARCHITECTURE.md), and a reverse proxy in front that disagrees with its server about where a
//! request ends lets requests be smuggled. So what the RFC calls an error is one here.

pub(crate) mod chunked;
pub(crate) mod field_lines;
pub(crate) mod framing;
pub(crate) mod head;
pub(crate) mod host;
pub(crate) mod refusal;
pub(crate) mod response;
