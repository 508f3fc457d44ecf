//! POST and PUT of `/files/{path}`.

use super::*;

on_both_hosts! {
    /// RFC 9110 13.1.1: of many that mean to replace one version, one does.
    fn one_of_many_replaces_a_version(server, alphabet) {
        for _ in 0..10 {
            let tag = server.get("/files/a.txt").send().field("etag").unwrap().to_owned();
            let replace = |index: usize| {
                let request = server.request("PUT", "/files/a.txt").field("If-Match", &tag);
                request.content(index.to_string()).send().status
            };
            let statuses: Vec<_> = std::thread::scope(|scope| {
                let clients: Vec<_> = (0..20).map(|index| scope.spawn(move || replace(index))).collect();
                clients.into_iter().map(|client| client.join().unwrap()).collect()
            });
            let replaced = statuses.iter().position(|&status| status == 204).unwrap();
            assert!(statuses.iter().enumerate().all(|(index, &status)| index == replaced || status == 412), "{statuses:?}");
            assert_eq!(server.read("a.txt").unwrap(), replaced.to_string().into_bytes());
        }
        assert_eq!(server.names(), ["a.txt"]);
    }

    fn post_is_201_whether_the_name_is_new_or_not(server, alphabet) {
        for target in ["/files/new", "/files/a.txt"] {
            let response = server.request("POST", target).content("hello").send();
            assert_eq!((response.status, response.field("location")), (201, Some(target)));
            assert_eq!(response.field("content-length"), Some("0"));
            assert_eq!(server.get(target).send().text(), "hello");
        }
        assert_eq!(server.names(), ["a.txt", "new"]);
    }

    fn put_is_201_when_new_and_204_when_replaced(server, bare) {
        let created = server.request("PUT", "/files/a").content("one").send();
        assert_eq!((created.status, created.field("location")), (201, Some("/files/a")));
        let replaced = server.request("PUT", "/files/a").content("two").send();
        assert_eq!((replaced.status, replaced.field("content-length")), (204, None));
        let current = server.get("/files/a").send();
        assert_eq!((current.text(), current.field("etag")), ("two", replaced.field("etag")));
        assert_ne!(created.field("etag"), replaced.field("etag"));
    }

    /// A browser sends for any page what needs no permission (Fetch, no-cors), and keeps but the answer from it.
    fn a_page_of_another_site_changes_nothing(server, alphabet) {
        let own = format!("http://{}", server.address);
        for (field, value, is_another) in [
            ("Sec-Fetch-Site", "cross-site", true),
            ("Sec-Fetch-Site", "same-origin", false),
            ("Origin", "http://another.example", true),
            ("Origin", "null", true),
            ("Origin", &own, false),
        ] {
            for (method, target, status) in [
                ("POST", "/files/a.txt", 201),
                ("PUT", "/files/a.txt", 204),
                ("PUT", "/files/new", 201),
                ("DELETE", "/files/new", 204),
            ] {
                let request = server.request(method, target).field(field, value).content("hello");
                let expected = if is_another { 403 } else { status };
                assert_eq!(request.send().status, expected, "{method} {target} {field}: {value}");
            }
            assert_eq!(server.names(), ["a.txt"]);
            assert_eq!(server.read("a.txt").unwrap() == b"hello", !is_another, "{field}: {value}");
            std::fs::write(server.path().join("a.txt"), ALPHABET).unwrap();
            // Others may read what the browser lets them.
            assert_eq!(server.get("/files/a.txt").field(field, value).send().status, 200);
        }
    }

    /// The lengths around what one read and one write move.
    fn content_of_every_length_arrives(server, bare) {
        for length in [0_usize, 1, 4097, 65_535, 65_536, 65_537, 3_000_000] {
            let content: Vec<u8> = (0..length).map(|index| (index % 253) as u8).collect();
            let response = server.request("PUT", &format!("/files/{length}")).content(content.clone()).send();
            assert_eq!(response.status, 201);
            assert!(server.read(&length.to_string()) == Some(content), "{length}");
        }
    }

    fn chunked_content_arrives(server, bare) {
        let mut connection = server.connect();
        connection.send("PUT /files/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n").unwrap();
        connection.send("4;ext=1\r\ndefg\r\n0\r\n\r\n").unwrap();
        assert_eq!(connection.response("PUT").unwrap().status, 201);
        assert_eq!(server.read("a").as_deref(), Some(&b"abcdefg"[..]));
    }

    fn uploads_without_syncing(server, |setup| alphabet(setup).variable("FILES_SYNC", "0")) {
        for (target, status) in [("/files/a.txt", 204), ("/files/x/y", 201)] {
            assert_eq!(server.request("PUT", target).content("new").send().status, status);
            assert_eq!(server.get(target).send().text(), "new");
        }
    }

    /// What a failed upload made is removed, unless another is in it by then.
    fn uploads_into_one_new_directory_do_not_disturb_each_other(server, bare) {
        for round in 0..40 {
            std::thread::scope(|scope| {
                for index in 0..4 {
                    scope.spawn(move || {
                        // Content that ends early: the upload fails, and takes back what it made.
                        let mut connection = server.connect();
                        let head = format!("PUT /files/{round}/x/fails-{index} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n");
                        connection.send(head).unwrap();
                        connection.finish_sending().unwrap();
                        connection.receive_to_end();
                    });
                    scope.spawn(move || {
                        let target = format!("/files/{round}/x/{index}");
                        assert_eq!(server.request("PUT", &target).content("x").send().status, 201, "{target}");
                    });
                }
            });
        }
    }

    fn missing_directories_are_made(server, bare) {
        let response = server.request("PUT", "/files/x/y%20z/%E2%82%AC").content("deep").send();
        assert_eq!((response.status, response.field("location")), (201, Some("/files/x/y%20z/%E2%82%AC")));
        assert_eq!(server.read("x/y z/€").as_deref(), Some(&b"deep"[..]));
    }

    fn what_is_refused(server, |setup| setup.file("a.txt", ALPHABET).file("sub/b", "")) {
        for (method, target, field, status) in [
            ("PUT", "/files/sub", ("x", "x"), 409),
            ("PUT", "/files/sub/", ("x", "x"), 400),
            ("PUT", "/files/new/", ("x", "x"), 400),
            ("POST", "/files/", ("x", "x"), 400),
            ("PUT", "/files/a.txt/x", ("x", "x"), 409),
            ("PUT", "/files/a.txt/x/y", ("x", "x"), 409),
            ("PUT", "/files/.hidden", ("x", "x"), 403),
            ("PUT", "/files/.git/config", ("x", "x"), 403),
            ("PUT", "/files/.http-server-upload-1", ("x", "x"), 403),
            ("PUT", "/files/../evil", ("x", "x"), 400),
            ("PUT", "/files/new", ("Content-Range", "bytes 0-4/10"), 400),
            ("POST", "/files/new", ("Content-Range", "bytes 0-4/10"), 400),
            ("PUT", "/files/new", ("Content-Encoding", "gzip"), 415),
        ] {
            let response = server.request(method, target).field(field.0, field.1).content("hello").send();
            assert_eq!((response.status, response.field("content-type")), (status, Some("text/plain")), "{method} {target} {field:?}");
        }
        let long = format!("/files/{}", "n".repeat(256));
        assert_eq!(server.request("PUT", &long).content("hello").send().status, 400);
        assert_eq!(server.names(), ["a.txt", "sub"]);
        assert_eq!(server.read("a.txt").as_deref(), Some(ALPHABET.as_bytes()));
        let identity = server.request("PUT", "/files/new").field("Content-Encoding", "identity").content("hello").send();
        assert_eq!(identity.status, 201);
    }

    fn conditional_uploads(server, alphabet) {
        let tag = server.get("/files/a.txt").send().field("etag").unwrap().to_owned();
        let put = |target: &str, name: &str, value: &str| server.request("PUT", target).field(name, value).content("new").send().status;
        assert_eq!(put("/files/a.txt", "If-None-Match", "*"), 412);
        assert_eq!(put("/files/a.txt", "If-Match", "\"other\""), 412);
        assert_eq!(put("/files/a.txt", "If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"), 412);
        assert_eq!(put("/files/new", "If-Match", "*"), 412);
        assert_eq!(server.read("a.txt").as_deref(), Some(ALPHABET.as_bytes()));
        assert_eq!(put("/files/a.txt", "If-Match", &tag), 204);
        assert_eq!(put("/files/a.txt", "If-Match", &tag), 412);
        assert_eq!(put("/files/new", "If-None-Match", "*"), 201);
        assert_eq!(server.names(), ["a.txt", "new"]);
    }

    fn one_of_many_creates_a_file_exclusively(server, bare) {
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let put = |index: u8| {
                let content = vec![b'a' + index; 10_000];
                server.request("PUT", "/files/a").field("If-None-Match", "*").content(content).send().status
            };
            let threads: Vec<_> = (0..20).map(|index| scope.spawn(move || put(index))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(statuses.iter().filter(|&&status| status == 201).count(), 1, "{statuses:?}");
        assert!(statuses.iter().all(|status| matches!(status, 201 | 412)), "{statuses:?}");
        let content = server.read("a").unwrap();
        assert!(content.len() == 10_000 && content.iter().all(|&byte| byte == content[0]));
        assert_eq!(server.names(), ["a"]);
    }

    fn a_reader_sees_the_old_file_or_the_new_one(server, |setup| setup.file("a", "0".repeat(200_000))) {
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for digit in ["1", "2", "3", "4", "5"] {
                    assert_eq!(server.request("PUT", "/files/a").content(digit.repeat(200_000)).send().status, 204);
                }
            });
            while !writer.is_finished() {
                let content = server.get("/files/a").send().content;
                assert!(content.len() == 200_000 && content.iter().all(|&byte| byte == content[0]));
            }
        });
    }

    fn abandoned_uploads_are_swept(server, |setup| setup.file(".http-server-upload-old", "").file(".http-server-upload-young", "")) {
        let two_hours_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(7200);
        let old = std::fs::File::options().write(true).open(server.path().join(".http-server-upload-old")).unwrap();
        old.set_modified(two_hours_ago).unwrap();
        assert_eq!(server.request("PUT", "/files/a").content("a").send().status, 201);
        assert_eq!(server.names(), [".http-server-upload-young", "a"]);
    }

    /// RFC 9110 10.1.1
    fn a_client_that_waits_is_told_to_go_on(server, bare) {
        let mut connection = server.connect();
        connection.send("PUT /files/a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n").unwrap();
        assert_eq!(connection.head().unwrap().status, 100);
        connection.send("hello").unwrap();
        assert_eq!(connection.response("PUT").unwrap().status, 201);
    }

    /// Nothing is sent in vain.
    fn a_client_that_waits_is_refused_before_it_sends(server, |setup| setup.file("a.txt", ALPHABET).file("sub/b", "")) {
        for (target, field, status) in [
            ("/files/a.txt", "If-None-Match: *", 412),
            ("/files/sub", "X: x", 409),
            ("/files/new", "Content-Encoding: gzip", 415),
            ("/files/../new", "X: x", 400),
        ] {
            let mut connection = server.connect();
            let head = format!("PUT {target} HTTP/1.1\r\nHost: x\r\n{field}\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
            connection.send(head).unwrap();
            assert_eq!(connection.response("PUT").unwrap().status, status, "{target}");
        }
    }

    fn content_that_is_cut_short_is_not_stored(server, alphabet) {
        for request in [
            "PUT /files/a.txt HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello",
            "PUT /files/new HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello",
            "PUT /files/x/y/new HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        ] {
            let mut connection = server.connect();
            connection.send(request).unwrap();
            connection.finish_sending().unwrap();
            // The end comes after the component has cleaned up, whether there is an answer or not.
            let answer = connection.receive_to_end();
            assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 400 "), "{}", answer.escape_ascii());
            tests::eventually(|| server.names() == ["a.txt"]);
            assert_eq!(server.read("a.txt").as_deref(), Some(ALPHABET.as_bytes()));
        }
    }
}

