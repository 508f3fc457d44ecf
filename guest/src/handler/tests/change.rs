//! Changes on conditions, in turn, and deletion.

use super::*;
use std::cell::RefCell;

#[test]
fn conditional_uploads() {
    let directory = alphabet();
    let tag = tag(&directory, "/files/a.txt");
    let replaced = request(&directory, Method::Put, "/files/a.txt")
        .field("if-match", &tag)
        .send();
    assert_eq!(replaced.status(), 204);
    // Now it is another version.
    assert_eq!(
        request(&directory, Method::Put, "/files/a.txt")
            .field("if-match", &tag)
            .send()
            .status(),
        412
    );
    assert_eq!(
        request(&directory, Method::Put, "/files/new")
            .field("if-match", "*")
            .send()
            .status(),
        412
    );
    assert_eq!(
        request(&directory, Method::Put, "/files/new")
            .field("if-none-match", "*")
            .send()
            .status(),
        201
    );
    assert_none_has(&directory, ".http-server-upload-");
}

#[test]
fn a_faster_client_wins() {
    for (name, value) in [("if-none-match", "*"), ("if-match", "the tag")] {
        let directory = alphabet();
        let target = if name == "if-match" {
            "/files/a.txt"
        } else {
            "/files/new"
        };
        let tag = tag(&directory, "/files/a.txt");
        let other = directory.clone();
        let meanwhile = move || {
            let fast = Request {
                random: 1,
                ..request(&other, Method::Put, target)
            };
            assert!(fast.send().status() < 300);
        };
        let slow = Request {
            content: Ok("slow"),
            meanwhile: Box::new(meanwhile),
            ..request(&directory, Method::Put, target)
        };
        assert_eq!(
            slow.field(name, if value == "*" { "*" } else { &tag })
                .send()
                .status(),
            412,
            "{name}"
        );
        assert_eq!(
            directory
                .content(target.strip_prefix("/files/").unwrap())
                .as_deref(),
            Some("content")
        );
    }
}

/// RFC 9112 8: who does not send all of its content has not asked for anything yet.
#[test]
fn nothing_is_deleted_by_half_a_request() {
    let directory = alphabet();
    let mut delete = request(&directory, Method::Delete, "/files/a.txt");
    delete.content = Err(Interrupted::CutShort);
    assert_eq!(delete.send().status(), 400);
    assert!(directory.content("a.txt").is_some());
}

/// Refused before content is asked for, and again when it has come.
#[test]
fn what_is_not_to_be_deleted_is_refused_before_content_and_after() {
    let directory = alphabet();
    let delete = || request(&directory, Method::Delete, "/files/a.txt");
    let asked = |condition| {
        let meanwhile = Box::new(|| panic!("content was asked for"));
        let delete = Request {
            meanwhile,
            ..delete()
        };
        delete.field("if-match", condition).send().status()
    };
    assert_eq!(asked("\"other\""), 412);
    let tag = tag(&directory, "/files/a.txt");
    let other = directory.clone();
    let meanwhile = move || {
        let fast = request(&other, Method::Put, "/files/a.txt");
        assert_eq!(fast.send().status(), 204);
    };
    let slow = Request {
        meanwhile: Box::new(meanwhile),
        ..delete()
    };
    assert_eq!(slow.field("if-match", &tag).send().status(), 412);
    assert!(directory.content("a.txt").is_some());
}

