//! GET of `/files/{path}`.

use super::*;
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index % 251) as u8).collect()
}

/// More than sockets buffer.
const LARGE: usize = 30_000_000;

/// Content that no coding makes shorter.
fn random(length: usize) -> Vec<u8> {
    let next = |state: &u64| {
        let state = state ^ (state << 13);
        let state = state ^ (state >> 7);
        Some(state ^ (state << 17))
    };
    let numbers = std::iter::successors(Some(1_u64), next);
    numbers.flat_map(u64::to_be_bytes).take(length).collect()
}

on_both_hosts! {
    fn a_file_comes_with_its_fields(server, alphabet) {
        let response = server.get("/files/a.txt?x=../y").send();
        assert_eq!((response.status, response.text()), (200, ALPHABET));
        for (name, value) in [
            ("content-length", "26"),
            ("content-type", "text/plain; charset=utf-8"),
            ("accept-ranges", "bytes"),
            ("x-content-type-options", "nosniff"),
            ("vary", "accept-encoding"),
        ] {
            assert_eq!(response.field(name), Some(value));
        }
        for name in ["etag", "last-modified", "date"] {
            assert!(response.field(name).is_some(), "{name}");
        }
    }

    /// The lengths around what one read, one write and one splice move.
    fn files_of_every_length_come_whole(server, |setup| {
        [0, 1, 4095, 4096, 65_535, 65_536, 65_537, 1_048_577, 5_000_000]
            .into_iter()
            .fold(setup, |setup, length| setup.file(&length.to_string(), content(length)))
    }) {
        for name in server.names() {
            let length: usize = name.parse().unwrap();
            let response = server.get(&format!("/files/{name}")).send();
            assert_eq!((response.status, response.field("content-length")), (200, Some(name.as_str())));
            assert!(response.content == content(length), "{name}");
            assert_eq!(response.field("content-type"), Some("application/octet-stream"));
        }
    }

    fn names_are_decoded_once(server, |setup| {
        ["sp ace", "a+b", "semi;colon", "€", "100%", "%2e", "sub/deep/c"].into_iter().fold(setup, |setup, name| setup.file(name, name))
    }) {
        for (target, name) in [
            ("sp%20ace", "sp ace"), ("a+b", "a+b"), ("semi;colon", "semi;colon"), ("%E2%82%AC", "€"),
            ("100%25", "100%"), ("%252e", "%2e"), ("sub/deep/c", "sub/deep/c"), ("sub/%64eep/c", "sub/deep/c"),
        ] {
            let response = server.get(&format!("/files/{target}")).send();
            assert_eq!((response.status, response.text()), (200, name), "{target}");
        }
    }

    /// http.md, the path: what is 400, to read and to write.
    fn malformed_paths_are_400(server, alphabet) {
        for path in [
            "%", "a%4", "%zz", "a%00", "a%0Ab", "%7F", "%1B", "%C2%85", "a%2Fb", "sub%2fb", "a%5Cb", ".", "..", "x/./y", "x/../y", "%2e", "%2E%2e/x",
            "/", "/a.txt", "x//y", "a.txt//", "%FF", "%C3", "%c0%af", "%ED%A0%80",
        ] {
            for method in ["GET", "HEAD", "PUT", "POST", "DELETE"] {
                let request = server.request(method, &format!("/files/{path}"));
                let request = if method.starts_with('P') { request.content("x") } else { request };
                let response = request.send();
                assert_eq!((response.status, response.field("content-type")), (400, Some("text/plain")), "{method} {path}");
            }
        }
        assert_eq!(server.names(), ["a.txt"]);
    }

    /// http.md, the path: 255 bytes, not characters.
    fn a_name_can_be_255_bytes_long(server, bare) {
        let (longest, too_long) = ("%C3%A9".repeat(127) + "x", "%C3%A9".repeat(128));
        for (method, name, status) in [
            ("PUT", &longest, 201), ("GET", &longest, 200), ("DELETE", &longest, 204),
            ("PUT", &too_long, 400), ("POST", &too_long, 400), ("GET", &too_long, 404), ("HEAD", &too_long, 404), ("DELETE", &too_long, 400),
        ] {
            let request = server.request(method, &format!("/files/{name}"));
            let request = if method.starts_with('P') { request.content("x") } else { request };
            assert_eq!(request.send().status, status, "{method} {}", name.len());
        }
    }

    /// http.md, Reading: never padded or quietly short. Removed, the file can still be read.
    fn a_file_that_shrinks_while_it_is_sent_breaks_the_response_off(server, |setup| {
        setup.file("shrinks", vec![1; LARGE]).file("shrinks.txt", random(LARGE)).file("vanishes", vec![1; LARGE])
    }) {
        let begin = |name: &str| {
            let mut connection = server.connect();
            connection.send(format!("GET /files/{name} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n")).unwrap();
            let head = connection.head().unwrap();
            assert_eq!(head.status, 200);
            (head, connection)
        };
        let (mut plain, mut coded, mut vanishes) = (begin("shrinks"), begin("shrinks.txt"), begin("vanishes"));
        for name in ["shrinks", "shrinks.txt"] {
            std::fs::File::options().write(true).open(server.path().join(name)).unwrap().set_len(10).unwrap();
        }
        std::fs::remove_file(server.path().join("vanishes")).unwrap();
        assert!(plain.1.receive_to_end().len() < LARGE);
        assert_eq!(coded.0.field("transfer-encoding"), Some("chunked"));
        assert!(!coded.1.receive_to_end().ends_with(b"\r\n0\r\n\r\n"));
        assert_eq!(vanishes.1.receive_to_end().len(), LARGE);
    }

    fn what_is_not_there_is_404(server, alphabet) {
        for target in ["nope", "A.TXT", "a.txt/", "a.txt/b", "nope/b", &"n".repeat(300), &"n/".repeat(100)] {
            let response = server.get(&format!("/files/{target}")).send();
            assert_eq!((response.status, response.field("content-type")), (404, Some("text/plain")), "{target}");
        }
    }

    fn hidden_names_are_404(server, |setup| setup.file(".hidden", "h").file(".git/config", "c").file(".http-server-upload-1", "u")) {
        for target in [".hidden", ".git/config", ".git/", ".git", ".http-server-upload-1"] {
            assert_eq!(server.get(&format!("/files/{target}")).send().status, 404, "{target}");
        }
    }

    fn hidden_names_are_served_when_asked_for(server, |setup| setup.file(".hidden", "h").variable("FILES_HIDDEN", "1")) {
        assert_eq!(server.get("/files/.hidden").send().text(), "h");
    }

    fn an_index_is_served_when_asked_for(server, |setup| setup.file("index.html", "<p>root").file("sub/index.html", "<p>sub").variable("FILES_INDEX", "1")) {
        for (target, text) in [("/files/", "<p>root"), ("/files/sub/", "<p>sub")] {
            let response = server.get(target).send();
            assert_eq!((response.text(), response.field("content-type")), (text, Some("text/html; charset=utf-8")));
        }
    }

    fn a_directory_redirects_to_its_slash(server, |setup| setup.file("sub/a", "")) {
        for (target, location) in [("/files", "/files/"), ("/files/sub", "/files/sub/"), ("/files/sub?a=b", "/files/sub/?a=b")] {
            let response = server.get(target).send();
            assert_eq!((response.status, response.field("location")), (308, Some(location)), "{target}");
        }
    }

    fn links_inside_the_directory_work(server, |setup| {
        let setup = setup.file("a.txt", ALPHABET).file("sub/b", "b");
        symlink("a.txt", setup.path().join("link")).unwrap();
        symlink("sub", setup.path().join("dir")).unwrap();
        symlink("../a.txt", setup.path().join("sub/up")).unwrap();
        setup
    }) {
        for target in ["/files/link", "/files/sub/up", "/files/dir/up"] {
            assert_eq!(server.get(target).send().text(), ALPHABET, "{target}");
        }
        assert_eq!(server.get("/files/dir/b").send().text(), "b");
        assert_eq!(server.get("/files/dir").send().status, 308);
    }

    /// RFC 9110 8.8.2.1: an origin server must not send a Last-Modified later than its Date.
    fn last_modified_is_never_in_the_future(server, alphabet) {
        let file = std::fs::File::options().write(true).open(server.path().join("a.txt")).unwrap();
        file.set_modified(SystemTime::now() + Duration::from_secs(1_000_000)).unwrap();
        let response = server.get("/files/a.txt").send();
        assert_eq!(response.field("last-modified"), response.field("date"));
    }

    /// Neither format of dates has room for it.
    fn a_time_after_the_year_9999_does_no_harm(server, alphabet) {
        let year_12000 = SystemTime::UNIX_EPOCH + Duration::from_secs(316_516_118_400);
        let file = std::fs::File::options().write(true).open(server.path().join("a.txt")).unwrap();
        // Not every file system has room for it either.
        if file.set_modified(year_12000).is_ok() {
            assert_eq!(server.get("/files/a.txt").send().text(), ALPHABET);
            assert_eq!(server.get("/files/").send().status, 200);
        }
    }

    fn without_a_directory_file_routes_say_how_to_get_one(server, Setup::unmapped) {
        for (method, target) in [("GET", "/files/a"), ("GET", "/files/"), ("PUT", "/files/a"), ("DELETE", "/files/a")] {
            let response = server.request(method, target).send();
            assert_eq!(response.status, 404, "{method} {target}");
            assert!(response.text().contains("--directory DIR"));
        }
        assert_eq!(server.get("/echo/abc").send().text(), "abc");
    }
}

/// What is in memory is read without asking whether it is there.
#[test]
fn files_in_memory_come_whole() {
    let lengths = [1, 1000, 65_536, 65_537, 3_000_000];
    let name = |length: usize| format!("{length}.bin");
    let setup = lengths.iter().fold(Setup::in_memory(), |setup, &length| {
        setup.file(&name(length), content(length))
    });
    let server = setup.start();
    for length in lengths {
        let target = format!("/files/{}", name(length));
        let whole = server.get(&target).send();
        assert_eq!((whole.status, whole.content), (200, content(length)));
        let last = server.get(&target).field("range", "bytes=-1").send();
        assert_eq!(last.status, 206, "{target}");
        assert_eq!(last.content, content(length)[length - 1..], "{target}");
    }
}
