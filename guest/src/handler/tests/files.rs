//! Reading files: validators, preconditions, ranges, and what is at a path.

use super::*;

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
    let tag = tag(&directory, "/files/a.txt");
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
        // No URI has these (RFC 3986 3.4), though some clients send them.
        (
            "/files/sub?{|}^`[]%7b%zz",
            "/files/sub/?%7B%7C%7D%5E%60%5B%5D%7b%zz",
        ),
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
fn a_file_is_opened_only_to_be_described() {
    let directory = alphabet();
    request(&directory, Method::Get, "/files/nope").send();
    request(&directory, Method::Put, "/files/a.txt").send();
    assert_eq!(directory.opened(), 0);
}
