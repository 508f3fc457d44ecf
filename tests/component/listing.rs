//! Listings of directories.

use super::*;
use std::os::unix::ffi::OsStrExt;

fn names(listing: &[u8]) -> Vec<String> {
    let entries: serde_json::Value = serde_json::from_slice(listing).expect("not JSON");
    entries
        .as_array()
        .expect("no array")
        .iter()
        .map(|entry| entry["name"].as_str().expect("no name").to_owned())
        .collect()
}

on_both_hosts! {
    fn json_for_who_does_not_ask_for_html(server, |setup| setup.file("b.txt", "12").file("sub/a", "").file("A", "").file(".hidden", "")) {
        for accept in ["*/*", "application/json", "text/plain"] {
            let response = server.get("/files/").field("Accept", accept).send();
            assert_eq!((response.status, response.field("content-type")), (200, Some("application/json")), "{accept}");
            assert_eq!(response.field("vary"), Some("accept"));
            assert_eq!(names(&response.content), ["sub", "A", "b.txt"]);
        }
        let entries: serde_json::Value = serde_json::from_slice(&server.get("/files/").send().content).unwrap();
        assert_eq!((&entries[0]["type"], &entries[2]["type"], &entries[2]["size"]), (&"directory".into(), &"file".into(), &2.into()));
        assert!(entries[2]["modified"].as_str().unwrap().ends_with('Z'));
        assert_eq!(names(&server.get("/files/sub/").send().content), ["a"]);
    }

    fn a_page_for_who_does(server, |setup| setup.file("b.txt", "12").file("sub/a", "")) {
        let accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        let page = server.get("/files/").field("Accept", accept).send();
        assert_eq!((page.field("content-type"), page.field("vary")), (Some("text/html; charset=utf-8"), Some("accept")));
        assert!(page.text().starts_with("<!DOCTYPE html>") && page.text().contains("<a href=\"./b.txt\">b.txt</a>"));
        assert!(page.text().contains("<a href=\"./sub/\">sub/</a>") && !page.text().contains("<a href=\"../\">"));
        let below = server.get("/files/sub/").field("Accept", accept).send();
        assert!(below.text().contains("<a href=\"../\">"));
    }

    fn only_files_and_directories_are_listed(server, |setup| {
        let setup = setup.file("a", "").file(".http-server-upload-1", "");
        std::os::unix::fs::symlink("/etc/passwd", setup.path().join("out")).unwrap();
        std::os::unix::fs::symlink("a", setup.path().join("in")).unwrap();
        let setup = setup.file("sub/b", "");
        std::os::unix::fs::symlink("../a", setup.path().join("sub/up")).unwrap();
        std::os::unix::fs::symlink("../../a", setup.path().join("sub/out")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, setup.path().join("fifo"), rustix::fs::Mode::RUSR).unwrap();
        std::fs::write(setup.path().join(std::ffi::OsStr::from_bytes(b"\xff")), "").unwrap();
        setup.variable("FILES_HIDDEN", "1")
    }) {
        assert_eq!(names(&server.get("/files/").send().content), ["sub", "a", "in"]);
        assert_eq!(names(&server.get("/files/sub/").send().content), ["b", "up"]);
    }

    /// http.md, the path: nobody can ask for a name with a backslash or a control character.
    fn what_can_t_be_asked_for_is_not_listed(server, |setup| ["a\nb", "a\tb", "a\\b", "a\x7f", "a\u{85}", "b"].into_iter().fold(setup, |setup, name| setup.file(name, ""))) {
        for accept in ["application/json", "text/html"] {
            let listing = server.get("/files/").field("Accept", accept).send();
            assert!(!listing.text().contains('\u{85}') && !listing.text().contains("%0A"), "{}", listing.text());
        }
        assert_eq!(names(&server.get("/files/").send().content), ["b"]);
    }

    /// RFC 9110 13.1: a listing has no entity tag, and is there.
    fn preconditions_of_a_listing(server, alphabet) {
        for (name, value, status) in [
            ("If-Match", "*", 200),
            ("If-Match", "\"x\"", 412),
            ("If-Match", "\"\"", 412),
            ("If-None-Match", "*", 304),
            ("If-None-Match", "\"x\"", 200),
            ("If-Modified-Since", "Sun, 06 Nov 2094 08:49:37 GMT", 200),
        ] {
            let response = server.get("/files/").field(name, value).send();
            assert_eq!(response.status, status, "{name}: {value}");
            assert_eq!(response.field("vary"), (status != 412).then_some("accept"));
        }
    }

    fn a_long_listing_is_whole(server, |setup| (0..3000).fold(setup, |setup, index| setup.file(&format!("file-{index:05}"), ""))) {
        let listing = server.get("/files/").send();
        assert_eq!(names(&listing.content), server.names());
    }
}