#[test]
fn deletion() {
    let directory = alphabet();
    directory.link_to("in", Some("a.txt"));
    directory.link_to("dir", Some("sub"));
    let delete = |target: &str| request(&directory, Method::Delete, target);
    assert_eq!(delete("/files/in").send().status(), 204);
    assert_eq!(delete("/files/dir").send().status(), 204);
    assert!(directory.content("a.txt").is_some() && directory.content("sub/b").is_some());
    assert_eq!(
        delete("/files/a.txt")
            .field("if-match", "\"other\"")
            .send()
            .status(),
        412
    );
    assert_eq!(
        delete("/files/sub/b")
            .field("if-match", "*")
            .send()
            .status(),
        204
    );
    assert_eq!(
        delete("/files/sub")
            .field("if-match", "\"other\"")
            .send()
            .status(),
        412
    );
    assert_eq!(delete("/files/sub/").send().status(), 204);
    assert_eq!(delete("/files/a.txt").send().status(), 204);
    assert_eq!(delete("/files/a.txt").send().status(), 404);
    assert_eq!(directory.names(), [".hidden", "empty.txt"]);
}

/// The file by which another takes its turn to change `a.txt`.
fn turn() -> String {
    let directory = alphabet();
    let seen = Rc::new(RefCell::new(Vec::new()));
    let (other, names) = (directory.clone(), Rc::clone(&seen));
    // The time is asked for while it is the request's turn.
    let watched = Request {
        now: Box::new(move || names.borrow_mut().extend(other.names())),
        ..request(&directory, Method::Delete, "/files/a.txt")
    };
    assert_eq!(watched.field("if-match", "*").send().status(), 204);
    let names = seen.borrow();
    let name = names.iter().find(|name| name.contains("-turn-"));
    let name = name.expect("it took no turn").clone();
    assert!(!directory.names().contains(&name), "it was not given back");
    name
}

#[test]
fn who_acts_on_a_condition_waits_for_its_turn() {
    for method in [Method::Put, Method::Delete] {
        let directory = alphabet();
        let turn = turn();
        directory.add(&turn);
        directory.set_modified(&turn, request(&directory, method, "").now());
        let (other, paused) = (directory.clone(), Rc::new(Cell::new(0)));
        let pauses = Rc::clone(&paused);
        let waiting = Request {
            pause: Box::new(move || {
                pauses.set(pauses.get() + 1);
                if pauses.get() == 3 {
                    other.remove_file(&turn).unwrap();
                }
            }),
            ..request(&directory, method, "/files/a.txt")
        };
        assert_eq!(waiting.field("if-match", "*").send().status(), 204);
        assert_eq!(paused.get(), 3);
        assert_none_has(&directory, "-turn-");
    }
}

/// Where no file can have two names, what was made by who had the turn before stays.
#[test]
fn who_creates_without_links_looks_again_in_its_turn() {
    let directory = Memory::with(&[]);
    directory.set_without_links();
    let (turn, other) = (turn(), directory.clone());
    directory.add(&turn);
    directory.set_modified(&turn, request(&directory, Method::Put, "").now());
    let response = Request {
        pause: Box::new(move || {
            other.add("a.txt");
            other.remove_file(&turn).unwrap();
        }),
        ..request(&directory, Method::Put, "/files/a.txt")
    };
    let response = response.field("if-none-match", "*").send();
    assert_eq!(
        (response.status(), directory.names()),
        (412, vec!["a.txt".to_owned()])
    );
    assert_eq!(directory.content("a.txt").as_deref(), Some(""));
}

#[test]
fn the_turn_of_who_was_killed_is_over_in_ten_seconds() {
    let directory = alphabet();
    let turn = turn();
    directory.add(&turn);
    let now = request(&directory, Method::Put, "").now();
    directory.set_modified(&turn, now - Duration::from_secs(11));
    let put = request(&directory, Method::Put, "/files/a.txt").field("if-match", "*");
    assert_eq!(put.send().status(), 204);
    assert_none_has(&directory, "-turn-");
}

