//! The servers: how each is started with its defaults, on a core of its own.

use crate::load::{FILES, FIRST, Load};
use anyhow::{Context, Result, bail};
use rustix::fs::statvfs;
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::ffi::OsStr;
use std::fs::File;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub(crate) const REQUEST: &str = "isolation request";
pub(crate) const CONNECTION: &str = "isolation connection";
pub(crate) const SHARED: &str = "isolation shared";
pub(crate) const SERVE: &str = "wasmtime serve";
pub(crate) const NGINX: &str = "nginx";
pub(crate) const HYPER: &str = "native hyper";

/// The version of wasmtime to compare with.
const WASMTIME: &str = "48.";

/// `wasmtime serve`, built of what is in the workspace anyway.
const BUILT_SERVE: &str = env!("CARGO_BIN_EXE_wasmtime-serve");

/// How long a server may take to start, or to stop.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where files are, if there is such a file system: on a disk, some rename an upload over the one
/// before only when its content is written, and that would be what is measured.
const MEMORY: &str = "/dev/shm";

/// As much as is uploaded at once, and more.
const ROOM: u64 = 2 << 30;

/// A server that can be started.
pub(crate) struct Server {
    pub(crate) name: &'static str,
    kind: Kind,
    program: PathBuf,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Ours(&'static str),
    WasmtimeServe,
    Nginx,
    Hyper,
    StaticWebServer,
    Miniserve,
    Dufs,
}

/// What all servers have in common: the files they serve, and the cores.
pub(crate) struct Bench {
    directory: TempDir,
    /// A folder for compiled code, which the first start of a server fills.
    pub(crate) cache: PathBuf,
    server_core: CpuSet,
    client_core: CpuSet,
}

/// A server that runs until this is dropped.
pub(crate) struct Running {
    child: Child,
    pub(crate) address: SocketAddr,
    /// From exec to the first answer.
    pub(crate) first_answer: Duration,
}

/// All servers that there are, and what is not installed.
pub(crate) fn all(target: &Path) -> (Vec<Server>, Vec<String>) {
    let ours = || Some(target.join("release").join("http-server"));
    let installed = installed_wasmtime();
    let is_installed = installed.is_some();
    let candidates = [
        (REQUEST, Kind::Ours("request"), ours()),
        (CONNECTION, Kind::Ours("connection"), ours()),
        (SHARED, Kind::Ours("shared"), ours()),
        (
            SERVE,
            Kind::WasmtimeServe,
            installed.or_else(|| Some(BUILT_SERVE.into())),
        ),
        (NGINX, Kind::Nginx, find("nginx")),
        (
            HYPER,
            Kind::Hyper,
            Some(env!("CARGO_BIN_EXE_native-hyper").into()),
        ),
        (
            "static-web-server",
            Kind::StaticWebServer,
            find("static-web-server"),
        ),
        ("miniserve", Kind::Miniserve, find("miniserve")),
        ("dufs", Kind::Dufs, find("dufs")),
    ];
    let (mut servers, mut missing) = (Vec::new(), Vec::new());
    if !is_installed {
        missing.push(format!(
            "{SERVE} is built here, with the optimisations of ours: no wasmtime {WASMTIME} is on the PATH"
        ));
    }
    for (name, kind, program) in candidates {
        match program {
            Some(program) => servers.push(Server {
                name,
                kind,
                program,
            }),
            None => missing.push(format!("not measured: {name} is not on the PATH")),
        }
    }
    (servers, missing)
}

/// `wasmtime` as its users have it, if it is the version that ours is made with.
fn installed_wasmtime() -> Option<PathBuf> {
    let program = find("wasmtime")?;
    let said = Command::new(&program).arg("--version").output().ok()?;
    let said = String::from_utf8(said.stdout).ok()?;
    let version = said.strip_prefix("wasmtime ")?;
    version.starts_with(WASMTIME).then_some(program)
}

/// A program on the PATH. nginx is where only some users look.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into()])
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
}

