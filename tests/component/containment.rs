//! Nothing outside the directory can be reached.

use super::*;
use std::os::unix::fs::symlink;

const SECRET: &str = "TOP-SECRET";

/// A directory in a directory with a secret, and links that lead to it.
fn bait(setup: Setup) -> Setup {
    let outside = setup.path().with_extension("secret");
    std::fs::write(&outside, SECRET).unwrap();
    let setup = setup.file("a.txt", ALPHABET);
    let name = outside.file_name().unwrap().to_str().unwrap().to_owned();
    symlink(format!("../{name}"), setup.path().join("link-out")).unwrap();
    symlink(&outside, setup.path().join("link-absolute")).unwrap();
    symlink("..", setup.path().join("dir-out")).unwrap();
    symlink("/", setup.path().join("dir-root")).unwrap();
    setup
}

fn outside(server: &TestServer) -> std::path::PathBuf {
    server.path().with_extension("secret")
}

on_both_hosts! {
    fn no_path_leads_out(server, bait) {
        let name = outside(server).file_name().unwrap().to_str().unwrap().to_owned();
        for target in [
            "../NAME", "%2e%2e/NAME", "%2E%2e/NAME", "..%2fNAME", "..%5cNAME", "..\\NAME", "./../NAME", "a.txt/../../NAME",
            "%c0%ae%c0%ae/NAME", "..%00/NAME", "../NAME%00.txt", "/../NAME", "//NAME", "/etc/passwd", "%2fetc%2fpasswd", "file:///etc/passwd",
            "link-out", "link-absolute", "dir-out/NAME", "dir-root/etc/passwd", "..", "../", ".", "dir-out", "dir-out/", "dir-root/",
        ] {
            let target = target.replace("NAME", &name);
            for method in ["GET", "HEAD", "PUT", "DELETE"] {
                let response = server.request(method, &format!("/files/{target}")).content("overwritten").send();
                assert!(matches!(response.status, 400 | 403 | 404 | 405 | 409), "{method} {target}: {}", response.status);
                let content = String::from_utf8_lossy(&response.content).into_owned();
                assert!(!content.contains(SECRET) && !content.contains("root:"), "{target}");
            }
        }
        assert_eq!(std::fs::read_to_string(outside(server)).unwrap(), SECRET);
        std::fs::remove_file(outside(server)).unwrap();
    }

    fn a_link_that_leads_out_is_not_listed(server, bait) {
        let listing = server.get("/files/").send();
        assert!(listing.text().contains("a.txt") && !listing.text().contains("link") && !listing.text().contains("dir-"));
        std::fs::remove_file(outside(server)).unwrap();
    }

    fn a_link_that_is_swapped_while_it_is_read_leads_nowhere(server, bait) {
        let (inside, link) = (server.path().join("inside"), server.path().join("swapped"));
        std::fs::create_dir(&inside).unwrap();
        std::fs::write(inside.join("file"), "inside").unwrap();
        std::fs::write(server.path().with_extension("d-file"), SECRET).unwrap();
        let done = &std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let temporary = link.with_extension("new");
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    for to in ["inside", ".."] {
                        symlink(to, &temporary).unwrap();
                        std::fs::rename(&temporary, &link).unwrap();
                    }
                }
            });
            for _ in 0..300 {
                let response = server.get("/files/swapped/file").send();
                assert!(matches!(response.status, 200 | 404), "{}", response.status);
                assert!(response.status == 404 || response.text() == "inside");
            }
            done.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        std::fs::remove_file(server.path().with_extension("d-file")).unwrap();
        std::fs::remove_file(outside(server)).unwrap();
    }
}
