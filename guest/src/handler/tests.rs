//! The handlers against a directory in memory: each test a table of requests.

mod change;
mod coding;
mod echo;
mod files;
mod listing;
mod upload;

use super::*;
use crate::directory::memory::{MODIFIED, Memory, MemoryFile};
use crate::directory::{Error, File};
use crate::exchange::{Interrupted, Settings};
use crate::field::Fields;
use crate::outcome::Part;
use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const LAST_MODIFIED: &str = "Wed, 01 Jan 2020 00:00:00 GMT";

/// A request, and what surrounds it.
struct Request {
    method: Method,
    target: String,
    fields: Fields,
    directory: Option<Memory>,
    settings: Settings,
    content: Result<&'static str, Interrupted>,
    random: u64,
    /// Runs before the temporary file is made.
    before: Box<dyn Fn()>,
    /// Runs after the content has come, as another client would.
    meanwhile: Box<dyn Fn()>,
    /// What happens while this request asks for the time.
    now: Box<dyn Fn()>,
    /// How much has passed of that.
    passed: Rc<Cell<Duration>>,
    /// What happens while this request waits for another.
    pause: Box<dyn Fn()>,
}

fn request(directory: &Memory, method: Method, target: &str) -> Request {
    Request {
        method,
        target: target.to_owned(),
        fields: Fields::default(),
        directory: Some(directory.clone()),
        settings: Settings::default(),
        content: Ok("content"),
        random: 0xabcd,
        before: Box::new(|| {}),
        meanwhile: Box::new(|| {}),
        now: Box::new(|| {}),
        passed: Rc::default(),
        pause: Box::new(|| panic!("nobody is to be waited for")),
    }
}

impl Request {
    fn field(mut self, name: &str, value: &str) -> Self {
        self.fields
            .0
            .push((name.to_owned(), value.as_bytes().to_vec()));
        self
    }

    fn send(&self) -> Response {
        Response(handle(self))
    }
}

impl Exchange for Request {
    type Directory = Memory;

    fn method(&self) -> Method {
        self.method
    }
    fn target(&self) -> &str {
        &self.target
    }
    fn authority(&self) -> Option<String> {
        Some("files.example".to_owned())
    }
    fn fields(&self) -> &Fields {
        &self.fields
    }
    fn directory(&self) -> Option<Memory> {
        self.directory.clone()
    }
    fn settings(&self) -> Settings {
        self.settings
    }
    fn now(&self) -> SystemTime {
        (self.now)();
        UNIX_EPOCH + MODIFIED + Duration::from_secs(2 * 60 * 60) + self.passed.get()
    }
    fn random(&self) -> u64 {
        (self.before)();
        self.random
    }
    fn report(&self, _: &str) {}
    fn pause(&self) {
        (self.pause)();
    }
    fn discard(&self) -> Result<(), Interrupted> {
        self.content.clone()?;
        (self.meanwhile)();
        Ok(())
    }
    fn receive(&self, file: &MemoryFile) -> Result<(), Interrupted> {
        let content = self.content.clone()?;
        file.append(content.as_bytes())
            .map_err(Interrupted::Storage)?;
        (self.meanwhile)();
        Ok(())
    }
}

struct Response(Outcome<MemoryFile>);

impl Response {
    fn status(&self) -> u16 {
        self.0.status.0
    }

    fn field(&self, name: &str) -> Option<String> {
        let mut lines = self.0.fields.iter().filter(|(line, _)| line == name);
        let value = lines
            .next()
            .map(|(_, value)| String::from_utf8(value.clone()).unwrap());
        assert!(lines.next().is_none(), "{name} is repeated");
        value
    }

    fn bytes(self) -> Vec<u8> {
        match self.0.content {
            Content::Empty | Content::Withheld(_) | Content::Echo(_) => Vec::new(),
            Content::Bytes(bytes) => bytes,
            Content::File(file, parts) => parts
                .into_iter()
                .flat_map(|part| match part {
                    Part::Bytes(bytes) => bytes,
                    Part::Range(range) => file.read(range.first, range.length()).unwrap(),
                })
                .collect(),
            Content::Chunks(chunks) => chunks.flat_map(Result::unwrap).collect(),
        }
    }

    fn text(self) -> String {
        String::from_utf8(self.bytes()).unwrap()
    }

    fn gunzipped(self) -> String {
        let mut decoded = String::new();
        std::io::Read::read_to_string(
            &mut flate2::read::GzDecoder::new(&*self.bytes()),
            &mut decoded,
        )
        .unwrap();
        decoded
    }
}

