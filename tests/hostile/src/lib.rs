//! A component that does what no component should: the path of the request says what.

#![cfg(target_os = "wasi")]

use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};
use wasi::clocks::monotonic_clock::subscribe_duration;
use wasi::exports::http::incoming_handler::Guest;
use wasi::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorType, ErrorCode as FileError, OpenFlags, PathFlags,
};
use wasi::http::types::{
    ErrorCode, Fields, IncomingRequest, Method, OutgoingBody, OutgoingRequest, OutgoingResponse,
    ResponseOutparam,
};
use wasi::io::streams::{OutputStream, StreamError};

struct Hostile;

wasi::http::proxy::export!(Hostile);

/// What an instance remembers: how many requests it has answered.
static SERVED: AtomicU32 = AtomicU32::new(0);

impl Guest for Hostile {
    fn handle(request: IncomingRequest, outparam: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let (path, query) = path.split_once('?').unwrap_or((&path, ""));
        let number = query.parse().unwrap_or(0);
        match path {
            // What an instance remembers shows what it shares.
            "/count" => text(
                outparam,
                &SERVED.fetch_add(1, Ordering::Relaxed).to_string(),
            ),
            "/trap-before" => trap(),
            // With nothing left behind but the fault itself.
            "/trap-clean" => {
                SERVED.fetch_add(1, Ordering::Relaxed);
                drop((request, outparam));
                trap();
            }
            "/recurse" => text(outparam, &recurse(1).to_string()),
            "/forget-outparam" => {
                SERVED.fetch_add(1, Ordering::Relaxed);
                std::mem::forget(outparam);
            }
            "/silent" => {}
            "/exit" => wasi::cli::exit::exit(Ok(())),
            "/error" => ResponseOutparam::set(
                outparam,
                Err(ErrorCode::InternalError(Some(
                    "no reason ".repeat(number.max(1)),
                ))),
            ),
            "/trap-mid" => {
                let (body, stream) = begin(outparam, &[]);
                write(&stream, &vec![b'x'; 100_000]);
                let _kept = (body, stream);
                trap();
            }
            // More than a client can be behind, so that some of it was sent.
            "/trap-late" => {
                let (body, stream) = begin(outparam, &[]);
                write(&stream, &vec![b'x'; 1_000_000]);
                let _kept = (body, stream);
                trap();
            }
            "/stop-short" => {
                let (body, stream) = begin(outparam, &[("content-length", "1000000")]);
                write(&stream, &vec![b'x'; 500_000]);
                let _kept = (body, stream);
                trap();
            }
            "/trap-after" => {
                text(outparam, "whole");
                trap();
            }
            "/drop-body" => {
                let (body, stream) = begin(outparam, &[]);
                write(&stream, b"partial");
                drop(stream);
                drop(body);
            }
            "/return-mid" => {
                let (body, stream) = begin(outparam, &[]);
                write(&stream, b"partial");
                std::mem::forget((body, stream));
            }
            "/too-short" => {
                let (body, stream) = begin(outparam, &[("content-length", "100")]);
                write(&stream, b"partial");
                drop(stream);
                let _ = OutgoingBody::finish(body, Some(Fields::new()));
            }
            "/too-long" => {
                let (body, stream) = begin(outparam, &[("content-length", "3")]);
                let _ = stream.blocking_write_and_flush(b"more");
                drop(stream);
                let _ = OutgoingBody::finish(body, None);
            }
            "/empty-promise" => {
                ResponseOutparam::set(outparam, Ok(response(&[("content-length", "5")])))
            }
            "/loop-before" => spin(),
            "/loop-mid" => {
                let (_body, stream) = begin(outparam, &[]);
                write(&stream, b"partial");
                spin();
            }
            "/sleep-before" => sleep(number),
            "/sleep-mid" => {
                let (_body, stream) = begin(outparam, &[]);
                write(&stream, b"partial");
                sleep(number);
            }
            "/slow-head" => {
                let (body, stream) = begin(outparam, &[]);
                sleep(number);
                write(&stream, b"late");
                drop(stream);
                let _ = OutgoingBody::finish(body, None);
            }
            "/after-work" => {
                text(outparam, "whole");
                sleep(number);
            }
            "/memory" => {
                let bomb: Vec<u8> = vec![1; number];
                text(outparam, &std::hint::black_box(bomb).len().to_string());
            }
            "/memory-held" => {
                let held: Vec<u8> = vec![1; number];
                let (_body, stream) = begin(outparam, &[]);
                while stream.blocking_write_and_flush(&held[..4096]).is_ok() {}
            }
            // Rust's own library opens the mapped directory, and keeps it.
            "/list" => {
                let entries = std::fs::read_dir("/files").map_or(0, Iterator::count);
                text(outparam, &entries.to_string());
            }
            // What it says of a file that it has just opened, and of one that it has written to since.
            "/sizes" => text(outparam, &format!("{:?}", sizes())),
            // Whether a directory is what it is, as the handle has it that something was made with.
            "/directory-after-making" => text(outparam, &format!("{:?}", is_up_to_date())),
            "/size-later" => {
                let (body, stream) = begin(outparam, &[]);
                let size = size_later(&request, &stream);
                write(&stream, format!("{size:?}").as_bytes());
                drop(stream);
                let _ = OutgoingBody::finish(body, None);
            }
            // What it would clean up, it does without looking at the content.
            "/make-later" => {
                let (_body, stream) = begin(outparam, &[]);
                write(&stream, b"partial");
                sleep(number);
                let _ = make(&mapped(), "made");
            }
            // Leaves a pattern in memory, at its beginning and in what is new.
            "/scribble" | "/scribble-trap" => {
                scribble(number);
                if path == "/scribble-trap" {
                    trap();
                }
                text(outparam, &traces(0).to_string());
            }
            "/traces" => text(outparam, &traces(number).to_string()),
            "/handles" => {
                let fields: Vec<_> = (0..number).map(|_| Fields::new()).collect();
                text(outparam, &fields.len().to_string());
            }
            // Left behind, where every instance that is reused would have more of them.
            "/leak" => {
                std::mem::forget(Fields::new());
                text(
                    outparam,
                    &SERVED.fetch_add(1, Ordering::Relaxed).to_string(),
                );
            }
            // Each with content that waits in the host.
            "/bodies" => {
                let bodies: Vec<_> = (0..number)
                    .map(|_| {
                        let response = response(&[]);
                        let body = response.body().unwrap_or_else(|()| trap());
                        let stream = body.write().unwrap_or_else(|()| trap());
                        let _ = stream.write(b"waiting");
                        drop(stream);
                        (response, body)
                    })
                    .collect();
                text(outparam, &bodies.len().to_string());
            }
            // Each with a piece that waits in the host.
            "/readers" => {
                let directory = mapped();
                let file = make(&directory, "read")
                    .or_else(|_| open(&directory, "read", OpenFlags::empty()));
                let file = file.unwrap_or_else(|_| trap());
                let readers: Vec<_> = (0..number)
                    .map_while(|_| file.read_via_stream(0).ok())
                    .inspect(|reader| reader.subscribe().block())
                    .collect();
                text(outparam, &readers.len().to_string());
            }
            "/lists" => {
                let directory = mapped();
                let lists: Vec<_> = (0..number)
                    .map_while(|_| directory.read_directory().ok())
                    .collect();
                text(outparam, &lists.len().to_string());
            }
            // To HEAD it does not say how much there would be.
            "/nothing-for-head" => {
                let (body, stream) = begin(outparam, &[]);
                if !matches!(request.method(), Method::Head) {
                    write(&stream, b"content");
                }
                drop(stream);
                let _ = OutgoingBody::finish(body, None);
            }
            // Says how much there would be, and that it is empty.
            "/not-modified" => {
                let response = response(&[("content-length", "7")]);
                response.set_status_code(304).unwrap_or_else(|()| trap());
                let body = response.body().unwrap_or_else(|()| trap());
                ResponseOutparam::set(outparam, Ok(response));
                if OutgoingBody::finish(body, None).is_err() {
                    trap();
                }
                SERVED.fetch_add(1, Ordering::Relaxed);
            }
            "/fields" => {
                let fields = Fields::new();
                let appended = (0..number)
                    .take_while(|_| fields.append("x-many", b"value").is_ok())
                    .count();
                text(outparam, &appended.to_string());
            }
            "/random" => text(
                outparam,
                &wasi::random::random::get_random_bytes(number as u64)
                    .len()
                    .to_string(),
            ),
            "/write" => {
                let (body, stream) = begin(outparam, &[]);
                let _ = stream.write(&vec![b'x'; number]);
                drop(stream);
                let _ = OutgoingBody::finish(body, None);
            }
            "/print" => {
                for _ in 0..number {
                    eprintln!("\x1b[31mprinted");
                }
                text(outparam, "printed");
            }
            "/print-on-stdout" => {
                let _ = std::io::stdout().write_all(b"printed\n");
                text(outparam, "printed");
            }
            "/outgoing" => {
                let outgoing = OutgoingRequest::new(Fields::new());
                let denied = wasi::http::outgoing_handler::handle(outgoing, None);
                text(outparam, &format!("{:?}", denied.err()));
            }
            "/environment" => text(
                outparam,
                &format!(
                    "{:?} {:?}",
                    wasi::cli::environment::get_environment(),
                    std::env::args().collect::<Vec<_>>()
                ),
            ),
            "/authority" => text(outparam, &format!("{:?}", request.authority())),
            "/fields-seen" => text(
                outparam,
                &request
                    .headers()
                    .entries()
                    .into_iter()
                    .map(|(name, _)| name + " ")
                    .collect::<String>(),
            ),
            "/immutable" => {
                let response = OutgoingResponse::new(Fields::new()).headers();
                let changed = (
                    request.headers().append("x", b"1"),
                    request.headers().set("x", &[]),
                    response.append("x", b"1"),
                    response.delete("x"),
                );
                text(outparam, &format!("{changed:?}"));
            }
            "/open" => text(
                outparam,
                &format!("{:?}", std::fs::read(query).map(|content| content.len())),
            ),
            // Of a FIFO, this waits for somebody who reads.
            "/open-to-write" => text(
                outparam,
                &format!(
                    "{:?}",
                    std::fs::OpenOptions::new().write(true).open(query).is_ok()
                ),
            ),
            "/look-up" => text(outparam, &format!("{:?}", look_up(query))),
            "/trailers" => {
                let (body, stream) = begin(outparam, &[]);
                write(&stream, b"content");
                drop(stream);
                let trailers = Fields::new();
                let _ = trailers.append("x-trailer", b"seen");
                let _ = OutgoingBody::finish(body, Some(trailers));
            }
            // Content for ever, as fast as the client takes it.
            "/endless" => {
                let (_body, stream) = begin(outparam, &[]);
                while stream.blocking_write_and_flush(&[b'x'; 4096]).is_ok() {}
            }
            // Looks for content, and then does not wait for it.
            "/look-and-sleep" => {
                let Ok(body) = request.consume() else { trap() };
                let Ok(stream) = body.stream() else { trap() };
                let _ = stream.read(1);
                sleep(number);
            }
            // Waits for content or a moment, and then for neither.
            "/wait-and-sleep" => {
                let Ok(body) = request.consume() else { trap() };
                let Ok(stream) = body.stream() else { trap() };
                let (content, moment) = (stream.subscribe(), subscribe_duration(1_000_000));
                wasi::io::poll::poll(&[&content, &moment]);
                sleep(number);
                text(outparam, "slept");
            }
            // Waits each time before it writes.
            "/wait-to-write" => {
                let (body, stream) = begin(outparam, &[]);
                for _ in 0..number {
                    stream.subscribe().block();
                    if stream.write(b"x").is_err() {
                        trap();
                    }
                }
                drop(stream);
                let _ = OutgoingBody::finish(body, None);
            }
            // Writes a lot, and does not wait for it; then over that.
            "/write-twice" => {
                let Ok(file) = make(&mapped(), query) else {
                    trap()
                };
                for byte in *b"ab" {
                    let Ok(output) = file.write_via_stream(0) else {
                        trap()
                    };
                    let _ = output.write(&[byte; 200_000]);
                }
                let Ok((content, _)) = file.read(1 << 20, 0) else {
                    trap()
                };
                let written = file.write(&vec![b'c'; 100_000], 1000);
                let all = std::fs::read(format!("/files/{query}")).unwrap_or_else(|_| trap());
                let is_b = content.iter().all(|&byte| byte == b'b');
                let ends = (all.len(), all[999], all[1000], all[100_999], all[101_000]);
                text(outparam, &format!("{is_b} {written:?} {ends:?}"));
            }
            "/answer-then-receive" => {
                let (body, stream) = begin(outparam, &[]);
                write(&stream, b"partial");
                let _ = count(&request);
                write(&stream, b" and whole");
                drop(stream);
                let _ = OutgoingBody::finish(body, None);
            }
            "/answer-before-receiving" => {
                text(outparam, "whole");
                let _ = count(&request);
            }
            // Reads the content as slowly as it comes, and says how it ended.
            "/receive" => receive(&request, outparam),
            _ => text(outparam, "hostile"),
        }
    }
}

