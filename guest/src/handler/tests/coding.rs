//! Content codings, made on the fly and precompressed.

use super::*;

/// Text that is long when it is coded, too.
fn varied() -> String {
    (0_u32..50_000)
        .map(|number| number.wrapping_mul(2_654_435_761).to_string())
        .collect()
}

#[test]
fn compressible_files_are_coded_while_they_are_sent() {
    let (large, small) = (varied(), "t".repeat(1023));
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
    assert_eq!(part.text(), large[..4]);
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

/// http.md, routes: short answers always have Content-Length.
#[test]
fn what_is_short_when_it_is_coded_has_a_length() {
    let text = "text ".repeat(50_000);
    let directory = Memory::with(&[("a.txt", &text)]);
    let send = |method| {
        request(&directory, method, "/files/a.txt")
            .field("accept-encoding", "gzip")
            .send()
    };
    let length = send(Method::Get).bytes().len() as u64;
    for method in [Method::Get, Method::Head] {
        assert_eq!(send(method).0.content.length(), Some(length));
    }
    assert_eq!(send(Method::Get).gunzipped(), text);
}

#[test]
fn a_file_that_shrinks_while_it_is_coded_breaks_the_response_off() {
    let directory = Memory::with(&[("a.txt", &varied())]);
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
    // One that can't be read is as good as none.
    directory.forbid("b.png.zst");
    assert_eq!(get("/files/b.png", "zstd").text(), "b");
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

/// RFC 9110 13.1, 14.2: preconditions are of what is sent, and a part is of the file itself.
#[test]
fn the_tag_of_a_part_is_good_to_ask_for_the_next() {
    let (directory, plain, coded) = coded_on_the_fly();
    let get = |range, name, value: &str| {
        request(&directory, Method::Get, "/files/a.txt")
            .field("accept-encoding", "gzip")
            .field("range", range)
            .field(name, value)
            .send()
    };
    let other = "\"other\"".to_owned();
    let part = get("bytes=0-3", "if-match", &plain);
    assert_eq!((part.status(), part.field("content-encoding")), (206, None));
    assert_eq!(part.field("etag").as_ref(), Some(&plain));
    assert_eq!(part.text(), "text");
    for (range, name, value, status, tag) in [
        ("bytes=0-3", "if-range", &plain, 206, Some(&plain)),
        // Who has the whole, coded or not, needs no part.
        ("bytes=0-3", "if-none-match", &plain, 304, Some(&plain)),
        ("bytes=0-3", "if-none-match", &coded, 304, Some(&coded)),
        // Who has some of it coded is given no part of anything else, but the whole, of which that is the tag.
        ("bytes=0-3", "if-match", &coded, 200, Some(&coded)),
        ("bytes=0-3", "if-range", &coded, 200, Some(&coded)),
        // A range that is ignored changes nothing.
        ("bytes=0-,0-,0-", "if-none-match", &coded, 304, Some(&coded)),
        ("bytes=0-,0-,0-", "if-match", &coded, 200, Some(&coded)),
        ("bytes=0-,0-,0-", "if-match", &plain, 412, None),
        ("bytes=9000-", "if-match", &plain, 416, None),
        ("bytes=9000-", "if-match", &coded, 200, Some(&coded)),
        ("bytes=0-3", "if-match", &other, 412, None),
    ] {
        let response = get(range, name, value);
        let got = (response.status(), response.field("etag"));
        assert_eq!(got, (status, tag.cloned()), "{range} {name} {value}");
    }
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