/// The next has its turn between the look at one that is over and the end of that.
#[test]
fn a_turn_that_is_over_is_ended_by_one_of_those_who_see_it() {
    let directory = alphabet();
    let turn = turn();
    let put = request(&directory, Method::Put, "/files/a.txt").field("if-none-match", "\"other\"");
    let now = put.now();
    let begin = |began| {
        let (directory, turn) = (directory.clone(), turn.clone());
        move || {
            directory.add(&turn);
            directory.set_modified(&turn, began);
        }
    };
    let (next_begins, is_next) = (begin(now), Cell::new(true));
    let (faster, next, turn_of_next) = (directory.clone(), directory.clone(), turn.clone());
    let ended = Rc::new(Cell::new(0));
    let ends = Rc::clone(&ended);
    let put = Request {
        meanwhile: Box::new(begin(now - Duration::from_secs(11))),
        now: Box::new(move || {
            if faster.names().contains(&turn_of_next) && is_next.replace(false) {
                let delete = request(&faster, Method::Delete, "/files/a.txt");
                assert_eq!(delete.field("if-match", "*").send().status(), 204);
                next_begins();
            }
        }),
        pause: Box::new(move || {
            next.remove_file(&turn).expect("a turn was ended");
            ends.set(ends.get() + 1);
        }),
        ..put
    };
    assert_eq!(put.send().status(), 201);
    assert_eq!(ended.get(), 1);
    assert_none_has(&directory, "-turn-");
}

#[test]
fn should_who_ends_a_turn_be_killed_too_another_does_ten_seconds_later() {
    let turn = turn();
    let stale = || {
        let directory = alphabet();
        directory.add(&turn);
        // An upload would sweep, too.
        let delete = request(&directory, Method::Delete, "/files/a.txt").field("if-match", "*");
        directory.set_modified(&turn, delete.now() - Duration::from_secs(11));
        (directory, delete)
    };
    let (directory, delete) = stale();
    assert_eq!(delete.send().status(), 204);
    let names = directory.names();
    let right_to_end = names.iter().find(|name| name.contains("-over-"));
    let (directory, delete) = stale();
    directory.add(right_to_end.expect("whoever sees it ends it"));
    let (passed, passes) = (Rc::clone(&delete.passed), Rc::clone(&delete.passed));
    let delete = Request {
        pause: Box::new(move || passes.set(passes.get() + Duration::from_secs(1))),
        ..delete
    };
    assert_eq!(delete.send().status(), 204);
    assert_eq!(passed.get(), Duration::from_secs(9));
    assert_none_has(&directory, "-turn-");
}

#[test]
fn who_takes_too_long_does_not_end_the_turn_of_another() {
    let directory = alphabet();
    let turn = turn();
    let (next, theirs) = (directory.clone(), turn.clone());
    let put = request(&directory, Method::Put, "/files/a.txt").field("if-match", "*");
    let now = put.now();
    let slow = Request {
        now: Box::new(move || {
            if next.names().contains(&theirs) {
                next.remove_file(&theirs).unwrap();
                next.add(&theirs);
                next.set_modified(&theirs, now);
            }
        }),
        ..put
    };
    assert_eq!(slow.send().status(), 204);
    assert!(directory.names().contains(&turn));
}

#[test]
fn whoever_waits_for_many_turns_ends_none_of_them() {
    let directory = alphabet();
    let turn = turn();
    let waiting = request(&directory, Method::Put, "/files/a.txt").field("if-match", "*");
    let (start, passed) = (waiting.now(), Rc::clone(&waiting.passed));
    let begin = move |directory: &Memory, at: Duration| {
        directory.add(&turn);
        directory.set_modified(&turn, start + at);
        turn.clone()
    };
    let current = begin(&directory, Duration::ZERO);
    let other = directory.clone();
    let waiting = Request {
        pause: Box::new(move || {
            other.remove_file(&current).expect("a turn was ended");
            passed.set(passed.get() + Duration::from_secs(6));
            if passed.get() < Duration::from_secs(60) {
                begin(&other, passed.get());
            }
        }),
        ..waiting
    };
    assert_eq!(waiting.send().status(), 204);
    assert_eq!(waiting.passed.get(), Duration::from_secs(60));
}
