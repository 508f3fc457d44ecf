//! `/user-agent`: what the client calls itself.

use super::FileOf;
use crate::exchange::Exchange;
use crate::outcome::{Outcome, Status};

/// The value of the request's User-Agent field, byte for byte; empty if there is none.
pub(super) fn user_agent<X: Exchange>(exchange: &X) -> Outcome<FileOf<X>> {
    let value = exchange.fields().first("user-agent").unwrap_or_default();
    Outcome::text(Status::OK, value.to_vec()).field("vary", "user-agent")
}
