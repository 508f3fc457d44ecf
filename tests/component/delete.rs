//! DELETE of `/files/{path}`.

use super::*;
use std::os::unix::fs::symlink;

on_both_hosts! {
    fn files_links_and_empty_directories_go(server, |setup| {
        let setup = setup.file("a.txt", ALPHABET).file("sub/b", "").file("other/c", "");
        symlink("a.txt", setup.path().join("link")).unwrap();
        symlink("sub", setup.path().join("dir")).unwrap();
        setup
    }) {
        let delete = |target: &str| server.request("DELETE", target).send().status;
        assert_eq!((delete("/files/link"), delete("/files/dir")), (204, 204));
        assert_eq!(server.names(), ["a.txt", "other", "sub"], "what a link leads to stays");
        assert_eq!((delete("/files/sub"), delete("/files/sub/")), (409, 409));
        assert_eq!((delete("/files/sub/b"), delete("/files/sub/")), (204, 204));
        assert_eq!((delete("/files/a.txt"), delete("/files/a.txt")), (204, 404));
        assert_eq!((delete("/files/"), delete("/files"), delete("/files/.hidden")), (405, 405, 403));
        assert_eq!(server.names(), ["other"]);
    }

    /// A directory has no entity tag.
    fn preconditions_of_a_directory(server, |setup| setup.file("sub/a", "")) {
        std::fs::remove_file(server.path().join("sub/a")).unwrap();
        let delete = |name: &str, value: &str| server.request("DELETE", "/files/sub/").field(name, value).send().status;
        assert_eq!((delete("If-Match", "\"\""), delete("If-None-Match", "*")), (412, 412));
        assert_eq!(delete("If-Match", "*"), 204);
    }

    fn preconditions_apply(server, alphabet) {
        let tag = server.get("/files/a.txt").send().field("etag").unwrap().to_owned();
        let delete = |name: &str, value: &str| server.request("DELETE", "/files/a.txt").field(name, value).send().status;
        assert_eq!(delete("If-Match", "\"other\""), 412);
        assert_eq!(delete("If-None-Match", "*"), 412);
        assert_eq!(delete("If-Match", &tag), 204);
        assert_eq!(server.names(), [""; 0]);
    }
}