fn alphabet() -> Memory {
    Memory::with(&[
        ("a.txt", "abcdefghijklmnopqrstuvwxyz"),
        ("empty.txt", ""),
        (".hidden", "h"),
        ("sub/", ""),
        ("sub/b", "bbb"),
    ])
}

/// No name has `part` in it.
fn assert_none_has(directory: &Memory, part: &str) {
    let names = directory.names();
    assert!(!names.iter().any(|name| name.contains(part)), "{names:?}");
}

/// The entity tag of what is at `target`.
fn tag(directory: &Memory, target: &str) -> String {
    let response = request(directory, Method::Get, target).send();
    response.field("etag").unwrap()
}

#[test]
fn every_rejection_is_a_plain_sentence() {
    let directory = alphabet();
    directory.fifo("fifo");
    directory.link_to("out", None);
    let long = format!("/files/{}", "n".repeat(300));
    for (method, target, status) in [
        (Method::Get, "/nope", 404),
        (Method::Post, "/", 405),
        (Method::NotImplemented, "/", 501),
        (Method::Get, "*", 400),
        (Method::Get, "/echo/%zz", 400),
        (Method::Get, "/echo/%ff", 400),
        (Method::Get, "/files/nope", 404),
        (Method::Get, "/files/a.txt/", 404),
        (Method::Get, "/files/a.txt/b", 404),
        (Method::Get, "/files/fifo", 404),
        (Method::Get, "/files/out", 404),
        (Method::Get, "/files/.hidden", 404),
        (Method::Get, "/files/.http-server-upload-1", 404),
        (Method::Get, "/files/../a.txt", 400),
        (Method::Get, "/files//a.txt", 400),
        (Method::Put, "/files/sub", 409),
        (Method::Put, "/files/sub/", 400),
        (Method::Put, "/files/a.txt/b", 409),
        (Method::Put, "/files/fifo", 409),
        (Method::Put, "/files/out", 403),
        (Method::Put, "/files/.hidden", 403),
        (Method::Put, "/files/.http-server-upload-1", 403),
        (Method::Delete, "/files/nope", 404),
        (Method::Delete, &long, 400),
        (Method::Put, &long, 400),
        (Method::Get, &long, 404),
        (Method::Delete, "/files/sub", 409),
        (Method::Delete, "/files/out", 404),
        (Method::Delete, "/files/fifo", 404),
        (Method::Delete, "/files/a.txt/", 404),
        (Method::Delete, "/files/.hidden", 403),
        (Method::Delete, "/files/", 405),
    ] {
        let names = directory.names();
        let response = request(&directory, method, target).send();
        assert_eq!(response.status(), status, "{method:?} {target}");
        assert_eq!(
            response.field("content-type").as_deref(),
            Some("text/plain")
        );
        assert_eq!(
            response.field("x-content-type-options").as_deref(),
            Some("nosniff")
        );
        assert_eq!(response.field("allow").is_some(), status == 405);
        let text = response.text();
        assert!(
            text.ends_with(".\n")
                && text.lines().count() == 1
                && text.starts_with(char::is_uppercase),
            "{text}"
        );
        assert_eq!(directory.names(), names, "{method:?} {target}");
    }
}

#[test]
fn without_a_directory_file_routes_say_how_to_get_one() {
    for (method, target) in [
        (Method::Get, "/files/a"),
        (Method::Get, "/files/"),
        (Method::Put, "/files/a"),
        (Method::Delete, "/files/a"),
    ] {
        let request = Request {
            directory: None,
            ..request(&alphabet(), method, target)
        };
        assert_eq!(request.send().status(), 404);
        assert!(request.send().text().contains("--directory DIR"));
    }
}

#[test]
fn head_is_get_without_content() {
    let directory = alphabet();
    for (target, length) in [
        ("/", None),
        ("/echo/abc", Some(3)),
        ("/files/a.txt", Some(26)),
        ("/nope", None),
        ("/files/sub/", None),
    ] {
        let get = request(&directory, Method::Get, target).send();
        let head = request(&directory, Method::Head, target).send();
        assert_eq!(
            (head.status(), &head.0.fields),
            (get.status(), &get.0.fields),
            "{target}"
        );
        assert_eq!(head.0.content.length(), get.0.content.length());
        assert!(length.is_none() || head.0.content.length() == length);
        assert!(matches!(head.0.content, Content::Withheld(_)));
    }
}
