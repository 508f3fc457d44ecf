//! What the parts of a request take: `cargo bench -p tests --bench request`.
//!
//! Each part is measured alone, with what comes before it made afresh and left out; one instance is
//! alive at a time. `connection` is the whole, over loopback, with the kernel and the client in it.

use anyhow::{Context, Result, ensure};
use criterion::{BatchSize, Criterion};
use http_server::Server;
use http_server::bench::{Bench, Instance};
use http_server::cli::Cli;
use http_server::config::Config;
use std::net::SocketAddr;
use std::path::Path;
use tests::{Connection, Request};
use tokio::runtime::{Builder, Runtime};

/// What is asked for.
const TARGETS: [&str; 2] = ["/", "/files/1k.bin"];

const FILE: [u8; 1024] = [b'x'; 1024];

fn main() -> Result<()> {
    let directory = tempfile::tempdir()?;
    std::fs::write(directory.path().join("1k.bin"), FILE)?;
    let mut criterion = Criterion::default().configure_from_args();
    parts(&mut criterion, directory.path())?;
    for isolation in ["request", "connection"] {
        connections(&mut criterion, directory.path(), isolation)?;
    }
    criterion.final_summary();
    Ok(())
}

fn config(directory: &Path, isolation: &str) -> Result<Config> {
    let directory = format!("--directory={}", directory.display());
    let isolation = format!("--isolation={isolation}");
    let flags = ["http-server", "--listen=127.0.0.1:0", "--threads=1"];
    let flags = flags.into_iter().chain([&*directory, &isolation]);
    Ok(Cli::read(flags)?.into_config())
}

fn runtime() -> Result<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

fn parts(criterion: &mut Criterion, directory: &Path) -> Result<()> {
    let runtime = runtime()?;
    let bench = runtime.block_on(Bench::new(config(directory, "request")?))?;
    let instantiate = || -> Result<Instance> {
        let instance = runtime.block_on(bench.instantiate(bench.store()));
        instance.map_err(Into::into)
    };
    let call = |instance: Option<Instance>, target: &str| -> Result<Option<Instance>> {
        let head = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: wrk\r\n\r\n");
        let (length, instance) = runtime.block_on(bench.call(instance, &head.into()))?;
        ensure!(length > 0, "no content");
        Ok(instance)
    };

    let mut group = criterion.benchmark_group("part");
    // What a routine returns is dropped after its time has been taken.
    let alone = BatchSize::PerIteration;
    group.bench_function("context and store", |bencher| {
        bencher.iter_batched(|| (), |()| bench.store(), alone);
    });
    group.bench_function("instantiation", |bencher| {
        let instantiate = |store| runtime.block_on(bench.instantiate(store));
        bencher.iter_batched(|| bench.store(), instantiate, alone);
    });
    for target in TARGETS {
        group.bench_function(format!("call of a fresh instance, {target}"), |bencher| {
            bencher.iter_batched(instantiate, |it| call(it.ok(), target), alone);
        });
        let mut kept = Some(instantiate()?);
        group.bench_function(format!("call of a kept instance, {target}"), |bencher| {
            bencher.iter(|| kept = call(kept.take(), target).ok().flatten());
        });
        ensure!(kept.is_some(), "the call of a kept instance failed");
        group.bench_function(format!("drop after {target}"), |bencher| {
            bencher.iter_batched(|| call(None, target), drop, alone);
        });
        group.bench_function(format!("all of these, {target}"), |bencher| {
            bencher.iter(|| call(None, target).map(drop));
        });
        call(None, target)?.context("no instance is left")?;
    }
    group.finish();
    Ok(())
}

/// A whole request, over loopback: as often as there is an answer.
fn connections(criterion: &mut Criterion, directory: &Path, isolation: &str) -> Result<()> {
    let server = Server::bind(config(directory, isolation)?)?;
    let address = server.local_addr()?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let thread = std::thread::spawn(move || -> Result<()> {
        let stopped = async { drop(stopped.await) };
        Ok(runtime()?.block_on(server.serve(stopped))?)
    });
    let mut group = criterion.benchmark_group(format!("connection, isolation {isolation}"));
    for target in TARGETS {
        let mut connection = Connection::open(address)?;
        get(&mut connection, address, target)?;
        group.bench_function(target, |bencher| {
            bencher.iter(|| get(&mut connection, address, target));
        });
        get(&mut connection, address, target)?;
    }
    group.finish();
    drop(stop);
    thread
        .join()
        .map_err(|_| anyhow::anyhow!("the server panicked"))?
}

fn get(connection: &mut Connection, address: SocketAddr, target: &str) -> Result<()> {
    let response = Request::new(address, "GET", target).send_on(connection)?;
    ensure!(response.status == 200, "{}", response.status);
    Ok(())
}
