//! The parts of a request, one by one, for `tests/benches/request.rs` and nobody else: no part of the API.

use crate::config::Config;
use crate::connection::input::{Input, SharedInput};
use crate::error::Error;
use crate::http1::head::Head;
use crate::instance::{self, Program};
use crate::lane::Lane;
use crate::request::{Call, Event, Exchange};
use crate::state::State;
use bytes::Bytes;
use std::future::poll_fn;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};

/// A component, and what its calls need of a connection.
pub struct Bench {
    program: Arc<Program>,
    config: Config,
    local: SocketAddr,
    input: SharedInput,
    lane: Arc<Lane>,
    /// The client, which says nothing.
    _client: TcpStream,
}

/// A store that has no instance yet.
pub struct Store(wasmtime::Store<State>);

/// An instance that may be called.
pub struct Instance(Box<instance::Instance>);

impl Bench {
    /// Compiles the component, and opens a connection to nobody.
    ///
    /// # Errors
    ///
    /// As [`crate::Server::bind`]; as the operating system says.
    pub async fn new(config: Config) -> Result<Self, Error> {
        let program = Program::load(&config)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let client = TcpStream::connect(listener.local_addr()?).await?;
        let (server, _) = listener.accept().await?;
        let lane = Arc::new(Lane::new());
        let theirs = Arc::clone(&lane);
        tokio::spawn(async move { theirs.run().await });
        Ok(Self {
            lane,
            program,
            config,
            local: server.local_addr()?,
            input: SharedInput::new(Input::new(Arc::new(server))),
            _client: client,
        })
    }

    /// Makes a store, and the context in it.
    #[must_use]
    pub fn store(&self) -> Store {
        let exchange = Exchange::new(1, Arc::clone(self.program.ticks()));
        Store(self.program.store(&Arc::new(exchange)))
    }

    /// Makes an instance.
    ///
    /// # Errors
    ///
    /// As wasmtime says.
    pub async fn instantiate(&self, store: Store) -> wasmtime::Result<Instance> {
        let instance = self.program.instantiate_in(store.0).await?;
        Ok(Instance(Box::new(instance)))
    }

    /// Has a request without content answered, by an instance that is there or by a fresh one.
    /// Returns how long the content of the answer is; files are not read, as that is sending.
    ///
    /// # Errors
    ///
    /// When the component fails.
    pub async fn call(
        &self,
        instance: Option<Instance>,
        head: &Bytes,
    ) -> wasmtime::Result<(u64, Option<Instance>)> {
        let head = Head::parse(head, self.config.head_limits());
        let head = head.map_err(|refusal| wasmtime::format_err!("{refusal:?}"))?;
        let limit = self.config.limits.content_size;
        let begun = self
            .input
            .lock()
            .begin_content(&head, limit, self.config.head_limits());
        begun.map_err(|refusal| wasmtime::format_err!("{refusal:?}"))?;
        let kept = instance.map(|instance| instance.0);
        let lane = &self.lane;
        let (program, local) = (&self.program, self.local);
        let mut call = Call::begin(program, kept, 1, head, local, &self.input, lane);
        let answer = poll_fn(|context| call.poll_answer(context)).await?;
        let mut length = 0;
        loop {
            match poll_fn(|context| call.poll_next(context)).await {
                Event::Chunk(chunk) => length += chunk.length(),
                Event::Finished(_) => break,
                Event::Broken(failure) => return Err(failure.into()),
            }
        }
        drop(answer);
        poll_fn(|context| call.poll_return(context)).await;
        let instance = call.take_instance().map(Instance);
        call.end().map_or(Ok((length, instance)), Err)
    }
}