/// The mapped directory.
fn mapped() -> Descriptor {
    wasi::filesystem::preopens::get_directories().remove(0).0
}

/// Opens what there is, to read it.
fn open(directory: &Descriptor, name: &str, how: OpenFlags) -> Result<Descriptor, FileError> {
    directory.open_at(PathFlags::empty(), name, how, DescriptorFlags::READ)
}

/// Makes a file.
fn make(directory: &Descriptor, name: &str) -> Result<Descriptor, FileError> {
    directory.open_at(
        PathFlags::empty(),
        name,
        OpenFlags::CREATE | OpenFlags::EXCLUSIVE,
        DescriptorFlags::READ | DescriptorFlags::WRITE,
    )
}

/// What a name stands for, and what is opened by it: kind, length, whether both have one identity.
fn look_up(path: &str) -> Result<(DescriptorType, u64, bool), FileError> {
    let directory = mapped();
    let follow = PathFlags::SYMLINK_FOLLOW;
    let named = directory.stat_at(follow, path)?;
    let hash = directory.metadata_hash_at(follow, path)?;
    let opened = directory.open_at(follow, path, OpenFlags::empty(), DescriptorFlags::READ)?;
    let (stat, opened_hash) = (opened.stat()?, opened.metadata_hash()?);
    let same = (hash.lower, hash.upper) == (opened_hash.lower, opened_hash.upper)
        && (named.type_, named.size) == (stat.type_, stat.size);
    Ok((stat.type_, stat.size, same))
}

