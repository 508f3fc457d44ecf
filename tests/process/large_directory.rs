//! A directory of 100,000 entries.

use super::*;
use std::sync::atomic::{AtomicBool, Ordering};

const ENTRIES: usize = 100_000;

/// The most memory that a process has had, in KiB.
fn peak(process: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kibibytes.unwrap().parse().unwrap()
}

/// Lists the directory, and says how many other requests were answered meanwhile.
fn list(address: SocketAddr, accept: &str) -> (String, usize) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let listing = scope.spawn(|| {
            let listing = Request::new(address, "GET", "/files/")
                .field("Accept", accept)
                .send();
            done.store(true, Ordering::Relaxed);
            assert_eq!(listing.status, 200);
            listing.text().to_owned()
        });
        let mut other = Connection::open(address).unwrap();
        let mut answered = 0;
        while !done.load(Ordering::Relaxed) {
            let response = Request::new(address, "GET", "/echo/on").send_on(&mut other);
            assert_eq!(response.unwrap().text(), "on");
            answered += 1;
        }
        (listing.join().unwrap(), answered)
    })
}

/// http.md, Reading, and issue 3: within 64 MiB, and without holding up the only thread.
#[test]
fn a_directory_of_100_000_entries_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<_> = (0..ENTRIES)
        .map(|index| format!("photograph {index:06}.jpeg"))
        .collect();
    for name in names.iter().rev() {
        std::fs::File::create(folder.path().join(name)).unwrap();
    }
    let cache = tempfile::tempdir().unwrap();
    let arguments = [
        &*format!("--directory={}", folder.path().display()),
        &format!("--code-cache={}", cache.path().display()),
    ];
    // To compile the component takes more memory than is measured here.
    drop(serve(&arguments));
    let (process, address) = serve(&arguments);

    let (json, answered) = list(address, "application/json");
    let json: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
    assert!(json.iter().map(|entry| &entry["name"]).eq(&names));
    // One that was sent before the listing, and one after, say nothing.
    assert!(answered > 10, "{answered}");

    let (page, answered) = list(address, "text/html");
    let shown = page
        .split("</a>")
        .filter_map(|link| Some(link.rsplit_once("\">")?.1));
    assert!(shown.take(ENTRIES).eq(&names));
    assert!(answered > 10, "{answered}");

    let peak = peak(&process);
    println!("listed with {} MiB at most", peak / 1024);
    assert!(peak < 64 * 1024, "{peak} KiB");
}
