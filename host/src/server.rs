//! [`Server`]: bound, then served until it is told to stop.

use crate::config::Config;
use crate::connection::pace::Pace;
use crate::error::Error;
use crate::instance::Program;
use crate::listener::{Acceptor, Listeners};
use crate::permits::Permits;
use crate::refused::Refused;
use crate::room::Room;
use crate::worker::{Handle, Worker};
use rustix::process::{Resource, getrlimit};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

/// How many descriptors are left for what is not a connection or a file of a request.
const RESERVED_FILES: u64 = 64;

/// How many of those are to spare when the server stops.
const SPARE_FILES: usize = 32;

/// How many a thread has for its event queue.
const FILES_OF_THREAD: u64 = 4;

/// How many files an instance may have open beside that which is sent: an upload has its directory, and
/// looks through that for what others have left.
const FILES_OF_INSTANCE: u64 = 2;

/// How long threads that are not held up have to say so.
const AWAKE: Duration = Duration::from_millis(100);

/// How long connections that are cut off at the end may clean up.
const CUT_OFF: Duration = Duration::from_secs(6);

/// How long to wait for threads: one that hangs is left behind.
const JOIN: Duration = Duration::from_secs(1);

/// A server that listens, but does not accept yet.
pub struct Server {
    listeners: Listeners,
    shared: Arc<Shared>,
}

/// What all workers share.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) program: Arc<Program>,
    pub(crate) permits: Arc<Permits>,
    pub(crate) refused: Arc<Refused>,
    pub(crate) room: Room,
    pub(crate) draining: CancellationToken,
    pub(crate) ending: CancellationToken,
    pub(crate) ended: CancellationToken,
    requests: AtomicU64,
}

impl Shared {
    /// The pace of busy times, if this is one for a client that has a connection, and maybe a permit:
    /// others have wanted that for long.
    pub(crate) fn busy_pace(&self, has_permit: bool) -> Option<Pace> {
        let now = Instant::now();
        let is_busy = self.room.is_wanted_for_long(now)
            || has_permit && self.permits.are_wanted_for_long(now);
        is_busy.then(|| self.config.busy_pace())
    }

    /// The number of the next request.
    pub(crate) fn next_request(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed) + 1
    }
}

impl Server {
    /// Compiles the component, opens the directory, and listens.
    ///
    /// # Errors
    ///
    /// Each is one sentence that says what to change.
    pub fn bind(config: Config) -> Result<Self, Error> {
        let program = Program::load(&config)?;
        let listeners = Listeners::bind(&config.listen)?;
        let shared = Shared {
            permits: Arc::new(Permits::new(&config)),
            config,
            program,
            refused: Arc::default(),
            room: Room::new(),
            draining: CancellationToken::new(),
            ending: CancellationToken::new(),
            ended: CancellationToken::new(),
            requests: AtomicU64::new(0),
        };
        Ok(Self {
            listeners,
            shared: Arc::new(shared),
        })
    }

    /// The address it listens on: the first, if there are several.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listeners.local_addr()
    }

    /// Serves until `shutdown`, then finishes: stops accepting, closes idle connections, and waits
    /// for requests in flight as long as [`crate::config::Timeouts::shutdown`] says.
    ///
    /// # Errors
    ///
    /// [`Error::Start`], when there can be no threads.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
        let Self { listeners, shared } = self;
        let mut workers = Workers::start(&shared)?;
        let mut acceptor = listeners.accept_on_this_runtime()?;
        let most = most_connections(&shared.config);
        let connections = Arc::new(Semaphore::new(most));
        let mut waiting = None;
        tokio::select! {
            () = shutdown => {}
            () = accept(&mut acceptor, &mut waiting, &mut workers, &connections) => {}
        }
        shared.draining.cancel();
        let deadline = Instant::now() + shared.config.timeouts.shutdown;
        // Those that wait to be accepted may have sent their requests. Those that are idle make room now.
        let mut accepting = acceptor.finish().await;
        // Who comes later is to find nobody, or another server: so they are accepted first, unless they are
        // more than there are descriptors to spare.
        let accepted: Vec<_> = accepting.by_ref().take(SPARE_FILES).collect();
        for stream in waiting.into_iter().chain(accepted).chain(accepting) {
            let permit = Arc::clone(&connections).acquire_owned();
            let permit = timeout_at(deadline, shared.room.wanted_until(permit));
            if let Ok(Ok(permit)) = permit.await {
                workers.replace_held_up().await;
                workers.next().serve(stream, permit);
            }
        }
        workers.finish(&shared, deadline).await;
        shared.refused.say();
        let requests = shared.requests.load(Ordering::Relaxed);
        match shared.program.instances() {
            Some(instances) => {
                tracing::debug!(
                    "stopped after {requests} requests, with {instances} instances left"
                );
            }
            None => tracing::debug!("stopped after {requests} requests"),
        }
        Ok(())
    }
}

