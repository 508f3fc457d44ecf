//! Preconditions (RFC 9110 13), for reading; for writing see `upload`.

use super::*;

const LONG_AGO: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

on_both_hosts! {
    fn each_precondition_has_its_verdict(server, alphabet) {
        let current = server.get("/files/a.txt").send();
        let (tag, date) = (current.field("etag").unwrap(), current.field("last-modified").unwrap());
        let weak = format!("W/{tag}");
        let list = format!("\"other\", {tag}");
        for (fields, status) in [
            (&[("If-None-Match", tag)][..], 304),
            (&[("If-None-Match", &weak)], 304),
            (&[("If-None-Match", &list)], 304),
            (&[("If-None-Match", "*")], 304),
            (&[("If-None-Match", "\"other\"")], 200),
            (&[("If-Modified-Since", date)], 304),
            (&[("If-Modified-Since", LONG_AGO)], 200),
            (&[("If-Modified-Since", "yesterday")], 200),
            (&[("If-Match", tag)], 200),
            (&[("If-Match", "*")], 200),
            (&[("If-Match", &weak)], 412),
            (&[("If-Match", "\"other\"")], 412),
            (&[("If-Unmodified-Since", date)], 200),
            (&[("If-Unmodified-Since", LONG_AGO)], 412),
            // 13.2.2: which comes first.
            (&[("If-None-Match", "\"other\""), ("If-Modified-Since", date)], 200),
            (&[("If-Match", tag), ("If-Unmodified-Since", LONG_AGO)], 200),
            (&[("If-None-Match", tag), ("Range", "bytes=0-4")], 304),
            (&[("If-Match", "\"other\""), ("Range", "bytes=99-")], 412),
        ] {
            for method in ["GET", "HEAD"] {
                let request = server.request(method, "/files/a.txt");
                let response = fields.iter().fold(request, |request, (name, value)| request.field(name, value)).send();
                assert_eq!(response.status, status, "{method} {fields:?}");
            }
        }
        assert_eq!(server.get("/files/nope").field("If-None-Match", "*").send().status, 404);
    }

    /// RFC 9110 15.4.5
    fn a_304_has_no_content_and_the_connection_goes_on(server, alphabet) {
        let tag = server.get("/files/a.txt").send().field("etag").unwrap().to_owned();
        let mut connection = server.connect();
        let response = server.get("/files/a.txt").field("If-None-Match", &tag).send_on(&mut connection).unwrap();
        assert_eq!((response.status, response.field("etag")), (304, Some(tag.as_str())));
        assert_eq!((response.field("vary"), response.field("content-type")), (Some("accept-encoding"), None));
        assert_eq!(server.get("/echo/on").send_on(&mut connection).unwrap().text(), "on");
    }

    fn the_entity_tag_changes_with_the_content(server, alphabet) {
        let tag = || server.get("/files/a.txt").send().field("etag").unwrap().to_owned();
        let first = tag();
        assert_eq!(tag(), first);
        // The same length, at once, and published as uploads are: as another file.
        let replaced = server.request("PUT", "/files/a.txt").content(ALPHABET.to_uppercase()).send();
        assert_ne!(tag(), first);
        assert_eq!(replaced.field("etag"), Some(tag().as_str()));
    }
}
