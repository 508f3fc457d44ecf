//! Servers for tests: ours, in this process, and the real `wasmtime serve`.

use crate::client::{Connection, Request};
use crate::process::Process;
use http_server::cli::Cli;
use http_server::{COMPONENT, Server};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use tempfile::TempDir;
use tokio::sync::oneshot;

/// With this variable set, our host runs all components as they are, and none flattened.
const UNFLATTENED: &str = "HTTP_SERVER_TESTS_UNFLATTENED";

/// The host that a case runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// Ours.
    Ours,
    /// The real `wasmtime serve`.
    WasmtimeServe,
}

/// What a server is started with.
pub struct Setup {
    host: Host,
    directory: TempDir,
    is_mapped: bool,
    read_only: bool,
    variables: Vec<(String, String)>,
    flags: Vec<String>,
    is_whole: bool,
}

/// A server, until it is dropped.
pub struct TestServer {
    /// The address it listens on.
    pub address: SocketAddr,
    directory: TempDir,
    running: Running,
}

enum Running {
    InProcess {
        stop: Option<oneshot::Sender<()>>,
        thread: Option<JoinHandle<()>>,
    },
    Process(Process),
}

impl Setup {
    /// A server on `host`, over an empty directory.
    ///
    /// # Panics
    ///
    /// When there can be no directory.
    #[must_use]
    pub fn new(host: Host) -> Self {
        let directory = tempfile::tempdir().expect("no temporary directory");
        Self {
            host,
            directory,
            is_mapped: true,
            read_only: false,
            variables: Vec::new(),
            flags: Vec::new(),
            is_whole: false,
        }
    }

    /// A server of our own, over an empty directory in memory: on tmpfs.
    ///
    /// # Panics
    ///
    /// When there can be no directory.
    #[must_use]
    pub fn in_memory() -> Self {
        let directory = tempfile::tempdir_in("/dev/shm").expect("no directory in memory");
        Self {
            directory,
            ..Self::new(Host::Ours)
        }
    }

    /// Puts a file into the directory, and the directories around it.
    ///
    /// # Panics
    ///
    /// When the file can't be written.
    #[must_use]
    pub fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a name")).expect("no directory");
        std::fs::write(path, content).expect("no file");
        self
    }

    /// The directory that will be served.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Sets an environment variable of the component.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds flags of our host's.
    #[must_use]
    pub fn flags(mut self, flags: &[&str]) -> Self {
        self.flags.extend(flags.iter().map(|&flag| flag.to_owned()));
        self
    }

    /// Maps the directory without write permission.
    #[must_use]
    pub fn read_only(self) -> Self {
        Self {
            read_only: true,
            ..self
        }
    }

    /// Has our host run the component as it is, and not flattened.
    #[must_use]
    pub fn unflattened(self) -> Self {
        Self {
            is_whole: true,
            ..self
        }
    }

    /// Maps no directory.
    #[must_use]
    pub fn unmapped(self) -> Self {
        Self {
            is_mapped: false,
            ..self
        }
    }

    /// Starts the server.
    ///
    /// # Panics
    ///
    /// When it does not start.
    #[must_use]
    pub fn start(self) -> TestServer {
        match self.host {
            Host::Ours => self.start_ours(),
            Host::WasmtimeServe => self.start_wasmtime_serve(),
        }
    }

    fn start_ours(self) -> TestServer {
        let mut arguments = vec!["http-server".to_owned(), "--listen=127.0.0.1:0".to_owned()];
        if !self.flags.iter().any(|flag| flag.starts_with("--threads")) {
            arguments.push("--threads=2".to_owned());
        }
        // A directory of no use to others: tests share nothing but what they compile.
        arguments.push(format!("--code-cache={}", code_cache().display()));
        if self.is_mapped {
            arguments.push(format!("--directory={}", self.path().display()));
        }
        arguments.extend(self.read_only.then(|| "--read-only".to_owned()));
        arguments.extend(
            self.variables
                .iter()
                .map(|(name, value)| format!("--env={name}={value}")),
        );
        let component = self.directory.path().with_extension("wasm");
        let is_whole = self.is_whole || std::env::var_os(UNFLATTENED).is_some();
        let mut flags = self.flags;
        if is_whole {
            let at = flags.iter().position(|flag| flag == "--component");
            let bytes = match at {
                Some(at) => {
                    flags.remove(at);
                    std::fs::read(flags.remove(at)).expect("no component")
                }
                None => COMPONENT.to_vec(),
            };
            std::fs::write(&component, unflattened(bytes)).expect("no file");
            flags.push(format!("--component={}", component.display()));
        }
        arguments.extend(flags);
        let config = Cli::read(arguments).expect("wrong flags").into_config();
        let server = Server::bind(config).expect("no server");
        if is_whole {
            std::fs::remove_file(component).expect("no file");
        }
        let address = server.local_addr().expect("no address");
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("no runtime");
            let stopped = async { drop(stopped.await) };
            runtime.block_on(server.serve(stopped)).expect("no threads");
        });
        let running = Running::InProcess {
            stop: Some(stop),
            thread: Some(thread),
        };
        TestServer {
            address,
            directory: self.directory,
            running,
        }
    }

    fn start_wasmtime_serve(self) -> TestServer {
        assert!(
            self.flags.is_empty() && !self.read_only,
            "wasmtime serve has no such flags"
        );
        let component = self.directory.path().with_extension("wasm");
        std::fs::write(&component, COMPONENT).expect("no file");
        let mut arguments = vec!["--addr=127.0.0.1:0".to_owned(), "-Scli".to_owned()];
        if self.is_mapped {
            arguments.push(format!("--dir={}::/files", self.path().display()));
        }
        arguments.extend(
            self.variables
                .iter()
                .map(|(name, value)| format!("--env={name}={value}")),
        );
        arguments.push(component.display().to_string());
        let mut process = Process::start(&binary("wasmtime-serve"), &arguments, &[]);
        let line = process.line_with("Serving HTTP on ");
        std::fs::remove_file(component).expect("no file");
        let address = line
            .rsplit("http://")
            .next()
            .and_then(|url| url.trim_end_matches('/').parse().ok());
        let address = address.unwrap_or_else(|| panic!("no address in {line:?}"));
        TestServer {
            address,
            directory: self.directory,
            running: Running::Process(process),
        }
    }
}

