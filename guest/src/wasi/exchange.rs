//! [`Exchange`] from an `incoming-request` and the host's other interfaces.

use super::content::{self, Failure};
use super::directory::{WasiDirectory, WasiFile, preopen, stream_error};
use crate::directory::time;
use crate::exchange::{Exchange, Interrupted, Settings};
use crate::field::Fields;
use crate::router::Method;
use std::cell::OnceCell;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};
use wasi::http::types::{
    ErrorCode, IncomingBody, IncomingRequest, Method as WasiMethod, http_error_code,
};
use wasi::io::streams::InputStream;

/// How long a moment is, in nanoseconds.
const PAUSE: u64 = 2_000_000;

/// The exchange that the host handed over.
pub(super) struct WasiExchange {
    method: Method,
    target: String,
    request: IncomingRequest,
    fields: OnceCell<Fields>,
}

/// The content of the request. The stream goes before the body it belongs to: fields are dropped
/// in the order they stand.
pub(super) struct RequestContent {
    pub(super) stream: InputStream,
    _body: IncomingBody,
}

impl WasiExchange {
    pub(super) fn new(request: IncomingRequest) -> Self {
        let method = match request.method() {
            WasiMethod::Get => Method::Get,
            WasiMethod::Head => Method::Head,
            WasiMethod::Post => Method::Post,
            WasiMethod::Put => Method::Put,
            WasiMethod::Delete => Method::Delete,
            WasiMethod::Options => Method::Options,
            WasiMethod::Trace | WasiMethod::Patch => Method::Refused,
            WasiMethod::Connect | WasiMethod::Other(_) => Method::NotImplemented,
        };
        let target = request.path_with_query().unwrap_or_default();
        Self {
            method,
            target,
            request,
            fields: OnceCell::new(),
        }
    }

    /// Takes the content of the request: once.
    pub(super) fn content(&self) -> Option<RequestContent> {
        let body = self.request.consume().ok()?;
        Some(RequestContent {
            stream: body.stream().ok()?,
            _body: body,
        })
    }
}

impl Exchange for WasiExchange {
    type Directory = WasiDirectory;

    fn method(&self) -> Method {
        self.method
    }

    fn target(&self) -> &str {
        &self.target
    }

    fn authority(&self) -> Option<String> {
        self.request.authority()
    }

    fn fields(&self) -> &Fields {
        self.fields
            .get_or_init(|| Fields(self.request.headers().entries()))
    }

    fn directory(&self) -> Option<WasiDirectory> {
        preopen()
    }

    fn settings(&self) -> Settings {
        // An instance that serves again is still in the same environment.
        static SETTINGS: OnceLock<Settings> = OnceLock::new();
        *SETTINGS
            .get_or_init(|| Settings::from_environment(&wasi::cli::environment::get_environment()))
    }

    fn now(&self) -> SystemTime {
        let now = wasi::clocks::wall_clock::now();
        time(now.seconds, now.nanoseconds).unwrap_or(UNIX_EPOCH)
    }

    fn random(&self) -> u64 {
        wasi::random::random::get_random_u64()
    }

    fn report(&self, cause: &str) {
        // What is long may be cut.
        eprintln!("the file system failed: {cause}, at {}", self.target);
    }

    fn pause(&self) {
        wasi::clocks::monotonic_clock::subscribe_duration(PAUSE).block();
    }

    fn discard(&self) -> Result<(), Interrupted> {
        let content = self.content().ok_or(Interrupted::CutShort)?;
        content::skip_all(&content.stream).map_err(interrupted)
    }

    fn receive(&self, file: &WasiFile) -> Result<(), Interrupted> {
        let content = self.content().ok_or(Interrupted::CutShort)?;
        let output = file.output().map_err(Interrupted::Storage)?;
        content::splice_all(&output, &content.stream).map_err(interrupted)
    }
}

fn interrupted(failure: Failure) -> Interrupted {
    match failure {
        Failure::Closed => Interrupted::CutShort,
        Failure::Error(error) => match http_error_code(&error) {
            Some(ErrorCode::HttpRequestBodySize(_)) => Interrupted::TooLarge,
            Some(ErrorCode::ConnectionReadTimeout) => Interrupted::TooSlow,
            Some(_) => Interrupted::CutShort,
            None => stream_error(&error).map_or(Interrupted::CutShort, Interrupted::Storage),
        },
        Failure::Storage(error) => Interrupted::Storage(error),
    }
}
