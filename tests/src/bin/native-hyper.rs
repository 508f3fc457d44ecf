//! A native server with the routes of the component, as simple as hyper lets it be: what the
//! benchmark takes for the limit. It validates nothing; serve nobody else with it.
//!
//! Called as `native-hyper ADDRESS DIRECTORY`; POST does not sync, as with `FILES_SYNC=0`.

use anyhow::{Context as _, Result};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, LAST_MODIFIED, LOCATION, USER_AGENT};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

/// How much of a file is read at once; a file that fits is one piece.
const PIECE: u64 = 64 * 1024;

type Answer = Result<Response<UnsyncBoxBody<Bytes, io::Error>>, io::Error>;

fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let address = arguments.next().context("no address")?;
    let directory: Arc<Path> = PathBuf::from(arguments.next().context("no directory")?).into();
    let address = address.into_string().ok().context("not an address")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let listener = tokio::net::TcpListener::bind(address).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let directory = Arc::clone(&directory);
            let service = service_fn(move |request| answer(request, Arc::clone(&directory)));
            tokio::task::spawn_local(async move {
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                // A client that goes away is none of our business.
                let _ = connection.await;
            });
        }
    })
}

async fn answer(request: Request<Incoming>, directory: Arc<Path>) -> Answer {
    let path = request.uri().path();
    match (request.method(), path) {
        (&Method::GET, "/") => text("native-hyper\n".into()),
        (&Method::GET, "/user-agent") => {
            let agent = request.headers().get(USER_AGENT);
            text(agent.map_or(Bytes::new(), |it| Bytes::copy_from_slice(it.as_bytes())))
        }
        (&Method::GET, _) if let Some(echo) = path.strip_prefix("/echo/") => {
            text(Bytes::copy_from_slice(echo.as_bytes()))
        }
        (&Method::GET, _) if let Some(name) = path.strip_prefix("/files/") => {
            send(&directory.join(name))
        }
        (&Method::POST, _) if let Some(name) = path.strip_prefix("/files/") => {
            let path = directory.join(name);
            receive(request, &path).await
        }
        _ => {
            let mut response = text(Bytes::new())?;
            *response.status_mut() = StatusCode::NOT_FOUND;
            Ok(response)
        }
    }
}

fn text(content: Bytes) -> Answer {
    let full = Full::new(content).map_err(|never| match never {});
    let mut response = Response::new(full.boxed_unsync());
    let plain = hyper::header::HeaderValue::from_static("text/plain");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    Ok(response)
}

fn send(path: &Path) -> Answer {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    let left = metadata.len();
    let tag = format!("\"{:x}-{:x}\"", left, metadata.mtime_nsec());
    let body = if left <= PIECE {
        let mut content = Vec::with_capacity(usize::try_from(left).unwrap_or(0));
        file.read_to_end(&mut content)?;
        let full = Full::new(content.into()).map_err(|never| match never {});
        full.boxed_unsync()
    } else {
        FileBody { file, left }.boxed_unsync()
    };
    Response::builder()
        .header(CONTENT_LENGTH, left)
        .header(CONTENT_TYPE, "application/octet-stream")
        .header(LAST_MODIFIED, httpdate::fmt_http_date(metadata.modified()?))
        .header(ETAG, tag)
        .body(body)
        .map_err(io::Error::other)
}

/// To a name of its own, then renamed, as the component does.
async fn receive(request: Request<Incoming>, path: &Path) -> Answer {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let location = request.uri().path().to_owned();
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let temporary = path.with_extension(format!("{number}.part"));
    let mut file = File::create(&temporary)?;
    let mut body = request.into_body();
    while let Some(frame) = body.frame().await {
        if let Some(data) = frame.map_err(io::Error::other)?.data_ref() {
            file.write_all(data)?;
        }
    }
    std::fs::rename(temporary, path)?;
    let mut response = text(Bytes::new())?;
    *response.status_mut() = StatusCode::CREATED;
    let location = location.try_into().map_err(io::Error::other)?;
    response.headers_mut().insert(LOCATION, location);
    Ok(response)
}

/// A file, read on the thread that sends it: it is in the page cache.
struct FileBody {
    file: File,
    left: u64,
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let length = self.left.min(PIECE);
        let mut piece = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
        let read = (&mut self.file).take(length).read_to_end(&mut piece);
        Poll::Ready(Some(match read {
            Ok(read) if read as u64 == length => {
                self.left -= length;
                Ok(Frame::data(piece.into()))
            }
            Ok(_) => Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) => Err(error),
        }))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