/// The same component, in a form that our host does not flatten: with a component inside that has a module,
/// of which there is no instance.
#[must_use]
pub fn unflattened(mut component: Vec<u8>) -> Vec<u8> {
    const MODULE: &[u8] = b"\x01\x08\0asm\x01\0\0\0";
    const HEADER: &[u8] = b"\0asm\x0d\0\x01\0";
    component.push(4);
    component.push((HEADER.len() + MODULE.len()) as u8);
    component.extend([HEADER, MODULE].concat());
    component
}

/// A binary of this package's, which is beside the folder that the test runs in.
fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("no path");
    test.parent()
        .and_then(Path::parent)
        .expect("no folder")
        .join(name)
}

/// The folder in which the servers of the tests keep code that they have compiled.
pub(crate) fn code_cache() -> PathBuf {
    binary("test-code-cache")
}

impl TestServer {
    /// The directory that is served.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The content of a file that is served.
    #[must_use]
    pub fn read(&self, name: &str) -> Option<Vec<u8>> {
        std::fs::read(self.path().join(name)).ok()
    }

    /// The names in the directory, sorted.
    ///
    /// # Panics
    ///
    /// When it can't be read.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path()).expect("no directory");
        let mut names: Vec<_> = entries
            .map(|entry| {
                entry
                    .expect("no entry")
                    .file_name()
                    .into_string()
                    .expect("no name")
            })
            .collect();
        names.sort();
        names
    }

    /// Opens a connection.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[must_use]
    pub fn connect(&self) -> Connection {
        Connection::open(self.address).expect("no connection")
    }

    /// Sends a GET request on a connection of its own, and receives nothing yet.
    ///
    /// # Panics
    ///
    /// When there is no connection.
    #[must_use]
    pub fn begin(&self, target: &str) -> Connection {
        let mut connection = self.connect();
        connection
            .send(format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"))
            .expect("no connection");
        connection
    }

    /// A request, to be sent on a connection of its own.
    #[must_use]
    pub fn request(&self, method: &str, target: &str) -> Request {
        Request::new(self.address, method, target)
    }

    /// A GET request.
    #[must_use]
    pub fn get(&self, target: &str) -> Request {
        self.request("GET", target)
    }

    /// Sends bytes on a connection of their own, and receives all that comes.
    ///
    /// # Panics
    ///
    /// When there is no connection.
    #[must_use]
    pub fn raw(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut connection = self.connect();
        // A server that refuses need not read it all.
        let _ = connection.send(bytes);
        String::from_utf8_lossy(&connection.receive_to_end()).into_owned()
    }

    /// Tells the server to stop, and waits until it has.
    ///
    /// # Panics
    ///
    /// When it panicked.
    pub fn stop(&mut self) {
        self.begin_to_stop();
        if let Running::InProcess { thread, .. } = &mut self.running
            && let Some(thread) = thread.take()
        {
            thread.join().expect("the server panicked");
        }
    }

    /// Tells the server to stop.
    pub fn begin_to_stop(&mut self) {
        match &mut self.running {
            Running::InProcess { stop, .. } => drop(stop.take()),
            Running::Process(process) => process.kill(),
        }
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.begin_to_stop();
    }
}