/// Accepts as many connections as there may be; more wait, the first of them as `waiting`.
async fn accept(
    acceptor: &mut Acceptor,
    waiting: &mut Option<TcpStream>,
    workers: &mut Workers,
    connections: &Arc<Semaphore>,
) {
    loop {
        *waiting = Some(acceptor.accept().await);
        let permit = match Arc::clone(connections).try_acquire_owned() {
            Ok(permit) => Ok(permit),
            Err(_) => {
                let connections = Arc::clone(connections).acquire_owned();
                workers.shared.room.wanted_until(connections).await
            }
        };
        workers.replace_held_up().await;
        if let (Some(stream), Ok(permit)) = (waiting.take(), permit) {
            workers.next().serve(stream, permit);
        }
    }
}

/// How many connections there may be: as many as descriptors permit.
fn most_connections(config: &Config) -> usize {
    let configured = config.limits.connections.get();
    let Some(files) = getrlimit(Resource::Nofile).current else {
        return configured;
    };
    let (threads, instances) = (config.threads.get(), config.limits.requests.get());
    let reserved = RESERVED_FILES + threads as u64 * FILES_OF_THREAD;
    let affordable = affordable(files.saturating_sub(reserved), instances as u64);
    let affordable = usize::try_from(affordable).unwrap_or(usize::MAX);
    if affordable < configured {
        tracing::warn!(
            "{affordable} connections are served at once, because there may be no more than {files} open files"
        );
    }
    configured.min(affordable)
}

/// How many connections so many files are enough for: each has a descriptor, may need another for a file
/// that is sent, and may have one of the instances.
fn affordable(files: u64, instances: u64) -> u64 {
    let each_has_one = files / (2 + FILES_OF_INSTANCE);
    let some_have_none = files.saturating_sub(instances.saturating_mul(FILES_OF_INSTANCE)) / 2;
    each_has_one.min(instances).max(some_have_none).max(1)
}

/// The threads that serve connections.
struct Workers {
    workers: Vec<Handle>,
    shared: Arc<Shared>,
}

impl Workers {
    fn start(shared: &Arc<Shared>) -> io::Result<Self> {
        let workers = (0..shared.config.threads.get())
            .map(|index| Worker::start(shared, index))
            .collect::<io::Result<_>>()?;
        Ok(Self {
            workers,
            shared: Arc::clone(shared),
        })
    }

    /// How many workers are held up, if another is to take their place.
    fn held_up(&self) -> Option<usize> {
        let (threads, all) = (self.shared.config.threads.get(), self.workers.len());
        let workers = self.workers.iter();
        let held_up = workers.filter(|worker| worker.is_held_up()).count();
        (held_up > 0 && all - held_up < threads && all < threads * 8).then_some(held_up)
    }

    /// Starts another worker where one is held up.
    async fn replace_held_up(&mut self) {
        if self.held_up().is_none() {
            return;
        }
        // If the whole process was stopped, and goes on now, they say that they do.
        sleep(AWAKE).await;
        if let Some(held_up) = self.held_up() {
            tracing::error!(
                "a file operation holds up {held_up} of {} threads: another is started",
                self.workers.len()
            );
            match Worker::start(&self.shared, self.workers.len()) {
                Ok(worker) => self.workers.push(worker),
                Err(error) => tracing::error!("there can't be another thread: {error}"),
            }
        }
    }

    /// The worker for the next connection: of those that are not held up, the one with the fewest.
    fn next(&self) -> &Handle {
        let next = self
            .workers
            .iter()
            .enumerate()
            .min_by_key(|(_, worker)| (worker.is_held_up(), worker.load()));
        &self.workers[next.map_or(0, |(index, _)| index)]
    }

    async fn connections_ended(&self) {
        for worker in &self.workers {
            worker.connections_ended().await;
        }
    }

    async fn finish(self, shared: &Shared, deadline: Instant) {
        if timeout_at(deadline, self.connections_ended())
            .await
            .is_err()
        {
            let left: usize = self.workers.iter().map(Handle::load).sum();
            tracing::warn!("{left} connections are cut off, because the time to finish is over");
            shared.ending.cancel();
            // What is left after that is dropped with its thread.
            if timeout(CUT_OFF, self.connections_ended()).await.is_err() {
                let left: usize = self.workers.iter().map(Handle::load).sum();
                tracing::error!("{left} connections did not end when they were cut off");
            }
        }
        shared.ended.cancel();
        for worker in self.workers {
            let _ = timeout(JOIN, worker.ended()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_descriptors_for_what_all_connections_may_do() {
        for (files, instances, expected) in [
            (40, 1024, 10),
            (40, 10, 10),
            (40, 4, 16),
            (40, 1, 19),
            (1 << 20, 1024, 523_264),
            (0, 1, 1),
            (u64::MAX, u64::MAX, u64::MAX / 4),
        ] {
            let connections = affordable(files, instances);
            assert_eq!(connections, expected, "{files} {instances}");
        }
    }
}
