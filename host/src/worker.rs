//! [`Worker`]: a thread that serves connections, each from its first byte to its last.

use crate::connection;
use crate::lane::Lane;
use crate::server::Shared;
use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// How many connections a worker turns to at once. Of more, the instances would not be in the caches
/// any more; of fewer, clients would be woken up more often (ARCHITECTURE.md).
const AT_ONCE: usize = 32;

/// As many steps as a request takes, and one to spare: so a worker is through with those at hand before
/// it looks for others.
const STEPS: u32 = 4;

/// How often a worker says that it is not held up.
const BEAT: Duration = Duration::from_millis(500);

/// A worker that has not said so for this long is held up: by a file operation that hangs, since
/// components are interrupted.
const HELD_UP: Duration = Duration::from_secs(3);

/// What the connections of a worker share.
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    /// The server stops: no further requests.
    pub(crate) draining: CancellationToken,
    /// The time for requests in flight is over.
    pub(crate) ending: CancellationToken,
    /// Which of the workers it is.
    pub(crate) index: usize,
    /// Where its components compute for long.
    pub(crate) lane: Arc<Lane>,
    started: Instant,
    /// When the worker last ran, in milliseconds since the start.
    beat: AtomicU64,
}

/// A worker, from outside.
pub(crate) struct Handle {
    worker: Arc<Worker>,
    connections: TaskTracker,
    sender: UnboundedSender<Accepted>,
    ended: oneshot::Receiver<()>,
}

/// A connection, its permit, and what counts it as one of the worker's.
type Accepted = (TcpStream, (OwnedSemaphorePermit, TaskTrackerToken));

impl Worker {
    /// Starts a worker.
    ///
    /// # Errors
    ///
    /// As the operating system says, when there can be no thread or no event queue.
    pub(crate) fn start(shared: &Arc<Shared>, index: usize) -> io::Result<Handle> {
        let worker = Arc::new(Self {
            shared: Arc::clone(shared),
            draining: shared.draining.child_token(),
            ending: shared.ending.child_token(),
            index,
            lane: Arc::new(Lane::new()),
            started: Instant::now(),
            beat: AtomicU64::new(0),
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .max_io_events_per_tick(AT_ONCE)
            .event_interval(AT_ONCE as u32 * STEPS)
            .enable_all()
            .build()?;
        let connections = TaskTracker::new();
        let (sender, receiver) = unbounded_channel();
        let (end, ended) = oneshot::channel();
        let run = {
            let worker = Arc::clone(&worker);
            move || {
                runtime.block_on(worker.run(receiver));
                // Not waiting: a file operation that hangs never ends.
                runtime.shutdown_background();
                // Nobody may be waiting for it.
                let _ = end.send(());
            }
        };
        std::thread::Builder::new()
            .name("worker".to_owned())
            .spawn(run)?;
        Ok(Handle {
            worker,
            connections,
            sender,
            ended,
        })
    }

    async fn run(self: Arc<Self>, mut receiver: UnboundedReceiver<Accepted>) {
        tokio::spawn(Arc::clone(&self).beat());
        let lane = Arc::clone(&self.lane);
        tokio::spawn(async move { lane.run().await });
        while let Some((stream, held)) = receiver.recv().await {
            match tokio::net::TcpStream::from_std(stream) {
                Ok(stream) => {
                    tokio::spawn(hold(connection::serve(stream, Arc::clone(&self)), held));
                }
                Err(error) => tracing::warn!("a connection can't be served: {error}"),
            }
        }
        self.shared.ended.cancelled().await;
    }

    async fn beat(self: Arc<Self>) {
        loop {
            let elapsed = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.beat.store(elapsed, Ordering::Relaxed);
            tokio::time::sleep(BEAT).await;
        }
    }
}

/// Holds what a connection has until it ends, be it by a panic.
async fn hold<T>(connection: impl Future<Output = ()>, _held: T) {
    connection.await;
}

impl Handle {
    /// Whether something holds the thread up.
    pub(crate) fn is_held_up(&self) -> bool {
        let beat = Duration::from_millis(self.worker.beat.load(Ordering::Relaxed));
        self.worker.started.elapsed() > beat + HELD_UP
    }

    /// How many connections it serves.
    pub(crate) fn load(&self) -> usize {
        self.connections.len()
    }

    /// Hands a connection over.
    pub(crate) fn serve(&self, stream: TcpStream, permit: OwnedSemaphorePermit) {
        // It ends only after this is dropped.
        let _ = self
            .sender
            .send((stream, (permit, self.connections.token())));
    }

    /// Waits until all its connections have ended; there may be no more of them.
    pub(crate) async fn connections_ended(&self) {
        self.connections.close();
        self.connections.wait().await;
    }

    /// Waits until the thread has ended.
    pub(crate) async fn ended(self) {
        drop(self.sender);
        // An error too says that it has.
        let _ = self.ended.await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_costs_one_connection_and_nothing_it_held() {
        let held = Arc::new(());
        let connection = async { panic!("of a test") };
        assert!(
            tokio::spawn(hold(connection, Arc::clone(&held)))
                .await
                .is_err()
        );
        assert_eq!(Arc::strong_count(&held), 1);
        assert!(tokio::spawn(hold(async {}, held)).await.is_ok());
    }
}