fn trap() -> ! {
    std::process::abort()
}

fn spin() -> ! {
    loop {
        std::hint::black_box(0);
    }
}

fn sleep(milliseconds: usize) {
    std::thread::sleep(std::time::Duration::from_millis(milliseconds as u64));
}

fn response(fields: &[(&str, &str)]) -> OutgoingResponse {
    let entries: Vec<_> = fields
        .iter()
        .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
        .collect();
    OutgoingResponse::new(Fields::from_list(&entries).unwrap_or_else(|_| trap()))
}

fn begin(outparam: ResponseOutparam, fields: &[(&str, &str)]) -> (OutgoingBody, OutputStream) {
    let response = response(fields);
    let body = response.body().unwrap_or_else(|()| trap());
    ResponseOutparam::set(outparam, Ok(response));
    let stream = body.write().unwrap_or_else(|()| trap());
    (body, stream)
}

fn write(stream: &OutputStream, bytes: &[u8]) {
    for chunk in bytes.chunks(4096) {
        if stream.blocking_write_and_flush(chunk).is_err() {
            return;
        }
    }
}

fn text(outparam: ResponseOutparam, text: &str) {
    let (body, stream) = begin(outparam, &[]);
    write(&stream, text.as_bytes());
    drop(stream);
    let _ = OutgoingBody::finish(body, None);
}

