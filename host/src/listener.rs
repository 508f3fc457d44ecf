//! Listening sockets, and accepting that survives every transient error.

use crate::error::Error;
use socket2::{Domain, Protocol, SockFilter, SockRef, Socket, Type};
use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::task::{Context, Poll};
use std::time::Duration;

/// How many connections may wait to be accepted: more than the kernel gives, which so decides.
const BACKLOG: i32 = 4096;

/// How much of what is sent may wait in the kernel until the client can take it; what is under way does
/// not count. Without a limit that is megabytes for each client, which are out of the caches by the time
/// they are sent: a file of 1 MiB is 2.6 times as fast with it (ARCHITECTURE.md).
const UNSENT: u32 = 64 * 1024;

/// How long to stop accepting when there is no descriptor or memory for a connection, at first.
const BACK_OFF: Duration = Duration::from_millis(20);

/// How long at most.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(1);

/// Lets packets of handshakes pass that have begun, and drops those that begin one: the flags of TCP
/// are its byte 13, and only the first SYN has no ACK (RFC 9293 3.1).
const NO_MORE_HANDSHAKES: [SockFilter; 4] = [
    SockFilter::new(0x30, 0, 0, 13),
    SockFilter::new(0x45, 0, 1, 0x10),
    SockFilter::new(0x06, 0, 0, u32::MAX),
    SockFilter::new(0x06, 0, 0, 0),
];

/// How long handshakes that have begun may take, when the server stops.
const HANDSHAKES: Duration = Duration::from_millis(50);

/// Sockets that are listened on.
pub(crate) struct Listeners(Vec<TcpListener>);

impl Listeners {
    /// Listens on the first address; on the others too, with the same port, if that can be.
    pub(crate) fn bind(addresses: &[SocketAddr]) -> Result<Self, Error> {
        let mut sockets: Vec<TcpListener> = Vec::with_capacity(addresses.len());
        for &(mut address) in addresses {
            if let (0, Some(first)) = (address.port(), sockets.first()) {
                address.set_port(first.local_addr()?.port());
            }
            match listen(address) {
                Ok(socket) => sockets.push(socket),
                Err(cause) if sockets.is_empty() => return Err(Error::Listen { address, cause }),
                // Whoever has it would get what is meant for this server.
                Err(cause) if cause.kind() == io::ErrorKind::AddrInUse => {
                    tracing::warn!("not listening on {address}: {cause}");
                }
                Err(cause) => tracing::debug!("not listening on {address}: {cause}"),
            }
        }
        Ok(Self(sockets))
    }

    /// The first address.
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.first().map_or_else(
            || Err(io::ErrorKind::NotFound.into()),
            TcpListener::local_addr,
        )
    }

    /// Begins to accept, on this runtime.
    pub(crate) fn accept_on_this_runtime(self) -> io::Result<Acceptor> {
        let sockets = self
            .0
            .into_iter()
            .map(tokio::net::TcpListener::from_std)
            .collect::<io::Result<_>>()?;
        Ok(Acceptor {
            sockets,
            back_off: BACK_OFF,
        })
    }
}

/// Limits what waits in the kernel: of this socket, and so of those that it accepts.
#[expect(unsafe_code, reason = "neither socket2 nor rustix has this option")]
fn limit_unsent(socket: &Socket) -> io::Result<()> {
    let most = UNSENT;
    // SAFETY: the descriptor is open, and the kernel reads as many bytes as `most` has.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_NOTSENT_LOWAT,
            (&raw const most).cast(),
            size_of_val(&most) as libc::socklen_t,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // Should this fail, more waits.
    let _ = limit_unsent(&socket);
    // [::] is every address there is, as for most servers, whatever the system's default.
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    // A server that was stopped may be started again at once.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Accepts connections.
pub(crate) struct Acceptor {
    sockets: Vec<tokio::net::TcpListener>,
    back_off: Duration,
}

/// What an error of accept means.
#[derive(Debug, PartialEq, Eq)]
enum Trouble {
    /// It is of one connection, which is gone.
    Connection,
    /// It is of the server, which is short of something.
    Server,
}

impl Trouble {
    fn of(error: &io::Error) -> Self {
        use io::ErrorKind as Kind;
        match error.kind() {
            Kind::ConnectionAborted
            | Kind::ConnectionReset
            | Kind::ConnectionRefused
            | Kind::NetworkDown
            | Kind::NetworkUnreachable
            | Kind::HostUnreachable
            | Kind::TimedOut
            | Kind::Interrupted
            | Kind::PermissionDenied => Self::Connection,
            _ => Self::Server,
        }
    }
}

impl Acceptor {
    /// Waits for a connection.
    pub(crate) async fn accept(&mut self) -> TcpStream {
        loop {
            let error = match poll_fn(|context| self.poll_accept(context)).await {
                Ok(stream) => {
                    self.back_off = BACK_OFF;
                    return stream;
                }
                Err(error) => error,
            };
            if Trouble::of(&error) == Trouble::Connection {
                tracing::debug!("a connection was not accepted: {error}");
                continue;
            }
            tracing::warn!("no connection is accepted for {:?}: {error}", self.back_off);
            tokio::time::sleep(self.back_off).await;
            self.back_off = (self.back_off * 2).min(LONGEST_BACK_OFF);
        }
    }

    /// Accepts the connections that wait, and no more: who connects from here on finds nobody.
    ///
    /// Between the last that is accepted and the end of the socket another could come, and be reset
    /// in the middle of its request. So from now on the kernel lets nobody begin.
    pub(crate) async fn finish(self) -> impl Iterator<Item = TcpStream> {
        for socket in &self.sockets {
            // Should this fail, such a client has bad luck.
            let _ = SockRef::from(socket).attach_filter(&NO_MORE_HANDSHAKES);
        }
        tokio::time::sleep(HANDSHAKES).await;
        let sockets = self.sockets.into_iter();
        sockets
            .filter_map(|socket| socket.into_std().ok())
            .flat_map(|socket| {
                std::iter::from_fn(move || {
                    loop {
                        let accepted = socket.accept().and_then(|(stream, _)| {
                            stream.set_nonblocking(true)?;
                            Ok(stream)
                        });
                        match accepted {
                            Ok(stream) => return Some(stream),
                            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                            // What is not permitted stays so.
                            Err(error)
                                if Trouble::of(&error) == Trouble::Connection
                                    && error.kind() != io::ErrorKind::PermissionDenied => {}
                            Err(error) => {
                                tracing::warn!("connections that wait are not accepted: {error}");
                                return None;
                            }
                        }
                    }
                })
            })
    }

    fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<TcpStream>> {
        for socket in &self.sockets {
            if let Poll::Ready(accepted) = socket.poll_accept(context) {
                // It is for another thread's event queue.
                return Poll::Ready(accepted.and_then(|(stream, _)| stream.into_std()));
            }
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::Errno;

    #[test]
    fn no_error_ends_the_server() {
        for (errno, expected) in [
            (Errno::CONNABORTED, Trouble::Connection),
            (Errno::CONNRESET, Trouble::Connection),
            (Errno::NETDOWN, Trouble::Connection),
            (Errno::HOSTUNREACH, Trouble::Connection),
            (Errno::INTR, Trouble::Connection),
            (Errno::PERM, Trouble::Connection),
            (Errno::MFILE, Trouble::Server),
            (Errno::NFILE, Trouble::Server),
            (Errno::NOBUFS, Trouble::Server),
            (Errno::NOMEM, Trouble::Server),
        ] {
            assert_eq!(Trouble::of(&errno.into()), expected, "{errno}");
        }
    }
}