impl Bench {
    pub(crate) fn new() -> Result<Self> {
        let room = statvfs(MEMORY).map_or(0, |it| it.f_bavail * it.f_frsize);
        let directory = if room > ROOM {
            tempfile::tempdir_in(MEMORY)?
        } else {
            tempfile::tempdir()?
        };
        let files = directory.path().join("files");
        std::fs::create_dir(&files)?;
        for (name, size) in FILES {
            std::fs::write(files.join(name), vec![b'x'; size])?;
        }
        std::fs::write(directory.path().join("component"), http_server::COMPONENT)?;

        let allowed = sched_getaffinity(None)?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core));
        let mut core = || -> Result<CpuSet> {
            let mut set = CpuSet::new();
            set.set(cores.next().context("this needs two cores")?);
            Ok(set)
        };
        let (server_core, client_core) = (core()?, core()?);
        // Also of what is started from here, such as wrk.
        sched_setaffinity(None, &client_core)?;
        Ok(Self {
            cache: directory.path().join("cache"),
            directory,
            server_core,
            client_core,
        })
    }

    /// Removes what servers leave behind that were interrupted in the middle of uploads, under names of
    /// their own: each upload of ours would look at it. Some may be about to remove theirs.
    pub(crate) fn sweep(&self) -> Result<()> {
        for entry in std::fs::read_dir(self.path("files"))? {
            let entry = entry?;
            if FILES.iter().all(|(name, _)| entry.file_name() != *name)
                && let Err(error) = std::fs::remove_file(entry.path())
                && error.kind() != ErrorKind::NotFound
            {
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// A path in the folder of this run.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn spawn_on_server_core(&self, command: &mut Command) -> Result<Child> {
        sched_setaffinity(None, &self.server_core)?;
        let child = command.spawn();
        sched_setaffinity(None, &self.client_core)?;
        child.context(format!("{command:?} does not start"))
    }
}

impl Server {
    /// Whether it is ours.
    pub(crate) fn is_ours(&self) -> bool {
        matches!(self.kind, Kind::Ours(_))
    }

    /// Whether it has an answer to such requests. nginx and most others take no POST for a file,
    /// and have no routes but files, save what nginx is told to return.
    pub(crate) fn takes(&self, load: &Load) -> bool {
        match self.kind {
            Kind::Ours(_) | Kind::WasmtimeServe | Kind::Hyper => true,
            Kind::Nginx => !load.is_upload(),
            Kind::StaticWebServer | Kind::Miniserve | Kind::Dufs => {
                !load.is_upload() && load.path.starts_with("/files/")
            }
        }
    }

    /// Starts it, with its compiled code kept in `cache`, and waits for its first answer.
    pub(crate) fn start(&self, bench: &Bench, cache: &Path) -> Result<Running> {
        std::fs::create_dir_all(cache)?;
        let port = free_port()?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let log = bench.path(&format!("{port}.log"));
        let mut command = self.command(bench, port)?;
        command
            .env("XDG_CACHE_HOME", cache)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?);
        let started = Instant::now();
        let mut running = Running {
            child: bench.spawn_on_server_core(&mut command)?,
            address,
            first_answer: Duration::ZERO,
        };
        while FIRST.check(&running).is_err() {
            if running.child.try_wait()?.is_some() || started.elapsed() > PATIENCE {
                let said = std::fs::read_to_string(log)?;
                bail!("{} does not start: {command:?}: {said}", self.name);
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        running.first_answer = started.elapsed();
        Ok(running)
    }

    fn command(&self, bench: &Bench, port: u16) -> Result<Command> {
        let (root, files) = (bench.path(""), bench.path("files"));
        let address = format!("127.0.0.1:{port}");
        let text = |path: &Path| path.display().to_string();
        let arguments: Vec<String> = match self.kind {
            Kind::Ours(isolation) => vec![
                format!("--listen={address}"),
                format!("--directory={}", text(&files)),
                format!("--isolation={isolation}"),
                "--env=FILES_SYNC=0".into(),
            ],
            Kind::WasmtimeServe => {
                let subcommand = (self.program != Path::new(BUILT_SERVE)).then(|| "serve".into());
                let arguments = [
                    format!("--addr={address}"),
                    // The component reads its variables.
                    "-Scli".into(),
                    format!("--dir={}::/files", text(&files)),
                    "--env=FILES_SYNC=0".into(),
                    text(&bench.path("component")),
                ];
                subcommand.into_iter().chain(arguments).collect()
            }
            Kind::Nginx => {
                let configuration = bench.path(&format!("nginx-{port}.conf"));
                let content = include_str!("nginx.conf")
                    .replace("ADDRESS", &address)
                    .replace("ROOT", &text(&root));
                std::fs::write(&configuration, content)?;
                vec!["-p".into(), text(&root), "-c".into(), text(&configuration)]
            }
            Kind::Hyper => vec![address, text(&files)],
            Kind::StaticWebServer => vec![
                "--host=127.0.0.1".into(),
                format!("--port={port}"),
                format!("--root={}", text(&root)),
            ],
            Kind::Miniserve => vec![
                "--interfaces=127.0.0.1".into(),
                format!("--port={port}"),
                text(&root),
            ],
            Kind::Dufs => vec![
                "--bind=127.0.0.1".into(),
                format!("--port={port}"),
                text(&root),
            ],
        };
        let mut command = Command::new(&self.program);
        command.args(arguments);
        // The operator's settings are not the defaults.
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"HTTP_SERVER_") {
                command.env_remove(name);
            }
        }
        if self.kind == Kind::Nginx {
            command.args([OsStr::new("-e"), bench.path("nginx.log").as_os_str()]);
        }
        Ok(command)
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

impl Running {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Politely, so that it takes its children along.
        if let Some(id) = Pid::from_raw(self.id().cast_signed()) {
            let _ = kill_process(id, Signal::TERM);
        }
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
