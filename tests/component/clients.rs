//! Clients that people use.
//!
//! Those named in `HTTP_SERVER_TESTS_REQUIRE_CLIENTS`, as CI sets it, must be there. Without the
//! others, a case says that it was not tested.

use super::*;
use std::path::Path;
use std::process::{Command, Output};
use tests::Process;

/// What a client is run in: a directory of its own.
struct Client {
    name: &'static str,
    directory: tempfile::TempDir,
}

impl Client {
    /// The client of this name, if there is one on the PATH.
    fn find(name: &'static str) -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        if !std::env::split_paths(&path).any(|folder| folder.join(name).is_file()) {
            let required = std::env::var("HTTP_SERVER_TESTS_REQUIRE_CLIENTS").unwrap_or_default();
            assert!(
                !required.split(' ').any(|it| it == name),
                "{name} is not on the PATH"
            );
            eprintln!("not tested: {name} is not on the PATH");
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        Some(Self { name, directory })
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path().join(name)).unwrap()
    }

    /// Runs the client to its end, whatever the user has set up for it.
    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(self.name);
        for variable in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
            command.env_remove(variable);
        }
        command
            .env("HOME", self.path())
            .current_dir(self.path())
            .args(arguments)
            .output()
            .unwrap()
    }

    /// Runs the client, which must succeed: what it says on stdout.
    fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {stderr}");
        String::from_utf8(output.stdout).unwrap()
    }
}

fn url(server: &TestServer, name: &str) -> String {
    format!("http://{}/files/{name}", server.address)
}

/// Content in which no part is like another.
fn content() -> Vec<u8> {
    (0..2_000_000_u32).flat_map(u32::to_be_bytes).collect()
}

/// What a client that resumes makes of a download it has the first half of: as that half is marked,
/// what it asked for is seen.
fn resumed() -> (Vec<u8>, Vec<u8>) {
    let marked = vec![b'x'; 4_000_000];
    let whole = [&marked, &content()[4_000_000..]].concat();
    (marked, whole)
}

fn large(setup: Setup) -> Setup {
    setup.file("large", content())
}

