//! Storing files.

use super::*;

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
        assert_none_has(&directory, ".http-server-upload-");
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

/// RFC 9110 13.1.1, 13.1.2: what is not there any more has no representation, and matches nothing.
#[test]
fn a_file_that_vanishes_while_it_is_looked_at_is_not_there() {
    for (method, name, value, status) in [
        (Method::Put, "if-match", "*", 412),
        (Method::Put, "if-none-match", "*", 201),
        (Method::Put, "if-none-match", "\"other\"", 201),
        (Method::Post, "if-none-match", "\"other\"", 201),
    ] {
        let directory = alphabet();
        directory.vanish_when_opened("a.txt");
        let request = request(&directory, method, "/files/a.txt").field(name, value);
        assert_eq!(
            request.send().status(),
            status,
            "{method:?} {name}: {value}"
        );
    }
}

/// As on FAT: what exists stays, also when it has come to be meanwhile, and nothing is left behind.
#[test]
fn where_no_file_has_two_names_creation_is_exclusive_all_the_same() {
    for (comes_meanwhile, status, content) in [(false, 201, "content"), (true, 412, "")] {
        let directory = alphabet();
        directory.set_without_links();
        let other = directory.clone();
        let names = directory.names().len();
        let request = Request {
            meanwhile: Box::new(move || {
                if comes_meanwhile {
                    other.add("new");
                }
            }),
            ..request(&directory, Method::Put, "/files/new")
        };
        let response = request.field("if-none-match", "*").send();
        assert_eq!(response.status(), status);
        assert_eq!(directory.content("new").as_deref(), Some(content));
        assert_eq!(directory.names().len(), names + 1);
    }
}

#[test]
fn a_directory_that_vanishes_under_an_upload_is_a_conflict() {
    let directory = alphabet();
    let other = directory.clone();
    let response = Request {
        meanwhile: Box::new(move || other.remove_all("sub")),
        ..request(&directory, Method::Put, "/files/sub/new")
    }
    .send();
    assert_eq!(response.status(), 409);
    assert_none_has(&directory, "sub");
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
        let refused = request.field(name, value).send();
        assert_eq!(refused.status(), status, "{name}: {value}");
        // RFC 9110 15.5.16
        let accepted = (status == 415).then(|| "identity".to_owned());
        assert_eq!(refused.field("accept-encoding"), accepted, "{name}");
    }
    let identity = request(&alphabet(), Method::Put, "/files/a.txt")
        .field("content-encoding", "identity")
        .send();
    assert_eq!(identity.status(), 204);
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

/// A small request is not to make thousands of directories.
#[test]
fn so_many_directories_are_made_for_an_upload() {
    let directory = Memory::with(&[]);
    let put = |depth| {
        let target = format!("/files/{}new", "d/".repeat(depth));
        request(&directory, Method::Put, &target).send().status()
    };
    assert_eq!((put(65), directory.names()), (400, vec![]));
    assert_eq!((put(64), put(129), put(128)), (201, 400, 201));
    assert_eq!(directory.names().len(), 128 + 2);
}
