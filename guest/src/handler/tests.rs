//! The handlers against a directory in memory: each test a table of requests.

use super::*;
use crate::directory::memory::{MODIFIED, Memory, MemoryFile};
use crate::directory::{Error, File};
use crate::exchange::{Interrupted, Settings};
use crate::field::Fields;
use crate::outcome::Part;
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
        UNIX_EPOCH + MODIFIED + Duration::from_secs(2 * 60 * 60)
    }
    fn random(&self) -> u64 {
        (self.before)();
        self.random
    }
    fn report(&self, _: &str) {}
    fn pause(&self) {
        (self.pause)();
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

#[test]
fn every_rejection_is_a_plain_sentence() {
    let directory = alphabet();
    directory.fifo("fifo");
    directory.link_to("out", None);
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
    let long = "n".repeat(300);
    assert_eq!(
        request(&directory, Method::Get, &format!("/files/{long}"))
            .send()
            .status(),
        404
    );
    assert_eq!(
        request(&directory, Method::Put, &format!("/files/{long}"))
            .send()
            .status(),
        400
    );
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

#[test]
fn echo_and_user_agent_are_plain_text() {
    let directory = alphabet();
    for (target, agent, media_type, text) in [
        ("/echo/abc", "", "text/plain", "abc"),
        ("/echo/a/b?c", "", "text/plain", "a/b"),
        ("/echo/a%20b%2Fc", "", "text/plain", "a b/c"),
        ("/echo/%E2%82%AC", "", "text/plain; charset=utf-8", "€"),
        ("/echo/%3Cscript%3E", "", "text/plain", "<script>"),
        ("/echo/", "", "text/plain", ""),
        ("/user-agent", "curl/8", "text/plain", "curl/8"),
        ("/user-agent", "ü", "text/plain; charset=utf-8", "ü"),
    ] {
        let response = request(&directory, Method::Get, target)
            .field("user-agent", agent)
            .send();
        assert_eq!(response.status(), 200);
        assert_eq!(response.field("content-type").as_deref(), Some(media_type));
        assert_eq!(
            response.field("x-content-type-options").as_deref(),
            Some("nosniff")
        );
        assert_eq!(response.text(), text, "{target}");
    }
    assert_eq!(
        request(&directory, Method::Get, "/user-agent")
            .send()
            .text(),
        ""
    );
}

#[test]
fn echo_is_coded_when_the_client_takes_it() {
    let echo = |accept| {
        request(&alphabet(), Method::Get, "/echo/abc")
            .field("accept-encoding", accept)
            .send()
    };
    for (accept, status, coding) in [
        ("gzip", 200, Some("gzip")),
        ("gzip;q=0", 200, None),
        ("identity;q=0", 406, None),
        ("", 200, None),
    ] {
        let response = echo(accept);
        assert_eq!(response.status(), status);
        assert_eq!(response.field("content-encoding").as_deref(), coding);
        assert_eq!(response.field("vary").as_deref(), Some("accept-encoding"));
    }
    assert_eq!(echo("gzip").gunzipped(), "abc");
}

#[test]
fn echoed_content_keeps_its_length() {
    let echo = |length| {
        request(&alphabet(), Method::Post, "/echo")
            .field("content-length", length)
            .send()
            .0
            .content
            .length()
    };
    assert_eq!(echo("7"), Some(7));
    assert_eq!(echo("x"), None);
}

#[test]
fn a_file_comes_with_its_validators() {
    let response = request(&alphabet(), Method::Get, "/files/a.txt?x=../y").send();
    assert_eq!(response.status(), 200);
    for (name, value) in [
        ("content-type", "text/plain; charset=utf-8"),
        ("last-modified", LAST_MODIFIED),
        ("accept-ranges", "bytes"),
        ("vary", "accept-encoding"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(response.field(name).as_deref(), Some(value));
    }
    assert!(
        response
            .field("etag")
            .is_some_and(|tag| tag.starts_with('"') && tag.ends_with('"'))
    );
    assert_eq!(response.0.content.length(), Some(26));
    assert_eq!(response.text(), "abcdefghijklmnopqrstuvwxyz");
    assert_eq!(
        request(&alphabet(), Method::Get, "/files/empty.txt")
            .send()
            .0
            .content
            .length(),
        Some(0)
    );
}

#[test]
fn links_inside_the_directory_work() {
    let directory = alphabet();
    directory.link_to("in", Some("a.txt"));
    directory.link_to("dir", Some("sub"));
    directory.link_to("loop", Some("loop"));
    for (target, status) in [
        ("/files/in", 200),
        ("/files/dir/b", 200),
        ("/files/dir", 308),
        ("/files/dir/", 200),
        ("/files/loop", 404),
    ] {
        assert_eq!(
            request(&directory, Method::Get, target).send().status(),
            status,
            "{target}"
        );
    }
}

#[test]
fn a_304_has_the_fields_that_a_cache_needs() {
    let directory = alphabet();
    let tag = request(&directory, Method::Get, "/files/a.txt")
        .send()
        .field("etag")
        .unwrap();
    for method in [Method::Get, Method::Head] {
        let response = request(&directory, method, "/files/a.txt")
            .field("if-none-match", &tag)
            .field("range", "bytes=0-4")
            .send();
        assert_eq!(response.status(), 304);
        assert_eq!(response.field("etag"), Some(tag.clone()));
        assert_eq!(response.field("vary").as_deref(), Some("accept-encoding"));
        assert_eq!(response.field("content-type"), None);
        assert_eq!(response.0.content.length(), None);
    }
    let failed = request(&directory, Method::Get, "/files/a.txt")
        .field("if-match", "\"other\"")
        .field("range", "bytes=99-")
        .send();
    assert_eq!(failed.status(), 412);
    assert_eq!(
        request(&directory, Method::Get, "/files/nope")
            .field("if-none-match", "*")
            .send()
            .status(),
        404
    );
}

#[test]
fn ranges() {
    let directory = alphabet();
    for (method, range, status, content_range, text) in [
        (Method::Get, "bytes=0-4", 206, Some("bytes 0-4/26"), "abcde"),
        (
            Method::Get,
            "bytes=20-1000",
            206,
            Some("bytes 20-25/26"),
            "uvwxyz",
        ),
        (
            Method::Get,
            "bytes=-1000",
            206,
            Some("bytes 0-25/26"),
            "abcdefghijklmnopqrstuvwxyz",
        ),
        (Method::Get, "bytes=26-", 416, Some("bytes */26"), ""),
        (
            Method::Get,
            "lines=1-2",
            200,
            None,
            "abcdefghijklmnopqrstuvwxyz",
        ),
        (
            Method::Get,
            "bytes=5-2",
            200,
            None,
            "abcdefghijklmnopqrstuvwxyz",
        ),
        (Method::Head, "bytes=0-4", 200, None, ""),
    ] {
        let response = request(&directory, method, "/files/a.txt")
            .field("range", range)
            .send();
        assert_eq!(response.status(), status, "{range}");
        assert_eq!(response.field("content-range").as_deref(), content_range);
        if status != 416 {
            assert_eq!(response.text(), text);
        }
    }
    // A failed If-Range comes before a range that can't be satisfied.
    let response = request(&directory, Method::Get, "/files/a.txt")
        .field("range", "bytes=99-")
        .field("if-range", "\"other\"")
        .send();
    assert_eq!(response.status(), 200);
}

#[test]
fn several_ranges_are_multipart() {
    let response = request(&alphabet(), Method::Get, "/files/a.txt")
        .field("range", "bytes=0-1,24-25")
        .send();
    assert_eq!(response.status(), 206);
    assert_eq!(response.field("content-range"), None);
    let boundary = "000000000000abcd000000000000abcd";
    assert_eq!(
        response.field("content-type"),
        Some(format!("multipart/byteranges; boundary={boundary}"))
    );
    let part = |range, text| {
        format!(
            "--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes {range}/26\r\n\r\n{text}\r\n"
        )
    };
    let expected = format!(
        "{}{}--{boundary}--\r\n",
        part("0-1", "ab"),
        part("24-25", "yz")
    );
    assert_eq!(response.0.content.length(), Some(expected.len() as u64));
    assert_eq!(response.text(), expected);
}

#[test]
fn compressible_files_are_coded_while_they_are_sent() {
    let (large, small) = ("text ".repeat(50_000), "t".repeat(1023));
    let directory = Memory::with(&[("a.txt", &large), ("small.txt", &small), ("a.bin", &large)]);
    let get = |name: &str, accept: &str| {
        request(&directory, Method::Get, name).field("accept-encoding", accept)
    };
    let coded = get("/files/a.txt", "gzip").send();
    let plain = get("/files/a.txt", "gzip;q=0").send();
    assert_eq!(coded.field("content-encoding").as_deref(), Some("gzip"));
    assert_eq!(coded.field("vary").as_deref(), Some("accept-encoding"));
    assert_eq!(coded.field("accept-ranges"), None);
    assert_eq!(plain.field("vary").as_deref(), Some("accept-encoding"));
    assert_ne!(coded.field("etag"), plain.field("etag"));
    assert_eq!(coded.0.content.length(), None);

    let tag = coded.field("etag").unwrap();
    let not_modified = get("/files/a.txt", "gzip")
        .field("if-none-match", &tag)
        .send();
    assert_eq!(
        (not_modified.status(), not_modified.field("etag")),
        (304, Some(tag.clone()))
    );
    assert_eq!(
        get("/files/a.txt", "identity")
            .field("if-none-match", &tag)
            .send()
            .status(),
        200
    );
    assert_eq!(coded.gunzipped(), large);

    // Never together with a range: the parts are of the file itself.
    let part = get("/files/a.txt", "gzip")
        .field("range", "bytes=0-3")
        .send();
    assert_eq!((part.status(), part.field("content-encoding")), (206, None));
    assert_eq!(part.text(), "text");
    for (name, accept, status, coding) in [
        ("/files/small.txt", "gzip", 200, None),
        ("/files/a.bin", "gzip", 200, None),
        ("/files/a.bin", "gzip, identity;q=0", 200, Some("gzip")),
        ("/files/a.bin", "identity;q=0", 406, None),
        ("/files/a.txt", "*;q=0", 406, None),
    ] {
        let response = get(name, accept).send();
        assert_eq!(
            (
                response.status(),
                response.field("content-encoding").as_deref()
            ),
            (status, coding),
            "{name} {accept}"
        );
    }
}

#[test]
fn a_file_that_shrinks_while_it_is_coded_breaks_the_response_off() {
    let directory = Memory::with(&[("a.txt", &"text ".repeat(50_000))]);
    let response = request(&directory, Method::Get, "/files/a.txt")
        .field("accept-encoding", "gzip")
        .send();
    let Content::Chunks(mut chunks) = response.0.content else {
        panic!("not coded")
    };
    directory.truncate("a.txt", 100_000);
    assert!(chunks.any(|chunk| matches!(chunk, Err(Error::Other(_)))));
    assert!(chunks.next().is_none());
}

#[test]
fn precompressed_siblings() {
    let directory = Memory::with(&[
        ("a.txt", &"text ".repeat(1000)),
        ("a.txt.br", "br"),
        ("a.txt.gz", "gz"),
        ("b.png", "b"),
        ("b.png.zst", "zst"),
    ]);
    let settings = Settings {
        precompressed: true,
        ..Settings::default()
    };
    let get = |target: &str, accept| {
        Request {
            settings,
            ..request(&directory, Method::Get, target)
        }
        .field("accept-encoding", accept)
        .send()
    };
    for (target, accept, coding, text) in [
        ("/files/a.txt", "gzip, br", Some("br"), "br"),
        ("/files/a.txt", "gzip", Some("gzip"), "gz"),
        ("/files/a.txt", "gzip, br;q=0.5", Some("gzip"), "gz"),
        ("/files/b.png", "zstd, gzip", Some("zstd"), "zst"),
        ("/files/b.png", "gzip", None, "b"),
    ] {
        let response = get(target, accept);
        assert_eq!(
            response.field("content-encoding").as_deref(),
            coding,
            "{target} {accept}"
        );
        assert_eq!(
            response
                .field("content-type")
                .is_some_and(|it| it.starts_with("image/png")),
            target.ends_with("png")
        );
        assert_eq!(response.text(), text);
    }
    assert_ne!(
        get("/files/a.txt", "br").field("etag"),
        get("/files/a.txt", "gzip").field("etag")
    );
    // One that is older than the file is stale.
    directory.set_modified("a.txt", UNIX_EPOCH + MODIFIED + Duration::from_secs(1));
    assert_eq!(get("/files/a.txt", "br").field("content-encoding"), None);
    // Off unless asked for.
    let response = request(&directory, Method::Get, "/files/b.png")
        .field("accept-encoding", "zstd")
        .send();
    assert_eq!(response.field("content-encoding"), None);
}

#[test]
fn hidden_names_are_served_when_asked_for() {
    let settings = Settings {
        hidden: true,
        ..Settings::default()
    };
    let with = |method, target| {
        Request {
            settings,
            ..request(&alphabet(), method, target)
        }
        .send()
        .status()
    };
    assert_eq!(with(Method::Get, "/files/.hidden"), 200);
    assert_eq!(with(Method::Put, "/files/.hidden"), 204);
    assert_eq!(with(Method::Delete, "/files/.hidden"), 204);
    // Uploads under way are not.
    assert_eq!(with(Method::Get, "/files/.http-server-upload-1"), 404);
    assert_eq!(with(Method::Put, "/files/.http-server-upload-1"), 403);
}

#[test]
fn directories_redirect_to_their_slash() {
    for (target, location) in [
        ("/files", "/files/"),
        ("/files?a=b", "/files/?a=b"),
        ("/files/sub", "/files/sub/"),
        ("/files/sub?a", "/files/sub/?a"),
    ] {
        let response = request(&alphabet(), Method::Get, target).send();
        assert_eq!(
            (response.status(), response.field("location").as_deref()),
            (308, Some(location))
        );
    }
}

#[test]
fn an_index_is_served_when_asked_for() {
    let directory = Memory::with(&[
        ("index.html", "root"),
        ("sub/", ""),
        ("sub/index.html", "sub"),
        ("none/", ""),
    ]);
    let settings = Settings {
        index: true,
        ..Settings::default()
    };
    let get = |target| {
        Request {
            settings,
            ..request(&directory, Method::Get, target)
        }
        .send()
    };
    assert_eq!(get("/files/").text(), "root");
    assert_eq!(get("/files/sub/").text(), "sub");
    assert_eq!(get("/files/none/").text(), "[\n]\n");
    assert_ne!(
        request(&directory, Method::Get, "/files/").send().text(),
        "root"
    );
}

#[test]
fn listings() {
    let directory = Memory::with(&[
        ("b", "12"),
        ("z/", ""),
        ("z/inside", ""),
        ("<script>\"&'.txt", "x"),
        ("a b:c", ""),
        (".hidden", ""),
        (".http-server-upload-1", ""),
    ]);
    directory.fifo("fifo");
    directory.link_to("to-z", Some("z"));
    directory.link_to("out", None);

    let json = request(&directory, Method::Get, "/files/")
        .field("accept", "*/*")
        .send();
    assert_eq!(
        json.field("content-type").as_deref(),
        Some("application/json")
    );
    assert_eq!(json.field("vary").as_deref(), Some("accept"));
    let json: serde_json::Value = serde_json::from_slice(&json.bytes()).unwrap();
    let names: Vec<_> = json
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["to-z", "z", "<script>\"&'.txt", "a b:c", "b"]);
    assert_eq!(
        json[4],
        serde_json::json!({"name": "b", "type": "file", "size": 2, "modified": "2020-01-01T00:00:00Z"})
    );
    assert_eq!(
        json[1],
        serde_json::json!({"name": "z", "type": "directory", "modified": "2020-01-01T00:00:00Z"})
    );

    let html = request(&directory, Method::Get, "/files/")
        .field("accept", "text/html")
        .send();
    assert_eq!(
        html.field("content-type").as_deref(),
        Some("text/html; charset=utf-8")
    );
    assert!(html.field("content-security-policy").is_some());
    let html = html.text();
    assert!(!html.contains("<script"), "{html}");
    assert!(
        html.contains("<a href=\"./%3Cscript%3E%22%26%27.txt\">&lt;script&gt;"),
        "{html}"
    );
    assert!(
        html.contains("<a href=\"./a%20b%3Ac\">a b:c</a>")
            && html.contains("<a href=\"./z/\">z/</a>"),
        "{html}"
    );
    assert!(!html.contains("href=\"../\"") && html.ends_with("</html>\n"));
    let below = request(&directory, Method::Get, "/files/z/")
        .field("accept", "text/html")
        .send()
        .text();
    assert!(below.contains("href=\"../\"") && below.contains("<h1>/files/z/</h1>"));
}

#[test]
fn long_listings_come_in_chunks() {
    let names: Vec<_> = (0..2000).map(|index| format!("file-{index:04}")).collect();
    let files: Vec<_> = names.iter().map(|name| (name.as_str(), "")).collect();
    let response = request(&Memory::with(&files), Method::Get, "/files/").send();
    let Content::Chunks(chunks) = response.0.content else {
        panic!("not streamed")
    };
    let chunks: Vec<_> = chunks.map(Result::unwrap).collect();
    assert!(chunks.len() > 5 && chunks.iter().all(|chunk| chunk.len() < 20_000));
    let json: serde_json::Value = serde_json::from_slice(&chunks.concat()).unwrap();
    assert_eq!(json.as_array().map(Vec::len), Some(2000));
}

#[test]
fn uploads_are_published_whole() {
    for (method, target, status, name, location) in [
        (Method::Post, "/files/new", 201, "new", Some("/files/new")),
        (Method::Put, "/files/new", 201, "new", Some("/files/new")),
        (
            Method::Post,
            "/files/a.txt",
            201,
            "a.txt",
            Some("/files/a.txt"),
        ),
        (Method::Put, "/files/a.txt", 204, "a.txt", None),
        (
            Method::Put,
            "/files/x/y%20z/%E2%82%AC",
            201,
            "x/y z/€",
            Some("/files/x/y%20z/%E2%82%AC"),
        ),
        (
            Method::Put,
            "/files/sub/c",
            201,
            "sub/c",
            Some("/files/sub/c"),
        ),
    ] {
        let directory = alphabet();
        let response = request(&directory, method, target).send();
        assert_eq!(response.status(), status, "{method:?} {target}");
        assert_eq!(response.field("location").as_deref(), location);
        assert_eq!(directory.content(name).as_deref(), Some("content"));
        let current = request(&directory, Method::Get, target)
            .send()
            .field("etag");
        assert!(current.is_some() && response.field("etag") == current);
        assert!(
            directory
                .names()
                .iter()
                .all(|name| !name.contains(".http-server-upload-"))
        );
    }
}

#[test]
fn what_fails_leaves_nothing_behind() {
    let cases = [
        (Interrupted::CutShort, 400),
        (Interrupted::TooSlow, 408),
        (Interrupted::TooLarge, 413),
        (Interrupted::Storage(Error::NoSpace), 507),
        (Interrupted::Storage(Error::TooLarge), 413),
        (Interrupted::Storage(Error::Other("broken".to_owned())), 500),
    ];
    for (interrupted, status) in cases {
        for target in ["/files/a.txt", "/files/new", "/files/x/y/new"] {
            let directory = alphabet();
            let names = directory.names();
            let response = Request {
                content: Err(interrupted.clone()),
                ..request(&directory, Method::Put, target)
            }
            .send();
            assert_eq!(response.status(), status, "{interrupted:?}");
            assert_eq!(directory.names(), names);
            assert_eq!(
                directory.content("a.txt").as_deref(),
                Some("abcdefghijklmnopqrstuvwxyz")
            );
        }
    }
}

#[test]
fn an_upload_that_fails_takes_no_directory_from_another() {
    let directory = Memory::with(&[("x/", ""), ("x/y/", "")]);
    let other = directory.clone();
    let remove = move || {
        // There is something in them by the second time.
        let _ = other.remove_directory("x/y");
        let _ = other.remove_directory("x");
    };
    let once = std::cell::Cell::new(Some(remove));
    let response = Request {
        before: Box::new(move || once.take().into_iter().for_each(|remove| remove())),
        ..request(&directory, Method::Put, "/files/x/y/new")
    }
    .send();
    assert_eq!(response.status(), 201);
    assert_eq!(directory.content("x/y/new").as_deref(), Some("content"));
}

#[test]
fn a_link_that_leads_nowhere_is_no_directory() {
    let directory = Memory::with(&[]);
    directory.link_to("x", Some("nope"));
    let response = request(&directory, Method::Put, "/files/x/new").send();
    assert_eq!(
        (response.status(), directory.names()),
        (409, vec!["x".to_owned()])
    );
}

#[test]
fn uploads_that_are_refused_before_their_content_is_asked_for() {
    for (name, value, status) in [
        ("content-range", "bytes 0-4/10", 400),
        ("content-encoding", "gzip", 415),
        ("content-encoding", "identity, gzip", 415),
        ("if-none-match", "*", 412),
        ("if-match", "\"other\"", 412),
        ("if-unmodified-since", "Sun, 06 Nov 1994 08:49:37 GMT", 412),
    ] {
        let directory = alphabet();
        let unread = || panic!("the content was asked for");
        let request = Request {
            meanwhile: Box::new(unread),
            ..request(&directory, Method::Put, "/files/a.txt")
        };
        assert_eq!(
            request.field(name, value).send().status(),
            status,
            "{name}: {value}"
        );
    }
    let identity = request(&alphabet(), Method::Put, "/files/a.txt")
        .field("content-encoding", "identity")
        .send();
    assert_eq!(identity.status(), 204);
}

#[test]
fn conditional_uploads() {
    let directory = alphabet();
    let tag = request(&directory, Method::Get, "/files/a.txt")
        .send()
        .field("etag")
        .unwrap();
    let replaced = request(&directory, Method::Put, "/files/a.txt")
        .field("if-match", &tag)
        .send();
    assert_eq!(replaced.status(), 204);
    // Now it is another version.
    assert_eq!(
        request(&directory, Method::Put, "/files/a.txt")
            .field("if-match", &tag)
            .send()
            .status(),
        412
    );
    assert_eq!(
        request(&directory, Method::Put, "/files/new")
            .field("if-match", "*")
            .send()
            .status(),
        412
    );
    assert_eq!(
        request(&directory, Method::Put, "/files/new")
            .field("if-none-match", "*")
            .send()
            .status(),
        201
    );
    assert!(
        directory
            .names()
            .iter()
            .all(|name| !name.contains(".http-server-upload-"))
    );
}

#[test]
fn a_faster_client_wins() {
    for (name, value) in [("if-none-match", "*"), ("if-match", "the tag")] {
        let directory = alphabet();
        let target = if name == "if-match" {
            "/files/a.txt"
        } else {
            "/files/new"
        };
        let tag = request(&directory, Method::Get, "/files/a.txt")
            .send()
            .field("etag")
            .unwrap();
        let other = directory.clone();
        let meanwhile = move || {
            let fast = Request {
                random: 1,
                ..request(&other, Method::Put, target)
            };
            assert!(fast.send().status() < 300);
        };
        let slow = Request {
            content: Ok("slow"),
            meanwhile: Box::new(meanwhile),
            ..request(&directory, Method::Put, target)
        };
        assert_eq!(
            slow.field(name, if value == "*" { "*" } else { &tag })
                .send()
                .status(),
            412,
            "{name}"
        );
        assert_eq!(
            directory
                .content(target.strip_prefix("/files/").unwrap())
                .as_deref(),
            Some("content")
        );
    }
}

#[test]
fn a_read_only_directory_is_not_written_to() {
    let directory = alphabet();
    directory.set_read_only();
    for (method, target) in [
        (Method::Put, "/files/a.txt"),
        (Method::Post, "/files/new"),
        (Method::Put, "/files/x/new"),
        (Method::Delete, "/files/a.txt"),
    ] {
        assert_eq!(
            request(&directory, method, target).send().status(),
            403,
            "{method:?} {target}"
        );
    }
    assert_eq!(
        request(&directory, Method::Get, "/files/a.txt")
            .send()
            .status(),
        200
    );
}

#[test]
fn an_upload_replaces_a_link_not_what_it_leads_to() {
    let directory = alphabet();
    directory.link_to("in", Some("a.txt"));
    assert_eq!(
        request(&directory, Method::Put, "/files/in")
            .send()
            .status(),
        204
    );
    assert_eq!(directory.content("in").as_deref(), Some("content"));
    assert_eq!(
        directory.content("a.txt").as_deref(),
        Some("abcdefghijklmnopqrstuvwxyz")
    );
}

#[test]
fn abandoned_uploads_are_swept() {
    let directory = alphabet();
    let young = UNIX_EPOCH + MODIFIED + Duration::from_secs(90 * 60);
    for (name, is_old) in [
        (".http-server-upload-old", true),
        (".http-server-upload-young", false),
        ("sub/.http-server-upload-old", true),
    ] {
        directory.add(name);
        if !is_old {
            directory.set_modified(name, young);
        }
    }
    assert_eq!(
        request(&directory, Method::Put, "/files/new")
            .send()
            .status(),
        201
    );
    let names = directory.names();
    assert!(!names.iter().any(|name| name == ".http-server-upload-old"));
    assert!(names.iter().any(|name| name == ".http-server-upload-young"));
    assert!(
        names
            .iter()
            .any(|name| name == "sub/.http-server-upload-old"),
        "another directory is left alone"
    );
}

#[test]
fn deletion() {
    let directory = alphabet();
    directory.link_to("in", Some("a.txt"));
    directory.link_to("dir", Some("sub"));
    let delete = |target: &str| request(&directory, Method::Delete, target);
    assert_eq!(delete("/files/in").send().status(), 204);
    assert_eq!(delete("/files/dir").send().status(), 204);
    assert!(directory.content("a.txt").is_some() && directory.content("sub/b").is_some());
    assert_eq!(
        delete("/files/a.txt")
            .field("if-match", "\"other\"")
            .send()
            .status(),
        412
    );
    assert_eq!(
        delete("/files/sub/b")
            .field("if-match", "*")
            .send()
            .status(),
        204
    );
    assert_eq!(
        delete("/files/sub")
            .field("if-match", "\"other\"")
            .send()
            .status(),
        412
    );
    assert_eq!(delete("/files/sub/").send().status(), 204);
    assert_eq!(delete("/files/a.txt").send().status(), 204);
    assert_eq!(delete("/files/a.txt").send().status(), 404);
    assert_eq!(directory.names(), [".hidden", "empty.txt"]);
}

#[test]
fn a_file_is_opened_only_to_be_described() {
    let directory = alphabet();
    request(&directory, Method::Get, "/files/nope").send();
    request(&directory, Method::Put, "/files/a.txt").send();
    assert_eq!(directory.opened(), 0);
}

/// The file by which another takes its turn to change `a.txt`.
fn turn(directory: &Memory) -> String {
    let seen = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let (other, names) = (directory.clone(), std::rc::Rc::clone(&seen));
    // The time is asked for while it is the request's turn.
    let watched = Request {
        now: Box::new(move || names.borrow_mut().extend(other.names())),
        ..request(directory, Method::Delete, "/files/a.txt")
    };
    assert_eq!(watched.field("if-match", "\"other\"").send().status(), 412);
    let names = seen.borrow();
    let name = names.iter().find(|name| name.contains("-turn-"));
    name.expect("it took no turn").clone()
}

#[test]
fn who_acts_on_a_condition_waits_for_its_turn() {
    for method in [Method::Put, Method::Delete] {
        let directory = alphabet();
        let turn = turn(&directory);
        assert!(!directory.names().contains(&turn), "it was given back");
        directory.add(&turn);
        directory.set_modified(&turn, request(&directory, method, "").now());
        let (other, paused) = (directory.clone(), std::rc::Rc::new(std::cell::Cell::new(0)));
        let pauses = std::rc::Rc::clone(&paused);
        let waiting = Request {
            pause: Box::new(move || {
                pauses.set(pauses.get() + 1);
                if pauses.get() == 3 {
                    other.remove_file(&turn).unwrap();
                }
            }),
            ..request(&directory, method, "/files/a.txt")
        };
        assert_eq!(waiting.field("if-match", "*").send().status(), 204);
        assert_eq!(paused.get(), 3);
        assert!(
            directory
                .names()
                .iter()
                .all(|name| !name.contains("-turn-"))
        );
    }
}

#[test]
fn the_turn_of_who_was_killed_is_over_in_ten_seconds() {
    let directory = alphabet();
    let turn = turn(&directory);
    directory.add(&turn);
    let now = request(&directory, Method::Put, "").now();
    directory.set_modified(&turn, now - Duration::from_secs(11));
    let put = request(&directory, Method::Put, "/files/a.txt").field("if-match", "*");
    assert_eq!(put.send().status(), 204);
    assert!(
        directory
            .names()
            .iter()
            .all(|name| !name.contains("-turn-"))
    );
}

/// A file that is coded on the fly, and its tags: of itself, and coded.
fn coded_on_the_fly() -> (Memory, String, String) {
    let directory = Memory::with(&[("a.txt", &"text ".repeat(1000))]);
    let tag = |accept: &str| {
        let get = request(&directory, Method::Get, "/files/a.txt").field("accept-encoding", accept);
        get.send().field("etag").unwrap()
    };
    let tags = (tag("identity"), tag("gzip"));
    assert_ne!(tags.0, tags.1);
    (directory, tags.0, tags.1)
}

/// RFC 9110 13.1.1: who read a file compressed may replace it.
#[test]
fn the_tag_of_a_coded_file_is_good_to_write() {
    for method in [Method::Put, Method::Delete] {
        let (directory, _, coded) = coded_on_the_fly();
        let send = |name, value: &str| {
            let request = request(&directory, method, "/files/a.txt").field(name, value);
            request.send().status()
        };
        assert_eq!(send("if-match", "\"other-gzip\""), 412);
        assert_eq!(send("if-none-match", &coded), 412);
        assert_eq!(send("if-match", &coded), 204);
    }
}

/// RFC 9110 14.2: Range is evaluated after the preconditions, and does not change what they are of.
#[test]
fn preconditions_are_of_what_would_come_without_a_range() {
    let (directory, plain, coded) = coded_on_the_fly();
    let get = |name, value: &str| {
        request(&directory, Method::Get, "/files/a.txt")
            .field("accept-encoding", "gzip")
            .field("range", "bytes=0-3")
            .field(name, value)
            .send()
    };
    assert_eq!(get("if-none-match", &coded).status(), 304);
    assert_eq!(get("if-match", &plain).status(), 412);
    let part = get("if-match", &coded);
    assert_eq!((part.status(), part.field("content-encoding")), (206, None));
    // The part is of the file itself, and so is the tag that asks for it.
    assert_eq!(part.field("etag").as_ref(), Some(&plain));
    assert_eq!(part.text(), "text");
    assert_eq!(get("if-range", &plain).status(), 206);
    let whole = get("if-range", &coded);
    assert_eq!((whole.status(), whole.field("etag")), (200, Some(coded)));
}

/// A precompressed file is a representation like any other: its ranges are its own.
#[test]
fn a_range_of_a_precompressed_file_is_of_that() {
    let directory = Memory::with(&[
        ("a.txt", "a text that is longer"),
        ("a.txt.gz", "0123456789"),
    ]);
    let get = |name, value: &str| {
        let settings = Settings {
            precompressed: true,
            ..Settings::default()
        };
        let request = Request {
            settings,
            ..request(&directory, Method::Get, "/files/a.txt")
        };
        request
            .field("accept-encoding", "gzip")
            .field("range", "bytes=2-4")
            .field(name, value)
            .send()
    };
    let part = get("x", "");
    let tag = part.field("etag").unwrap();
    assert_eq!(part.field("content-encoding").as_deref(), Some("gzip"));
    assert_eq!(part.field("content-range").as_deref(), Some("bytes 2-4/10"));
    assert_eq!(part.text(), "234");
    assert_eq!(get("if-range", &tag).status(), 206);
}

/// RFC 9110 9.3.4: whether a name was new is known when the content has come.
#[test]
fn what_another_stored_meanwhile_is_replaced() {
    let directory = alphabet();
    let other = directory.clone();
    let slow = Request {
        meanwhile: Box::new(move || other.add("new")),
        ..request(&directory, Method::Put, "/files/new")
    };
    assert_eq!(slow.send().status(), 204);
}