/// Deeper than any stack.
fn recurse(depth: u64) -> u64 {
    if std::hint::black_box(depth) == 0 {
        return 0;
    }
    recurse(depth + 1) + std::hint::black_box(depth)
}

const PATTERN: u8 = 0xa5;

/// Where the stack never reaches down to: it is a megabyte, and grows down to 0.
const BELOW_STACK: std::ops::Range<usize> = 4096..256 * 1024;

#[allow(unsafe_code, reason = "it looks where nothing is allocated")]
fn scribble(length: usize) {
    let new = grow(length);
    for address in BELOW_STACK.chain(new) {
        // SAFETY: the memory is there, and nobody else uses it.
        unsafe { (address as *mut u8).write_volatile(PATTERN) };
    }
}

/// How many bytes of a pattern are where there should be zeros.
#[allow(unsafe_code, reason = "it looks where nothing is allocated")]
fn traces(length: usize) -> usize {
    let new = grow(length);
    let is_trace = |address: &usize| {
        // SAFETY: the memory is there.
        unsafe { (*address as *const u8).read_volatile() == PATTERN }
    };
    BELOW_STACK.chain(new).filter(is_trace).count()
}

/// Grows the memory by `length` bytes: where they are.
fn grow(length: usize) -> std::ops::Range<usize> {
    let page = 64 * 1024;
    let start = core::arch::wasm32::memory_grow::<0>(length / page) * page;
    start..start + length / page * page
}

