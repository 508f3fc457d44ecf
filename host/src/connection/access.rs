//! [`Access`]: what the log says of each request, where that is wanted.

use crate::http1::head::Head;
use http::{Method, StatusCode, Uri};
use std::net::SocketAddr;
use tokio::time::Instant;

/// What is known of a connection's current request.
pub(super) struct Access {
    client: SocketAddr,
    begun: Instant,
    /// Nothing of a head that can't be read.
    asked: Option<(Method, Uri)>,
    /// Which of the server's requests it is, if the component has seen it.
    pub(super) number: Option<u64>,
    /// Nothing where there was no response.
    pub(super) status: Option<StatusCode>,
    /// How many bytes the client was sent before.
    sent_before: u64,
}

impl Access {
    pub(super) fn new(client: SocketAddr) -> Self {
        Self {
            client: SocketAddr::new(client.ip().to_canonical(), client.port()),
            begun: Instant::now(),
            asked: None,
            number: None,
            status: None,
            sent_before: 0,
        }
    }

    /// A request has come, or what is none.
    pub(super) fn begin(&mut self, head: Option<&Head>) {
        self.begun = Instant::now();
        self.asked = head.map(|head| (head.method.clone(), head.target.clone()));
        (self.number, self.status) = (None, None);
    }

    /// The request is over, and so many bytes were sent since the connection began.
    pub(super) fn end(&mut self, sent: u64, is_broken_off: bool) {
        let (method, target) = self.asked.take().unzip();
        tracing::info!(
            client = %self.client,
            request = self.number,
            method = method.as_ref().map(Method::as_str),
            target = target.map(tracing::field::display),
            status = self.status.as_ref().map(StatusCode::as_u16),
            sent = sent - self.sent_before,
            microseconds = u64::try_from(self.begun.elapsed().as_micros()).ok(),
            "{}", if is_broken_off { "broken off" } else { "answered" }
        );
        self.sent_before = sent;
    }
}