on_both_hosts! {
    fn curl_resumes_a_download(server, large) {
        let Some(curl) = Client::find("curl") else { return };
        let (marked, whole) = resumed();
        std::fs::write(curl.path().join("large"), marked).unwrap();
        let said = curl.succeed(&["-sSf", "-C", "-", "-O", "-w", "%{http_code}", &url(server, "large")]);
        assert_eq!(said, "206");
        assert!(curl.read("large") == whole);
    }

    /// With a length, and in chunks; to a name, and to the name of the file.
    fn curl_uploads(server, bare) {
        let Some(curl) = Client::find("curl") else { return };
        std::fs::write(curl.path().join("large"), content()).unwrap();
        let upload = |arguments: &[&str], target: &str| {
            curl.succeed(&[&["-sSf", "-w", "%{http_code}"], arguments, &[&url(server, target)]].concat())
        };
        assert_eq!(upload(&["-T", "large"], "x/y/new"), "201");
        assert_eq!(upload(&["-T", "large"], ""), "201");
        assert_eq!(upload(&["-T", "large"], ""), "204");
        assert_eq!(upload(&["-T", "large", "-H", "Transfer-Encoding: chunked"], "chunked"), "201");
        for name in ["x/y/new", "large", "chunked"] {
            assert!(server.read(name).unwrap() == content(), "{name}");
        }
    }

    /// RFC 9110 14.5: curl asks with Content-Range, and is refused.
    fn curl_does_not_resume_an_upload(server, large) {
        let Some(curl) = Client::find("curl") else { return };
        std::fs::write(curl.path().join("large"), "other").unwrap();
        let said = curl.run(&["-sS", "-C", "2", "-T", "large", "-o", "answer", "-w", "%{http_code}", &url(server, "large")]);
        assert_eq!(said.stdout, b"400");
        assert!(server.read("large").unwrap() == content());
    }

    fn curl_fetches_only_what_has_changed(server, alphabet) {
        let Some(curl) = Client::find("curl") else { return };
        let url = url(server, "a.txt");
        let fetch = |arguments: &[&str]| curl.succeed(&[&["-sSf", "-w", "%{http_code} %{size_download}", &url], arguments].concat());
        assert_eq!(fetch(&["-R", "-o", "a.txt"]), "200 26");
        assert_eq!(fetch(&["-z", "a.txt", "-o", "again"]), "304 0");
        assert_eq!(fetch(&["-z", "Sun, 06 Nov 1994 08:49:37 GMT", "-o", "again"]), "200 26");
        assert_eq!(fetch(&["--etag-save", "tag", "-o", "again"]), "200 26");
        assert_eq!(fetch(&["--etag-compare", "tag", "-o", "again"]), "304 0");
    }

    fn curl_decodes_what_it_accepts(server, |setup| setup.file("a.txt", ALPHABET.repeat(1000))) {
        let Some(curl) = Client::find("curl") else { return };
        let said = curl.succeed(&["-sSf", "--compressed", "-o", "a.txt", "-w", "%{size_download}", &url(server, "a.txt")]);
        assert!(said.parse::<usize>().unwrap() < 1000, "{said}");
        assert_eq!(curl.read("a.txt"), ALPHABET.repeat(1000).as_bytes());
    }

    fn wget_resumes_a_download(server, large) {
        let Some(wget) = Client::find("wget") else { return };
        let (marked, whole) = resumed();
        std::fs::write(wget.path().join("large"), marked).unwrap();
        // The second time there is nothing left to fetch, which 416 tells it.
        for _ in 0..2 {
            wget.succeed(&["--no-config", "-c", &url(server, "large")]);
            assert!(wget.read("large") == whole);
        }
    }

    fn wget_mirrors_a_directory(server, |setup| setup.file("a b.txt", "a").file("sub/<b>.txt", "b")) {
        let Some(wget) = Client::find("wget") else { return };
        wget.succeed(&["--no-config", "-r", "-np", "-nH", "--cut-dirs=1", "--header=Accept: text/html", &url(server, "")]);
        assert_eq!((wget.read("a b.txt"), wget.read("sub/<b>.txt")), (b"a".to_vec(), b"b".to_vec()));
    }

    fn aria2c_fetches_ranges_in_parallel(server, large) {
        let Some(aria2c) = Client::find("aria2c") else { return };
        // Without a limit, one connection has it all before the others have begun.
        aria2c.succeed(&["--no-conf", "-x4", "-s4", "-k1M", "--max-overall-download-limit=8M", "--log=log", "--log-level=info", &url(server, "large")]);
        assert!(aria2c.read("large") == content());
        let log = aria2c.read("log");
        let log = String::from_utf8_lossy(&log);
        assert!(log.matches("206 Partial Content").count() >= 3, "{log}");
    }

    /// A browser lets nobody seek in a file whose server does not answer ranges.
    fn a_browser_seeks_in_a_media_file(server, |setup| {
        wave(&setup.path().join("sound.wav"));
        setup.file("page.html", PAGE)
    }) {
        let Some(chromium) = Client::find("chromium") else { return };
        // A page that is debugged stays open.
        let profile = format!("--user-data-dir={}", chromium.path().display());
        let _browser = Process::start(Path::new("chromium"), &[
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--no-proxy-server",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--remote-debugging-port=0", &profile, &url(server, "page.html"),
        ], &[]);
        tests::eventually(|| server.read("result").is_some());
        assert_eq!(String::from_utf8(server.read("result").unwrap()).unwrap(), "seeked to 500 of 600, seekable to 600");
    }
}

/// Seeks, and tells the server what came of it.
const PAGE: &str = "<!DOCTYPE html><audio src='sound.wav' preload='metadata'></audio><script>
const audio = document.querySelector('audio');
const tell = what => fetch('result', {
    method: 'PUT',
    body: `${what} to ${audio.currentTime} of ${audio.duration}, seekable to ${audio.seekable.end(0)}`,
});
audio.onerror = () => tell('failed');
audio.onseeked = () => tell('seeked');
audio.onloadedmetadata = () => { audio.currentTime = 500 };
</script>";

/// Ten minutes of silence: 16 bit, stereo, 44100 Hz.
fn wave(path: &Path) {
    const RATE: u32 = 44_100 * 4;
    let length = RATE * 600;
    let format: [&[u8]; 13] = [
        b"RIFF",
        &(36 + length).to_le_bytes(),
        b"WAVE",
        b"fmt ",
        &16_u32.to_le_bytes(),
        &1_u16.to_le_bytes(),
        &2_u16.to_le_bytes(),
        &44_100_u32.to_le_bytes(),
        &RATE.to_le_bytes(),
        &4_u16.to_le_bytes(),
        &16_u16.to_le_bytes(),
        b"data",
        &length.to_le_bytes(),
    ];
    std::fs::write(path, format.concat()).unwrap();
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_len(u64::from(length) + 44).unwrap();
}