fn receive(request: &IncomingRequest, outparam: ResponseOutparam) {
    let (received, end) = count(request);
    eprintln!("received {received}: {end:?}");
    text(outparam, &received.to_string());
}

/// Reads the content: how much there was, and how it ended.
fn count(request: &IncomingRequest) -> (usize, StreamError) {
    let Ok(body) = request.consume() else { trap() };
    let Ok(stream) = body.stream() else { trap() };
    let mut received = 0;
    loop {
        match stream.blocking_read(64 * 1024) {
            Ok(bytes) => received += bytes.len(),
            Err(error) => return (received, error),
        }
    }
}

/// The sizes of a file as another handle has them: when that is opened, after writing through the first
/// handle, and after writing through a stream that was there before.
fn sizes() -> Result<[u64; 3], FileError> {
    let directory = mapped();
    let file = make(&directory, "sized")?;
    let again = || open(&directory, "sized", OpenFlags::empty());
    let at_first = again()?.stat()?.size;
    let other = again()?;
    file.write(&[b'x'; 10], 0)?;
    let after_write = other.stat()?.size;
    let stream = file.write_via_stream(10)?;
    let other = again()?;
    write(&stream, &[b'x'; 10]);
    Ok([at_first, after_write, other.stat()?.size])
}

/// Makes a file in a directory that it has just opened: whether that handle says the same of the
/// directory as one that is opened then.
fn is_up_to_date() -> Result<bool, FileError> {
    let root = mapped();
    let directory = open(&root, "sub", OpenFlags::DIRECTORY)?;
    let _file = make(&directory, "made")?;
    let when = |directory: &Descriptor| {
        let stamp = directory.stat()?.data_modification_timestamp;
        Ok::<_, FileError>(stamp.map(|stamp| (stamp.seconds, stamp.nanoseconds)))
    };
    Ok(when(&directory)? == when(&open(&root, "sub", OpenFlags::DIRECTORY)?)?)
}

/// Opens a file, lets its client know, and waits for the content of the request: the file's size then.
fn size_later(request: &IncomingRequest, stream: &OutputStream) -> Result<u64, FileError> {
    // Held to the end: with any handle that goes, the host forgets what it has seen.
    let directory = mapped();
    let file = open(&directory, "a", OpenFlags::empty())?;
    write(stream, b"partial");
    count(request);
    Ok(file.stat()?.size)
}
