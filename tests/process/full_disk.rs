//! A disk without space.

use super::*;
use std::process::Command;

/// Runs the program from a shell script that has prepared its surroundings; `$0` is the directory.
fn serve_after(shell: &[&str], script: &str, folder: &Path) -> (Process, SocketAddr) {
    let script = format!("{script} && exec \"$@\"");
    let folder = folder.display().to_string();
    let program = [env!("CARGO_BIN_EXE_http-server"), "--port=0", "--threads=1"];
    let directory = format!("--directory={folder}");
    let arguments = [
        &shell[1..],
        &["-c", &script, &folder],
        &program,
        &[&directory],
    ]
    .concat();
    let mut process = Process::start(Path::new(shell[0]), &arguments, &[]);
    let address = address(&mut process);
    (process, address)
}

fn put(address: SocketAddr, target: &str, length: usize) -> u16 {
    let content = vec![b'x'; length];
    Request::new(address, "PUT", target)
        .content(content)
        .send()
        .status
}

/// Nothing but `a`, of 500,000 bytes, is there.
fn assert_nothing_has_changed(address: SocketAddr) {
    let kept = Request::new(address, "GET", "/files/a").send().content;
    assert!(kept == vec![b'x'; 500_000]);
    let listing = Request::new(address, "GET", "/files/").send();
    let listing: Vec<serde_json::Value> = serde_json::from_slice(&listing.content).unwrap();
    assert_eq!(listing.len(), 1, "{listing:?}");
}

/// A shell whose file systems only it and its children see.
const MOUNTING: [&str; 5] = ["unshare", "--user", "--map-root-user", "--mount", "sh"];

fn may_mount(folder: &Path) -> bool {
    let mut probe = Command::new(MOUNTING[0]);
    probe
        .args(&MOUNTING[1..])
        .args(["-c", "mount -t tmpfs probe \"$0\""])
        .arg(folder);
    let may_mount = probe.output().is_ok_and(|probe| probe.status.success());
    if !may_mount {
        eprintln!("not tested: nobody may mount a file system here");
    }
    may_mount
}

/// http.md, Writing: read-only is 403, also where the file system is and nobody said so.
#[test]
fn a_file_system_that_is_read_only_is_403() {
    let folder = tempfile::tempdir().unwrap();
    if !may_mount(folder.path()) {
        return;
    }
    let script = "mount -t tmpfs fixed \"$0\" && echo x > \"$0/a\" && mount -o remount,ro \"$0\"";
    let (_process, address) = serve_after(&MOUNTING, script, folder.path());
    let a = Request::new(address, "GET", "/files/a").send();
    assert_eq!((a.status, a.text()), (200, "x\n"));
    for target in ["/files/a", "/files/new", "/files/x/new"] {
        assert_eq!(put(address, target, 10), 403, "{target}");
    }
    let deleted = Request::new(address, "DELETE", "/files/a").send();
    assert_eq!(deleted.status, 403);
}

/// http.md, Writing: no space is 507, the target is untouched, and the temporary file is gone.
#[test]
fn an_upload_without_space_is_507_and_changes_nothing() {
    let script = "mount -t tmpfs -o size=1m small \"$0\"";
    let folder = tempfile::tempdir().unwrap();
    if !may_mount(folder.path()) {
        return;
    }
    let (process, address) = serve_after(&MOUNTING, script, folder.path());
    assert_eq!(put(address, "/files/a", 500_000), 201);
    for target in ["/files/a", "/files/new", "/files/x/y/new"] {
        // Some more than there is room for, and more than any buffer holds.
        for length in [600_000, 5_000_000] {
            assert_eq!(put(address, target, length), 507, "{target}");
        }
    }
    assert_nothing_has_changed(address);
    // What the failed uploads took is free again.
    assert_eq!(put(address, "/files/b", 500_000), 201);
    assert_eq!(put(address, "/files/a", 100_000), 507);
    assert_eq!(
        Request::new(address, "DELETE", "/files/b").send().status,
        204
    );
    assert_eq!(put(address, "/files/a", 100_000), 204);
    // The operator is told, whom clients are told to ask.
    signal(&process, Signal::TERM);
    let (_, _, stderr) = process.end();
    for target in ["/files/a", "/files/new", "/files/x/y/new"] {
        let told = format!("no space is left, at {target} ");
        assert!(stderr.contains(&told), "{told}: {stderr}");
    }
}

/// http.md, Writing: too large is 413. A limit on the size of files needs no rights, so writing
/// fails half-way on every machine at least once.
#[test]
fn an_upload_larger_than_files_may_be_is_413_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    // In blocks of 512 bytes.
    let (_process, address) = serve_after(&["sh"], "ulimit -f 1024", folder.path());
    assert_eq!(put(address, "/files/a", 500_000), 201);
    for target in ["/files/a", "/files/new", "/files/x/y/new"] {
        for length in [600_000, 5_000_000] {
            assert_eq!(put(address, target, length), 413, "{target}");
        }
    }
    assert_nothing_has_changed(address);
    assert!(std::fs::read_dir(folder.path()).unwrap().count() == 1);
    assert_eq!(put(address, "/files/a", 500_001), 204);
}
