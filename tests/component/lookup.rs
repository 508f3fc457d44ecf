//! The functions of `wasi:filesystem` that the host does its own way, wherever files are looked up.

use super::*;
use rustix::fs::{Advice, CWD, Mode, fadvise, mkfifoat};
use std::os::unix::fs::{FileExt, symlink};

/// A file, a directory, links to both and out, and a FIFO that nobody writes to.
fn server(file_io: &str) -> TestServer {
    let setup = Setup::new(Host::Ours)
        .file("a.txt", ALPHABET)
        .file("sub/b", "b");
    symlink("sub/b", setup.path().join("link")).unwrap();
    symlink("/etc", setup.path().join("out")).unwrap();
    mkfifoat(CWD, setup.path().join("fifo"), Mode::RUSR).unwrap();
    setup
        .flags(&["--component", HOSTILE, "--threads=1"])
        .flags(&["--file-io", file_io])
        .start()
}

/// `wasi:filesystem/types.descriptor.metadata-hash`: the same for a name as for what is opened by it.
#[test]
fn an_open_file_is_what_its_name_stands_for() {
    for file_io in ["inline", "pool"] {
        let server = server(file_io);
        for (path, found) in [
            ("a.txt", "Ok((DescriptorType::RegularFile, 26, true))"),
            ("sub/b", "Ok((DescriptorType::RegularFile, 1, true))"),
            ("link", "Ok((DescriptorType::RegularFile, 1, true))"),
            (
                "sub/../a.txt",
                "Ok((DescriptorType::RegularFile, 26, true))",
            ),
        ] {
            let response = server.get(&format!("/look-up?{path}")).send();
            assert_eq!(response.text(), found, "{file_io} {path}");
        }
        for path in ["sub", ".", "sub/.."] {
            let response = server.get(&format!("/look-up?{path}")).send();
            assert!(
                response.text().starts_with("Ok((DescriptorType::Directory"),
                "{path}"
            );
            assert!(response.text().ends_with("true))"), "{file_io} {path}");
        }
        for path in [
            "nope",
            "out/passwd",
            "..",
            "../..",
            "/etc/passwd",
            "a.txt/b",
            "",
        ] {
            let response = server.get(&format!("/look-up?{path}")).send();
            assert!(
                response.text().starts_with("Err("),
                "{file_io} {path}: {}",
                response.text()
            );
        }
    }
}

/// Opened to be read, a FIFO waits for somebody to write to it. One thread serves all connections.
#[test]
fn a_fifo_does_not_hold_up_the_thread() {
    for file_io in ["inline", "pool"] {
        let server = server(file_io);
        let fifo = server.get("/open?/files/fifo").send();
        assert!(fifo.text().starts_with("Err("), "{file_io}");
        assert_eq!(server.get("/open?/files/a.txt").send().text(), "Ok(26)");
    }
}

/// Whoever drops a stream has written what it was given, before anything else is.
#[test]
fn what_is_written_is_written_in_turn() {
    for file_io in ["inline", "pool"] {
        let server = server(file_io);
        for number in 0..20 {
            let written = server.get(&format!("/write-twice?new-{number}")).send();
            let expected = "true Ok(100000) (200000, 98, 99, 99, 98)";
            assert_eq!(written.text(), expected, "{file_io}");
        }
    }
}

/// What is not in the page cache is read from the disk, also the rest of what is there in part.
#[test]
fn a_file_that_is_cached_in_part_comes_whole() {
    let content = vec![7; 60_000];
    let server = Setup::new(Host::Ours).file("a", &content).start();
    let file = std::fs::File::open(server.path().join("a")).unwrap();
    for _ in 0..20 {
        file.sync_all().unwrap();
        for advice in [Advice::DontNeed, Advice::Random] {
            fadvise(&file, 0, None, advice).unwrap();
        }
        file.read_at(&mut [0; 8192], 0).unwrap();
        assert!(server.get("/files/a").send().content == content);
    }
}

/// Opening a file shows what it is, but no longer once the component has changed it.
#[test]
fn what_a_file_is_is_true_after_writing() {
    for file_io in ["--file-io=inline", "--file-io=pool"] {
        let server = hostile(&[file_io]);
        assert_eq!(
            server.get("/sizes").send().text(),
            "Ok([0, 10, 20])",
            "{file_io}"
        );
    }
}

/// A directory is another once something was made in it.
#[test]
fn what_a_directory_is_is_true_after_making_a_file() {
    let server = hostile(&[]);
    let path = server.path().join("sub");
    std::fs::create_dir(&path).unwrap();
    let directory = std::fs::File::open(path).unwrap();
    directory.set_modified(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(
        server.get("/directory-after-making").send().text(),
        "Ok(true)"
    );
}

/// Nor once it has waited: others may have changed the file.
#[test]
fn what_a_file_is_is_true_after_waiting() {
    let server = hostile(&[]);
    let file = server.path().join("a");
    std::fs::write(&file, "").unwrap();
    let mut connection = begun_with_content(&server, "/size-later", 2);
    std::fs::write(file, [0; 30]).unwrap();
    connection.send("ab").unwrap();
    connection.receive_until(b"Ok(30)").unwrap();
}
