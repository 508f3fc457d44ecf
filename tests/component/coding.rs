//! Content codings of files (RFC 9110 8.4).

use super::*;

fn lines() -> String {
    (0..200_000)
        .map(|index| format!("line {index}\n"))
        .collect()
}

/// Text that does not become much smaller when coded.
fn noise(length: usize) -> String {
    let mut state = 1_u64;
    let letters = std::iter::repeat_with(|| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        char::from(b' ' + (state >> 58) as u8)
    });
    letters.take(length).collect()
}

on_both_hosts! {
    fn compressible_files_are_coded_when_accepted(server, |setup| setup.file("a.txt", lines()).file("small.txt", "small").file("a.png", lines())) {
        let coded = server.get("/files/a.txt").field("Accept-Encoding", "gzip").send();
        let plain = server.get("/files/a.txt").send();
        assert_eq!((coded.field("content-encoding"), coded.field("vary")), (Some("gzip"), Some("accept-encoding")));
        assert_eq!((plain.field("content-encoding"), plain.field("vary")), (None, Some("accept-encoding")));
        assert_eq!(coded.field("content-type"), Some("text/plain; charset=utf-8"));
        assert_ne!(coded.field("etag"), plain.field("etag"));
        assert!(coded.content.len() < plain.content.len() / 2);
        assert!(gunzip(&coded.content) == plain.content);
        for target in ["/files/small.txt", "/files/a.png"] {
            let response = server.get(target).field("Accept-Encoding", "gzip").send();
            assert_eq!(response.field("content-encoding"), None, "{target}");
        }
        let tag = coded.field("etag").unwrap();
        let request = |accept| server.get("/files/a.txt").field("Accept-Encoding", accept).field("If-None-Match", tag);
        let not_modified = request("gzip").send();
        assert_eq!((not_modified.status, not_modified.field("vary")), (304, Some("accept-encoding")));
        assert_eq!(request("identity").send().status, 200);
    }

    /// There is more of it than the host takes ahead of its client.
    fn what_is_coded_waits_for_its_client(server, |setup| setup.file("a.txt", noise(4 << 20))) {
        let coded = server.get("/files/a.txt").field("Accept-Encoding", "gzip").send();
        assert!(coded.content.len() > 2 << 20);
        assert!(gunzip(&coded.content) == noise(4 << 20).as_bytes());
    }

    /// RFC 9110 12.5.5: another Accept-Encoding would have had another answer.
    fn what_could_have_differed_varies(server, |setup| setup.file("a.txt", lines())) {
        let tag = server.get("/files/a.txt").field("Accept-Encoding", "gzip").send().field("etag").unwrap().to_owned();
        for (name, value, status) in [
            ("Range", "bytes=0-4", 206),
            ("Range", "bytes=99999999-", 416),
            ("If-Match", tag.as_str(), 412),
            ("Accept-Encoding", "*;q=0", 406),
        ] {
            let response = server.get("/files/a.txt").field(name, value).send();
            assert_eq!((response.status, response.field("vary")), (status, Some("accept-encoding")), "{name}: {value}");
        }
        let other = |name, value| server.get("/files/a.txt").field("Accept-Encoding", "gzip, identity;q=0").field(name, value).send();
        assert_eq!(other("Range", "bytes=99999999-").status, 200);
        assert_eq!(other("If-Match", &tag).status, 200);
    }

    fn nothing_acceptable_is_406(server, |setup| setup.file("a.txt", lines()).file("small", "small")) {
        assert_eq!(server.get("/files/a.txt").field("Accept-Encoding", "*;q=0").send().status, 406);
        assert_eq!(server.get("/files/small").field("Accept-Encoding", "identity;q=0").send().status, 406);
        let response = server.get("/files/small").field("Accept-Encoding", "identity;q=0, gzip").send();
        assert_eq!((response.status, gunzip(&response.content)), (200, b"small".to_vec()));
    }

    fn precompressed_files_are_served_when_asked_for(server, |setup| {
        let setup = setup.file("a.js", lines()).file("a.js.br", "br").file("a.js.zst", "zst").file("a.js.gz", "gz");
        setup.variable("FILES_PRECOMPRESSED", "1")
    }) {
        for (accept, coding, content) in [
            ("gzip, br, zstd", Some("br"), "br"),
            ("gzip, zstd", Some("zstd"), "zst"),
            ("gzip", Some("gzip"), "gz"),
            ("gzip, br;q=0.5", Some("gzip"), "gz"),
        ] {
            let response = server.get("/files/a.js").field("Accept-Encoding", accept).send();
            assert_eq!((response.text(), response.field("content-encoding")), (content, coding), "{accept}");
            assert_eq!(response.field("content-type"), Some("text/javascript; charset=utf-8"));
            assert_eq!(response.field("vary"), Some("accept-encoding"));
        }
        assert_eq!(server.get("/files/a.js").send().text(), lines());
        // One that is older than the file is stale.
        let past = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
        std::fs::File::options().write(true).open(server.path().join("a.js.br")).unwrap().set_modified(past).unwrap();
        let response = server.get("/files/a.js").field("Accept-Encoding", "br").send();
        assert_eq!(response.field("content-encoding"), None);
    }
}
