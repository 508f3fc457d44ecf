//! What is left when the server is killed in the middle of uploads.

use super::*;
use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, SystemTime};

const UPLOADS: usize = 200;

/// More than one read and one write move, and different in every upload and in every part.
fn content(round: usize, index: usize) -> Vec<u8> {
    format!("upload {index:03} of round {round:03}\n")
        .repeat(6000)
        .into_bytes()
}

fn names(folder: &Path) -> BTreeSet<String> {
    let names = fs::read_dir(folder).unwrap();
    names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

fn is_leftover(name: &str) -> bool {
    name.starts_with(".http-server-upload-")
}

/// Begins `UPLOADS` uploads, finishes some, and kills the server in the middle of the others.
fn kill_in_the_middle(folder: &Path, round: usize) {
    let (mut process, address) = serve(&[&format!("--directory={}", folder.display())]);
    let mut uploads: Vec<_> = (0..UPLOADS)
        .map(|index| {
            let mut connection = Connection::open(address).unwrap();
            let length = content(round, index).len();
            let head = format!(
                "PUT /files/{index} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
            );
            connection.send(head).unwrap();
            connection
        })
        .collect();
    // All of them are under way.
    for (index, upload) in uploads.iter_mut().enumerate() {
        assert_eq!(upload.head().unwrap().status, 100);
        let content = content(round, index);
        upload.send(&content[..content.len() / 2]).unwrap();
    }
    // Half of them get the rest. Some of these are answered, and so published; the server is killed
    // while it stores the others.
    for (index, upload) in uploads.iter_mut().enumerate().step_by(2) {
        let content = content(round, index);
        upload.send(&content[content.len() / 2..]).unwrap();
    }
    for upload in uploads.iter_mut().step_by(2).take(round * 5) {
        assert!(matches!(upload.response("PUT").unwrap().status, 201 | 204));
    }
    process.kill();
    for index in (0..UPLOADS).step_by(2).take(round * 5) {
        let stored = fs::read(folder.join(index.to_string())).unwrap();
        assert!(stored == content(round, index), "{index} was answered");
    }
}

/// http.md, Writing: a reader sees the old file or the new one, whole; temporary names are never
/// served or listed; those older than an hour are swept.
#[test]
fn killed_in_the_middle_of_200_uploads_20_times() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // A third of the names have content already.
    let mut current: Vec<Option<Vec<u8>>> = (0..UPLOADS)
        .map(|index| (index % 3 == 0).then(|| content(999, index)))
        .collect();
    for (index, content) in current.iter().enumerate() {
        if let Some(content) = content {
            fs::write(folder.join(index.to_string()), content).unwrap();
        }
    }
    let mut interrupted = 0;
    for round in 0..20 {
        kill_in_the_middle(folder, round);
        for (index, old) in current.iter_mut().enumerate() {
            let stored = fs::read(folder.join(index.to_string())).ok();
            assert!(
                stored == *old || stored == Some(content(round, index)),
                "{index} is neither old nor new"
            );
            *old = stored;
        }
        let leftovers: Vec<_> = names(folder)
            .into_iter()
            .filter(|it| is_leftover(it))
            .collect();
        // At least those that were not sent whole.
        assert!(leftovers.len() >= UPLOADS / 2, "{}", leftovers.len());
        interrupted += leftovers.len();

        let (_process, address) = serve(&[&format!("--directory={}", folder.display())]);
        let listing = Request::new(address, "GET", "/files/").send();
        let listing: Vec<serde_json::Value> = serde_json::from_slice(&listing.content).unwrap();
        let listed: BTreeSet<_> = listing
            .iter()
            .map(|entry| entry["name"].as_str().unwrap().to_owned())
            .collect();
        let published: BTreeSet<_> = names(folder)
            .into_iter()
            .filter(|it| !is_leftover(it))
            .collect();
        assert_eq!(listed, published);
        for method in ["GET", "HEAD"] {
            let target = format!("/files/{}", leftovers[0]);
            assert_eq!(Request::new(address, method, &target).send().status, 404);
        }

        let old = SystemTime::now() - Duration::from_secs(3601);
        for leftover in &leftovers[1..] {
            let file = fs::File::options()
                .write(true)
                .open(folder.join(leftover))
                .unwrap();
            file.set_modified(old).unwrap();
        }
        let upload = Request::new(address, "PUT", "/files/next")
            .content("next")
            .send();
        assert!(matches!(upload.status, 201 | 204));
        let left: Vec<_> = names(folder)
            .into_iter()
            .filter(|it| is_leftover(it))
            .collect();
        assert_eq!(left, leftovers[..1], "the young one stays");
        fs::remove_file(folder.join(&leftovers[0])).unwrap();
    }
    println!("{interrupted} uploads were interrupted");
}
