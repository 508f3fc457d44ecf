//! A program under test.

use crate::server::code_cache;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};

/// A program that runs until it ends or this is dropped.
pub struct Process {
    child: Child,
    stderr: BufReader<ChildStderr>,
    said: String,
}

impl Process {
    /// Starts a program, with these environment variables besides its own, and a cache folder of the tests.
    ///
    /// # Panics
    ///
    /// When it does not start.
    #[must_use]
    pub fn start(
        program: &Path,
        arguments: &[impl AsRef<OsStr>],
        variables: &[(&str, &str)],
    ) -> Self {
        let mut command = Command::new(program);
        // What the tester has set is for other servers.
        for (variable, _) in std::env::vars_os() {
            if variable.as_encoded_bytes().starts_with(b"HTTP_SERVER_") {
                command.env_remove(variable);
            }
        }
        command
            .env("XDG_CACHE_HOME", code_cache())
            .args(arguments)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", program.display()));
        let stderr = BufReader::new(child.stderr.take().expect("stderr is piped"));
        Self {
            child,
            stderr,
            said: String::new(),
        }
    }

    /// Waits for a line on stderr that has `text` in it.
    ///
    /// # Panics
    ///
    /// When the program ends before it says so.
    pub fn line_with(&mut self, text: &str) -> String {
        loop {
            let mut line = String::new();
            let length = self.stderr.read_line(&mut line).expect("no stderr");
            self.said.push_str(&line);
            assert!(
                length > 0,
                "it ended and never said {text:?}, but: {}",
                self.said
            );
            if line.contains(text) {
                return line.trim_end().to_owned();
            }
        }
    }

    /// Waits until the program ends: how, and all it said on stdout and on stderr.
    ///
    /// # Panics
    ///
    /// When what it said is not UTF-8.
    #[must_use]
    pub fn end(mut self) -> (ExitStatus, String, String) {
        self.stderr
            .read_to_string(&mut self.said)
            .expect("not UTF-8");
        let mut stdout = String::new();
        self.child
            .stdout
            .take()
            .expect("stdout is piped")
            .read_to_string(&mut stdout)
            .expect("not UTF-8");
        let status = self.child.wait().expect("no status");
        (status, stdout, std::mem::take(&mut self.said))
    }

    /// The number of the process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends the program at once, as nothing it can answer.
    pub fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
