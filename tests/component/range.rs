//! Range and If-Range (RFC 9110 14, 13.1.5).

use super::*;

on_both_hosts! {
    fn one_range(server, alphabet) {
        for (range, part, content_range) in [
            ("bytes=0-4", "abcde", "bytes 0-4/26"),
            ("bytes=0-0", "a", "bytes 0-0/26"),
            ("bytes=20-", "uvwxyz", "bytes 20-25/26"),
            ("bytes=20-1000", "uvwxyz", "bytes 20-25/26"),
            ("bytes=-3", "xyz", "bytes 23-25/26"),
            ("bytes=-1000", ALPHABET, "bytes 0-25/26"),
            ("bytes=100-200,0-1", "ab", "bytes 0-1/26"),
            ("bytes=0-2,2-4,5-5", "abcdef", "bytes 0-5/26"),
        ] {
            let response = server.get("/files/a.txt").field("Range", range).send();
            assert_eq!((response.status, response.text()), (206, part), "{range}");
            assert_eq!(response.field("content-range"), Some(content_range));
            assert_eq!(response.field("content-length"), Some(part.len().to_string().as_str()));
            assert_eq!(response.field("content-type"), Some("text/plain; charset=utf-8"));
        }
    }

    /// RFC 9110 15.5.17
    fn no_satisfiable_range(server, |setup| setup.file("a.txt", ALPHABET).file("empty", "")) {
        for (range, target, content_range) in [
            ("bytes=26-", "/files/a.txt", "bytes */26"),
            ("bytes=1000-2000,3000-", "/files/a.txt", "bytes */26"),
            ("bytes=-0", "/files/a.txt", "bytes */26"),
            ("bytes=0-", "/files/empty", "bytes */0"),
        ] {
            let response = server.get(target).field("Range", range).send();
            assert_eq!((response.status, response.field("content-range")), (416, Some(content_range)), "{range}");
        }
    }

    /// RFC 9110 14.2: a malformed field may be ignored.
    fn ranges_that_are_ignored(server, alphabet) {
        for range in ["bytes=5-2", "bytes=abc", "0-4", "bytes=0-,0-", "bytes=+0-4"] {
            let response = server.get("/files/a.txt").field("Range", range).send();
            assert_eq!((response.status, response.text()), (200, ALPHABET), "{range}");
        }
        let many: Vec<_> = (0..17).map(|index| index.to_string()).map(|index| format!("{index}-{index}")).collect();
        let response = server.get("/files/a.txt").field("Range", &format!("bytes={}", many.join(", "))).send();
        assert_eq!(response.status, 200);
    }

    /// RFC 9110 14.6
    fn several_ranges_are_multipart(server, alphabet) {
        let response = server.get("/files/a.txt").field("Range", "bytes=20-21,0-1,25-").send();
        assert_eq!((response.status, response.field("content-range")), (206, None));
        let boundary = response.field("content-type").and_then(|it| it.strip_prefix("multipart/byteranges; boundary=")).unwrap();
        let part = |range, text| format!("--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes {range}/26\r\n\r\n{text}\r\n");
        let expected = [part("20-21", "uv"), part("0-1", "ab"), part("25-25", "z"), format!("--{boundary}--\r\n")].concat();
        assert_eq!(response.text(), expected);
        assert_eq!(response.field("content-length"), Some(expected.len().to_string().as_str()));
    }

    fn if_range(server, alphabet) {
        let current = server.get("/files/a.txt").send();
        let (tag, date) = (current.field("etag").unwrap(), current.field("last-modified").unwrap());
        for (value, status) in [
            (tag, 206),
            (date, 206),
            ("\"other\"", 200),
            (&format!("W/{tag}"), 200),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 200),
            ("yesterday", 200),
        ] {
            let response = server.get("/files/a.txt").field("Range", "bytes=0-4").field("If-Range", value).send();
            assert_eq!(response.status, status, "{value}");
        }
        let unsatisfiable = server.get("/files/a.txt").field("Range", "bytes=99-").field("If-Range", "\"other\"").send();
        assert_eq!(unsatisfiable.status, 200);
    }

    fn a_range_of_a_large_file(server, |setup| setup.file("large", (0..3_000_000_u32).flat_map(u32::to_be_bytes).collect::<Vec<_>>())) {
        let whole = server.read("large").unwrap();
        for (first, last) in [(0, 70_000), (1_000_001, 9_999_999), (11_999_999, 11_999_999)] {
            let response = server.get("/files/large").field("Range", &format!("bytes={first}-{last}")).send();
            assert_eq!(response.status, 206);
            assert!(response.content == whole[first..=last], "{first}-{last}");
        }
    }
}
