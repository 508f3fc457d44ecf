//! The loads: what wrk asks for, and what it says of the answers.

use crate::process;
use crate::servers::{Bench, Running};
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::Command;
use tests::{Connection, Request};

const KIB: usize = 1024;
const MIB: usize = 1024 * 1024;

/// The files that are served.
pub(crate) const FILES: [(&str, usize); 3] =
    [("1k.bin", KIB), ("64k.bin", 64 * KIB), ("1m.bin", MIB)];

pub(crate) const ROOT: &str = "/";
pub(crate) const SMALL_FILE: &str = "1 KiB file";
pub(crate) const LARGE_FILE: &str = "1 MiB file";
pub(crate) const SMALL_POST: &str = "POST of 1 KiB";

/// Requests that wrk repeats.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) name: &'static str,
    pub(crate) path: &'static str,
    /// How much is sent with each, if anything.
    upload: Option<usize>,
    /// How much the answer has, if all servers have the same.
    download: Option<usize>,
}

const fn get(name: &'static str, path: &'static str, download: Option<usize>) -> Load {
    Load {
        name,
        path,
        upload: None,
        download,
    }
}

const fn post(name: &'static str, path: &'static str, upload: usize) -> Load {
    Load {
        name,
        path,
        upload: Some(upload),
        download: None,
    }
}

/// All loads.
pub(crate) static LOADS: [Load; 8] = [
    get(ROOT, "/", None),
    get("/echo/hello", "/echo/hello", Some("hello".len())),
    get("/user-agent", "/user-agent", Some("wrk".len())),
    get(SMALL_FILE, "/files/1k.bin", Some(KIB)),
    get("64 KiB file", "/files/64k.bin", Some(64 * KIB)),
    get(LARGE_FILE, "/files/1m.bin", Some(MIB)),
    post(SMALL_POST, "/files/small.upload", KIB),
    post("POST of 1 MiB", "/files/large.upload", MIB),
];

/// What a server is asked before anything else, as it is what all of them have.
pub(crate) static FIRST: Load = get("first", "/files/1k.bin", Some(KIB));

/// What came of one load, on one server, in one round.
pub(crate) struct Figure {
    pub(crate) round: usize,
    pub(crate) server: &'static str,
    pub(crate) load: &'static str,
    pub(crate) connections: usize,
    pub(crate) run: Run,
}

/// What came of one run of wrk.
#[derive(Debug)]
pub(crate) struct Run {
    /// Answered with 2xx or 3xx: quick errors are not speed.
    pub(crate) requests: f64,
    pub(crate) seconds: f64,
    /// Received.
    pub(crate) bytes: f64,
    /// Answers other than 2xx and 3xx, failures to connect, read or write, requests that took more
    /// than ten seconds; and it is an error if there are no answers.
    pub(crate) errors: f64,
    /// Half of the requests took no longer, in microseconds.
    pub(crate) median: f64,
    /// 99 of 100 requests took no longer, in microseconds.
    pub(crate) p99: f64,
    /// CPU time that the server used.
    pub(crate) cpu_seconds: f64,
}

impl Run {
    /// Requests per second.
    pub(crate) fn rate(&self) -> f64 {
        self.requests / self.seconds
    }

    /// CPU seconds of the server per GiB received.
    pub(crate) fn cpu_per_gib(&self) -> f64 {
        self.cpu_seconds / (self.bytes / f64::from(1 << 30))
    }

    /// How much longer than the median the 99th percentile is.
    pub(crate) fn tail(&self) -> f64 {
        self.p99 / self.median
    }
}

impl Load {
    pub(crate) fn is_upload(&self) -> bool {
        self.upload.is_some()
    }

    /// Whether the server does what it will be measured at.
    pub(crate) fn check(&self, server: &Running) -> Result<()> {
        let method = if self.is_upload() { "POST" } else { "GET" };
        let mut request =
            Request::new(server.address, method, self.path).field("User-Agent", "wrk");
        if let Some(size) = self.upload {
            request = request.content(vec![b'x'; size]);
        }
        let response = request.send_on(&mut Connection::open(server.address)?)?;
        let (status, length) = (response.status, response.content.len());
        let expected = if self.is_upload() { 201 } else { 200 };
        ensure!(status == expected, "{status} is not {expected}");
        let is_right = self.download.is_none_or(|size| size == length);
        ensure!(is_right, "{length} bytes are not {:?}", self.download);
        Ok(())
    }

    /// How long wrk runs: longer where so much is under way that few answers would be complete.
    pub(crate) fn seconds(&self, connections: usize, seconds: u64) -> u64 {
        let size = self.upload.or(self.download).unwrap_or(0);
        if connections * size < 256 * MIB {
            seconds
        } else {
            seconds * 3
        }
    }

    /// Runs wrk.
    pub(crate) fn run(
        &self,
        wrk: &Path,
        bench: &Bench,
        server: &Running,
        connections: usize,
        seconds: u64,
    ) -> Result<Run> {
        let script = bench.path("wrk.lua");
        std::fs::write(&script, self.script())?;
        let before = process::cpu_seconds(server.id())?;
        let output = Command::new(wrk)
            .arg("--threads=1")
            .arg(format!("--connections={connections}"))
            .arg(format!(
                "--duration={}s",
                self.seconds(connections, seconds)
            ))
            .arg("--timeout=10s")
            .arg("--script")
            .arg(script)
            .arg(format!("http://{}{}", server.address, self.path))
            .output()?;
        let cpu_seconds =
            process::cpu_seconds(server.id()).context("the server has ended")? - before;
        let said = String::from_utf8(output.stdout)?;
        let line = said.lines().find_map(|line| line.strip_prefix("RESULT "));
        let numbers = line.context(format!("no result in {said:?}"))?;
        let numbers: Vec<f64> = numbers
            .split(' ')
            .map(str::parse)
            .collect::<Result<_, _>>()?;
        let [requests, microseconds, bytes, errors, median, p99] = numbers[..] else {
            anyhow::bail!("what is {said:?}?");
        };
        Ok(Run {
            requests,
            seconds: microseconds / 1e6,
            bytes,
            errors: if requests > 0.0 { errors } else { errors + 1.0 },
            median,
            p99,
            cpu_seconds,
        })
    }

    fn script(&self) -> String {
        let upload = self.upload.map_or(String::new(), |size| {
            format!("wrk.method = 'POST'\nwrk.body = string.rep('x', {size})\n")
        });
        format!(
            "{upload}wrk.headers['User-Agent'] = 'wrk'
function done(summary, latency)
  local e = summary.errors
  print(string.format('RESULT %.0f %.0f %.0f %.0f %.0f %.0f',
    summary.requests - e.status, summary.duration, summary.bytes,
    e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"
        )
    }
}
