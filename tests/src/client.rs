//! A client that sends bytes as they are given, and shows what came back as it came.

use anyhow::{Context, Result, bail, ensure};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// Long enough for anything that comes at all: no test waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection to a server.
pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// A response, as it came.
#[derive(Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The reason phrase.
    pub reason: String,
    /// The fields, in the order they came.
    pub fields: Vec<(String, Vec<u8>)>,
    /// The content, without its framing.
    pub content: Vec<u8>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            received: Vec::new(),
        })
    }

    /// Sends bytes.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> Result<()> {
        Ok(self.stream.write_all(bytes.as_ref())?)
    }

    /// Says that nothing more will be sent.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn finish_sending(&mut self) -> Result<()> {
        Ok(self.stream.shutdown(Shutdown::Write)?)
    }

    /// The socket itself.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Receives some bytes more. None are the end.
    fn receive(&mut self) -> Result<usize> {
        let mut buffer = vec![0; 64 * 1024];
        let length = self.stream.read(&mut buffer)?;
        self.received.extend_from_slice(&buffer[..length]);
        Ok(length)
    }

    /// Receives `length` bytes.
    ///
    /// # Errors
    ///
    /// When the connection ends before.
    pub fn receive_some(&mut self, length: usize) -> Result<Vec<u8>> {
        while self.received.len() < length {
            ensure!(
                self.receive()? > 0,
                "the connection ended after {} of {length} bytes",
                self.received.len()
            );
        }
        Ok(self.received.drain(..length).collect())
    }

    /// Receives until the server ends the connection; an error counts as its end.
    pub fn receive_to_end(&mut self) -> Vec<u8> {
        while self.receive().is_ok_and(|length| length > 0) {}
        std::mem::take(&mut self.received)
    }

    /// Receives until `bytes` have come, and takes all up to their end.
    ///
    /// # Errors
    ///
    /// When the connection ends before.
    pub fn receive_until(&mut self, bytes: &[u8]) -> Result<()> {
        loop {
            let mut windows = self.received.windows(bytes.len());
            if let Some(at) = windows.position(|window| window == bytes) {
                self.received.drain(..at + bytes.len());
                return Ok(());
            }
            ensure!(self.receive()? > 0, "the connection ended before it came");
        }
    }

    /// Receives one response, to a request of this method.
    ///
    /// # Errors
    ///
    /// When it is malformed or cut short.
    pub fn response(&mut self, method: &str) -> Result<Response> {
        let mut response = self.head()?;
        response.content = self
            .content(&response, method)
            .context("the content is cut short")?;
        Ok(response)
    }

    /// Receives the head of a response.
    ///
    /// # Errors
    ///
    /// When it is malformed or cut short.
    pub fn head(&mut self) -> Result<Response> {
        loop {
            let mut fields = [httparse::EMPTY_HEADER; 64];
            let mut head = httparse::Response::new(&mut fields);
            if let httparse::Status::Complete(length) = head.parse(&self.received)? {
                let response = Response {
                    status: head.code.context("no status")?,
                    reason: head.reason.unwrap_or_default().to_owned(),
                    fields: head
                        .headers
                        .iter()
                        .map(|field| (field.name.to_owned(), field.value.to_vec()))
                        .collect(),
                    content: Vec::new(),
                };
                self.received.drain(..length);
                return Ok(response);
            }
            ensure!(
                self.receive()? > 0,
                "the connection ended in the head: {:?}",
                self.received.escape_ascii().to_string()
            );
        }
    }

    fn content(&mut self, head: &Response, method: &str) -> Result<Vec<u8>> {
        if method == "HEAD" || head.status < 200 || head.status == 204 || head.status == 304 {
            return Ok(Vec::new());
        }
        if head.field("transfer-encoding").is_some() {
            loop {
                if let Some((content, length)) = decode_chunked(&self.received)? {
                    self.received.drain(..length);
                    return Ok(content);
                }
                ensure!(
                    self.receive()? > 0,
                    "the connection ended before the last chunk"
                );
            }
        }
        let Some(length) = head.field("content-length") else {
            while self.receive()? > 0 {}
            return Ok(std::mem::take(&mut self.received));
        };
        self.receive_some(length.parse()?)
    }

    /// Whether the server has ended the connection, and sent nothing more before.
    ///
    /// # Errors
    ///
    /// When it stays open, or says something.
    pub fn expect_end(&mut self) -> Result<()> {
        match self.receive() {
            Ok(0) if self.received.is_empty() => Ok(()),
            Ok(_) => bail!("more came: {:?}", self.received.escape_ascii().to_string()),
            Err(error)
                if error.downcast_ref().is_some_and(|it: &std::io::Error| {
                    it.kind() == std::io::ErrorKind::ConnectionReset
                }) =>
            {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

/// Decodes chunked content: what it is, and where it ends; nothing if it is not all there.
///
/// # Errors
///
/// When it is malformed.
pub fn decode_chunked(coded: &[u8]) -> Result<Option<(Vec<u8>, usize)>> {
    let mut content = Vec::new();
    let mut position = 0;
    loop {
        let httparse::Status::Complete((start, size)) =
            httparse::parse_chunk_size(&coded[position..])
                .map_err(|_| anyhow::anyhow!("a malformed chunk size"))?
        else {
            return Ok(None);
        };
        position += start;
        let size = usize::try_from(size)?;
        if size == 0 {
            let end = coded[position - 2..]
                .windows(4)
                .position(|window| window == b"\r\n\r\n");
            return Ok(end.map(|end| (content, position + end + 2)));
        }
        if coded.len() < position + size + 2 {
            return Ok(None);
        }
        content.extend_from_slice(&coded[position..position + size]);
        ensure!(
            &coded[position + size..position + size + 2] == b"\r\n",
            "a chunk without its end"
        );
        position += size + 2;
    }
}

impl Response {
    /// The value of a field that there is once.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut lines = self
            .fields
            .iter()
            .filter(|(line, _)| line.eq_ignore_ascii_case(name));
        let value = lines
            .next()
            .and_then(|(_, value)| std::str::from_utf8(value).ok());
        assert!(lines.next().is_none(), "{name} is repeated");
        value
    }

    /// The content as text.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.content).expect("the content is not UTF-8")
    }
}

/// A request to be sent on a connection of its own.
pub struct Request {
    address: SocketAddr,
    method: String,
    head: String,
    content: Option<Vec<u8>>,
}

impl Request {
    /// A request for `target`.
    #[must_use]
    pub fn new(address: SocketAddr, method: &str, target: &str) -> Self {
        Self {
            address,
            method: method.to_owned(),
            head: format!("{method} {target} HTTP/1.1\r\nHost: {address}\r\n"),
            content: None,
        }
    }

    /// Adds a field.
    #[must_use]
    pub fn field(mut self, name: &str, value: &str) -> Self {
        self.head.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    /// Adds content, with its length.
    #[must_use]
    pub fn content(self, content: impl Into<Vec<u8>>) -> Self {
        let content = content.into();
        Self {
            content: Some(content.clone()),
            ..self.field("Content-Length", &content.len().to_string())
        }
    }

    /// Sends the request on a connection, and receives the response.
    ///
    /// # Errors
    ///
    /// When there is no whole response.
    pub fn send_on(self, connection: &mut Connection) -> Result<Response> {
        let mut bytes = format!("{}\r\n", self.head).into_bytes();
        bytes.extend(self.content.unwrap_or_default());
        // Who refuses an upload early need not read it all.
        let sent = connection.send(bytes);
        let response = connection.response(&self.method);
        if response.is_err() {
            sent?;
        }
        response
    }

    /// Sends the request, and receives the response.
    ///
    /// # Panics
    ///
    /// When there is no whole response.
    #[must_use]
    pub fn send(self) -> Response {
        let what = self.head.lines().next().unwrap_or_default().to_owned();
        let mut connection = Connection::open(self.address).expect("no connection");
        self.send_on(&mut connection)
            .unwrap_or_else(|error| panic!("{what}: {error:#}"))
    }
}