/// Our host's `--max-content-size`; what comes in chunks is found out half-way.
#[test]
fn content_too_large_is_413_and_changes_nothing() {
    let server = alphabet(Setup::new(Host::Ours))
        .flags(&["--max-content-size=1000"])
        .start();
    for target in ["/files/a.txt", "/files/new", "/files/x/new"] {
        let response = server.request("PUT", target).content(vec![0; 1001]).send();
        assert_eq!(response.status, 413, "{target}");
        let mut connection = server.connect();
        let chunk = "x".repeat(600);
        let head =
            format!("PUT {target} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
        connection
            .send(format!("{head}258\r\n{chunk}\r\n258\r\n{chunk}\r\n"))
            .unwrap();
        assert_eq!(connection.response("PUT").unwrap().status, 413, "{target}");
    }
    tests::eventually(|| server.names() == ["a.txt"]);
    assert_eq!(server.read("a.txt").as_deref(), Some(ALPHABET.as_bytes()));
    let most = server.request("PUT", "/files/a.txt").content(vec![0; 1000]);
    assert_eq!(most.send().status, 204);
}

/// On our host only: `wasmtime serve` has no way to map a directory so.
#[test]
fn a_read_only_directory_is_not_written_to() {
    let server = Setup::new(Host::Ours)
        .file("a.txt", ALPHABET)
        .read_only()
        .start();
    for (method, target) in [
        ("PUT", "/files/a.txt"),
        ("POST", "/files/new"),
        ("PUT", "/files/x/new"),
        ("DELETE", "/files/a.txt"),
    ] {
        for (field, value) in [("X", "y"), ("If-Match", "\"x\""), ("If-None-Match", "*")] {
            let request = server.request(method, target).field(field, value);
            let status = request.content("hello").send().status;
            assert_eq!(status, 403, "{method} {target} {field}");
        }
    }
    assert_eq!(
        (server.names(), server.get("/files/a.txt").send().text()),
        (vec!["a.txt".to_owned()], ALPHABET)
    );
}
