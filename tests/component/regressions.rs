//! What servers of this kind got wrong, each named for it.

use super::*;
use std::os::unix::fs::symlink;

/// Text that is compressible, and long enough to be compressed.
fn compressible(setup: Setup) -> Setup {
    setup.file("a.txt", ALPHABET.repeat(100))
}

on_both_hosts! {
    /// RFC 9110 14.1.2: it is the rest of the file.
    fn range_end_past_the_end_of_file_answered_416(server, alphabet) {
        let response = server.get("/files/a.txt").field("Range", "bytes=20-1000").send();
        assert_eq!((response.status, response.text()), (206, "uvwxyz"));
        assert_eq!(response.field("content-range"), Some("bytes 20-25/26"));
    }

    /// RFC 9110 14.2: Range is defined for GET only.
    fn range_honoured_on_head(server, alphabet) {
        let response = server.request("HEAD", "/files/a.txt").field("Range", "bytes=0-4").send();
        assert_eq!((response.status, response.field("content-length")), (200, Some("26")));
        assert_eq!(response.field("content-range"), None);
    }

    /// RFC 9110 14.2: it must be ignored.
    fn unknown_range_unit_answered_416(server, alphabet) {
        let response = server.get("/files/a.txt").field("Range", "lines=100-200").send();
        assert_eq!((response.status, response.text()), (200, ALPHABET));
    }

    /// RFC 9110 13.1.3: it must be ignored beside If-None-Match.
    fn if_modified_since_beating_if_none_match(server, alphabet) {
        let current = server.get("/files/a.txt").send();
        let conditional = |tag: &str, date: &str| {
            server.get("/files/a.txt").field("If-Modified-Since", date).field("If-None-Match", tag).send().status
        };
        assert_eq!(conditional("\"other\"", current.field("last-modified").unwrap()), 200);
        assert_eq!(conditional(current.field("etag").unwrap(), "Sun, 06 Nov 1994 08:49:37 GMT"), 304);
    }

    /// RFC 9110 14: a range is of the representation that has the entity tag, byte for byte.
    fn a_206_compressed_after_the_fact(server, compressible) {
        let whole = server.get("/files/a.txt").send();
        let part = server.get("/files/a.txt").field("Accept-Encoding", "gzip").field("Range", "bytes=0-1999").send();
        assert_eq!((part.status, part.field("content-encoding"), part.field("content-length")), (206, None, Some("2000")));
        assert!(part.content == whole.content[..2000]);
        assert_eq!((part.field("etag"), part.field("vary")), (whole.field("etag"), Some("accept-encoding")));
    }

    /// RFC 9110 15.4.5
    fn a_304_without_vary(server, compressible) {
        for coding in ["gzip", "identity"] {
            let request = || server.get("/files/a.txt").field("Accept-Encoding", coding);
            let whole = request().send();
            let not_modified = request().field("If-None-Match", whole.field("etag").unwrap()).send();
            assert_eq!((not_modified.status, not_modified.field("vary")), (304, Some("accept-encoding")), "{coding}");
            assert_eq!(not_modified.field("etag"), whole.field("etag"));
        }
    }

    /// RFC 9110 8.8.3
    fn etag_unquoted(server, compressible) {
        for coding in ["gzip", "identity"] {
            let response = server.get("/files/a.txt").field("Accept-Encoding", coding).send();
            let opaque = response.field("etag").and_then(|tag| tag.strip_prefix('"')?.strip_suffix('"'));
            assert!(opaque.is_some_and(|it| !it.is_empty() && !it.contains('"')), "{coding}");
        }
        let stored = server.request("PUT", "/files/new").content("x").send();
        assert!(stored.field("etag").is_some_and(|tag| tag.starts_with('"') && tag.ends_with('"')));
    }

    /// RFC 9110 8.8.3.3
    fn same_etag_for_two_encodings(server, |setup| {
        compressible(setup).file("a.txt.br", "brotli").variable("FILES_PRECOMPRESSED", "1")
    }) {
        let tags: std::collections::BTreeSet<_> = ["identity", "gzip", "br"]
            .map(|coding| {
                let response = server.get("/files/a.txt").field("Accept-Encoding", coding).send();
                assert_eq!(response.field("content-encoding").unwrap_or("identity"), coding);
                response.field("etag").unwrap().to_owned()
            })
            .into();
        assert_eq!(tags.len(), 3);
    }

    /// RFC 9110 14.5
    fn put_with_content_range_storing_the_part_as_the_whole(server, alphabet) {
        for target in ["/files/a.txt", "/files/new"] {
            let response = server.request("PUT", target).field("Content-Range", "bytes 0-4/26").content("ABCDE").send();
            assert_eq!(response.status, 400, "{target}");
        }
        assert_eq!(server.names(), ["a.txt"]);
        assert_eq!(server.read("a.txt").as_deref(), Some(ALPHABET.as_bytes()));
    }

    /// http.md, Writing: missing parent directories are made.
    fn upload_into_a_new_folder_refused(server, bare) {
        for (method, target) in [("PUT", "/files/x/a"), ("POST", "/files/y/z/b")] {
            assert_eq!(server.request(method, target).content("deep").send().status, 201, "{method}");
            assert_eq!(server.get(target).send().text(), "deep");
        }
    }

    /// http.md, Writing: the target is untouched and the temporary file is gone.
    fn aborted_upload_published(server, alphabet) {
        for target in ["/files/a.txt", "/files/new", "/files/x/new"] {
            let mut upload = server.connect();
            upload.send(format!("PUT {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n")).unwrap();
            assert_eq!(upload.head().unwrap().status, 100);
            assert_ne!(server.names(), ["a.txt"], "the upload is under way");
            upload.send("01234").unwrap();
            drop(upload);
            tests::eventually(|| server.names() == ["a.txt"]);
            assert_eq!(server.read("a.txt").as_deref(), Some(ALPHABET.as_bytes()));
        }
    }

    /// http.md, Writing: a reader sees the old file or the new one, whole.
    fn truncate_in_place_while_another_client_reads(server, |setup| setup.file("large", vec![b'1'; LARGE])) {
        let mut reader = server.connect();
        reader.send("GET /files/large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        assert_eq!(reader.head().unwrap().status, 200);
        assert_eq!(server.request("PUT", "/files/large").content("2").send().status, 204);
        let content = reader.receive_to_end();
        assert!(content.len() == LARGE && content.iter().all(|&byte| byte == b'1'), "{}", content.len());
    }

    /// http.md, the path: symbolic links that don't stay inside are refused.
    fn overwriting_through_a_symbolic_link_that_leaves_the_directory(server, |setup| {
        let outside = setup.path().with_extension("outside");
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("file"), ALPHABET).unwrap();
        symlink(outside.join("file"), setup.path().join("file")).unwrap();
        symlink(outside.join("new"), setup.path().join("dangling")).unwrap();
        symlink(&outside, setup.path().join("folder")).unwrap();
        setup
    }) {
        let outside = server.path().with_extension("outside");
        let names = server.names();
        for target in ["file", "dangling", "folder", "folder/file", "folder/new", "folder/x/new"] {
            for method in ["PUT", "POST", "DELETE"] {
                let status = server.request(method, &format!("/files/{target}")).content("x").send().status;
                assert!(matches!(status, 403 | 404 | 409), "{method} {target}: {status}");
            }
        }
        assert_eq!(server.names(), names);
        assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 1);
        assert_eq!(std::fs::read_to_string(outside.join("file")).unwrap(), ALPHABET);
        std::fs::remove_dir_all(outside).unwrap();
    }

    /// http.md, the path: a dot segment is 400, in whatever way it is written.
    fn dot_dot_dropped_and_something_else_served(server, |setup| setup.file("a.txt", ALPHABET).file("sub/b", "b")) {
        for target in ["../a.txt", "sub/../a.txt", "./a.txt", "%2e%2e/a.txt", ".%2E/a.txt", "sub/..", "sub/../", "nope/../a.txt", "..%2fa.txt"] {
            for method in ["GET", "HEAD", "PUT", "POST", "DELETE"] {
                let request = server.request(method, &format!("/files/{target}"));
                let request = if method.starts_with('P') { request.content("x") } else { request };
                assert_eq!(request.send().status, 400, "{method} {target}");
            }
        }
        assert_eq!(server.read("a.txt").as_deref(), Some(ALPHABET.as_bytes()));
    }

    /// http.md, the path: a FIFO, socket or device is 404 and is never opened.
    fn fifo_in_the_directory_hanging_the_server(server, |setup| {
        rustix::fs::mkfifoat(rustix::fs::CWD, setup.path().join("fifo"), rustix::fs::Mode::RWXU).unwrap();
        std::os::unix::net::UnixListener::bind(setup.path().join("socket")).unwrap();
        symlink("fifo", setup.path().join("link")).unwrap();
        alphabet(setup)
    }) {
        for name in ["fifo", "socket", "link"] {
            for (method, status) in [("GET", 404), ("HEAD", 404), ("DELETE", 404), ("PUT", 409), ("POST", 409)] {
                let request = server.request(method, &format!("/files/{name}"));
                let request = if method.starts_with('P') { request.content("x") } else { request };
                assert_eq!(request.send().status, status, "{method} {name}");
            }
        }
        let listing = server.get("/files/").send();
        assert!(listing.text().contains("a.txt") && !listing.text().contains("fifo") && !listing.text().contains("socket"));
        assert_eq!(server.names(), ["a.txt", "fifo", "link", "socket"]);
    }

    /// http.md, Reading: several ranges are streamed. No 32-bit component can hold these.
    fn multi_range_held_in_memory(server, |setup| {
        std::fs::File::create(setup.path().join("huge")).unwrap().set_len(12_000_000_000).unwrap();
        setup
    }) {
        let mut connection = server.connect();
        connection.send("GET /files/huge HTTP/1.1\r\nHost: x\r\nRange: bytes=0-4999999999,6000000000-11999999999\r\n\r\n").unwrap();
        let head = connection.head().unwrap();
        assert_eq!(head.status, 206);
        let length: u64 = head.field("content-length").unwrap().parse().unwrap();
        assert!((11_000_000_000..11_000_001_000).contains(&length), "{length}");
        assert!(connection.receive_some(10_000_000).unwrap().ends_with(&[0; 9_000_000]));
    }

    /// http.md, Reading: HTML escapes names.
    fn a_listing_with_a_script_in_a_file_name(server, |setup| NASTY.into_iter().fold(setup, |setup, name| setup.file(name, name))) {
        let page = server.get("/files/").field("Accept", "text/html").send();
        assert_eq!(page.text().matches('<').count(), page.text().matches('>').count());
        for markup in ["<script", "<img", "<b>", "onclick=\"", "onclick='", "href=\"javascript:"] {
            assert!(!page.text().contains(markup), "{markup}: {}", page.text());
        }
        assert_eq!(page.field("x-content-type-options"), Some("nosniff"));
        assert!(page.field("content-security-policy").unwrap().starts_with("default-src 'none'"));
        let links: Vec<_> = page.text().split("<a href=\"").skip(1).map(|link| link.split('"').next().unwrap()).collect();
        assert_eq!(links.len(), NASTY.len());
        let mut served: Vec<_> = links
            .iter()
            .map(|link| server.get(&format!("/files/{}", link.strip_prefix("./").unwrap())).send().text().to_owned())
            .collect();
        served.sort();
        assert_eq!(served, server.names(), "each link leads to its file");
    }

    /// http.md, Routes: every answer that reflects what a client sent carries nosniff.
    fn echo_sniffed_as_html(server, bare) {
        let script = "<script>alert(1)</script>";
        let text = server.get("/echo/%3Cscript%3Ealert(1)%3C/script%3E").send();
        let agent = server.get("/user-agent").field("User-Agent", script).send();
        let content = server.request("POST", "/echo").field("Content-Type", "text/html").content(script).send();
        for (response, media_type) in [(text, "text/plain"), (agent, "text/plain"), (content, "application/octet-stream")] {
            assert_eq!((response.status, response.text()), (200, script));
            assert_eq!(response.field("content-type"), Some(media_type));
            assert_eq!(response.field("x-content-type-options"), Some("nosniff"));
        }
    }
}

/// More than sockets buffer.
const LARGE: usize = 30_000_000;

/// Names that are markup, or would be a scheme in a link.
const NASTY: [&str; 7] = [
    "<img src=x onerror=alert(1)>",
    "\" onclick=\"alert(1)",
    "' onclick='alert(1)",
    "&lt;b&gt;",
    "<b>",
    "<script>alert(1)",
    "javascript:alert(1)",
];
