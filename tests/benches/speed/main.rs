//! How fast the server is, against others: `cargo bench -p tests --bench speed`.
//!
//! Every server runs on one core, and wrk on another. What is said are ratios within a round, in
//! which all servers take turns: the machine may be faster or slower in the next.
//!
//! 1. `servers` starts a server, and stops it.
//! 2. `load` runs wrk, and believes no figure that comes with errors.
//! 3. `process` reads the CPU time and the memory of a server; `memory` and `startup` use them.
//! 4. `report` makes tables and JSON of it all, `requirements` says what is reached, `chart` draws.

mod chart;
mod load;
mod memory;
mod process;
mod report;
mod requirements;
mod servers;
mod startup;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use load::{Figure, LOADS, Load};
use report::Report;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use servers::{Bench, Server};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Measures the server against others.
#[derive(Debug, Parser)]
struct Arguments {
    /// In how many rounds
    #[arg(long, default_value_t = 5)]
    rounds: usize,

    /// For how many seconds wrk runs each time
    #[arg(long, default_value_t = 2)]
    seconds: u64,

    /// One round of a second each
    #[arg(long, conflicts_with_all = ["rounds", "seconds"])]
    quick: bool,

    /// Only this load, or those that have this in their names; `memory` and `start` are loads too
    #[arg(long)]
    load: Option<String>,

    /// Only this server, or those that have this in their names
    #[arg(long)]
    server: Vec<String>,

    /// How many connections
    #[arg(long, value_delimiter = ',', default_values_t = [1, 32, 512])]
    connections: Vec<usize>,

    /// Where speed.json and speed.svg are written [default: the target folder]
    #[arg(long)]
    output: Option<PathBuf>,

    /// What cargo says
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<()> {
    let mut arguments = Arguments::parse();
    if arguments.quick {
        (arguments.rounds, arguments.seconds) = (1, 1);
    }
    // wrk gives each of its threads as many connections as the others.
    ensure!(!arguments.connections.contains(&0), "0 connections");
    ensure!(arguments.rounds > 0 && arguments.seconds > 0, "no time");
    let wrk = servers::find("wrk").context("wrk is not on the PATH")?;
    raise_open_files()?;

    let target = target_folder()?;
    build_ours(&target)?;
    let (servers, mut missing) = servers::all(&target);
    let mut servers = chosen(servers, &arguments.server, |server| server.name);
    let load = Vec::from_iter(arguments.load.clone());
    let loads = chosen(LOADS.iter().collect(), &load, |load| load.name);
    let others = chosen(vec!["memory", "start"], &load, |&name| name);

    let bench = Bench::new()?;
    say_how_long(&arguments, &servers, &loads, &others);
    // Fills the code cache, and says at once what does not work.
    servers.retain(|server| match server.start(&bench, &bench.cache) {
        Ok(_) => true,
        Err(error) => {
            missing.push(format!("not measured: {error:#}"));
            false
        }
    });
    ensure!(!servers.is_empty(), "no such server: {missing:?}");
    let mut report = Report::new(&servers, missing, &arguments.connections);
    for round in 0..arguments.rounds {
        let progress = format!("round {} of {}", round + 1, arguments.rounds);
        if !loads.is_empty() {
            measure_loads(
                &bench,
                &wrk,
                &servers,
                &loads,
                &arguments,
                round,
                &mut report,
            )?;
        }
        // The starts first: the kernel clears up after thousands of connections for a while.
        for server in in_turn(&servers, round).filter(|_| others.contains(&"start")) {
            eprintln!("{progress}: start of {}", server.name);
            match startup::measure(&bench, server) {
                Ok(startup) => report.startups.push(startup),
                Err(error) => report.fail(server.name, "start", &error),
            }
        }
        for server in in_turn(&servers, round).filter(|_| others.contains(&"memory")) {
            eprintln!("{progress}: memory of {}", server.name);
            match memory::measure(&bench, server) {
                Ok(memory) => report.memories.push(memory),
                Err(error) => report.fail(server.name, "memory", &error),
            }
        }
    }

    let output = arguments.output.unwrap_or(target);
    std::fs::create_dir_all(&output)?;
    let json = serde_json::to_vec_pretty(&report.json())?;
    std::fs::write(output.join("speed.json"), json)?;
    let mut written = vec![output.join("speed.json")];
    if let Some(chart) = chart::draw(&report) {
        written.push(output.join("speed.svg"));
        std::fs::write(output.join("speed.svg"), chart)?;
    }
    let mut stdout = std::io::stdout().lock();
    Ok(writeln!(
        stdout,
        "{}\nwritten: {written:?}",
        report.tables()
    )?)
}

/// One round: all servers are started, and take turns at each load.
fn measure_loads(
    bench: &Bench,
    wrk: &Path,
    servers: &[Server],
    loads: &[&'static Load],
    arguments: &Arguments,
    round: usize,
    report: &mut Report,
) -> Result<()> {
    let mut running = Vec::new();
    for server in servers {
        let process = server.start(bench, &bench.cache)?;
        load::FIRST.run(wrk, bench, &process, 1, 1)?;
        running.push((server, process));
    }
    let mut turn = round;
    for load in loads {
        for &connections in &arguments.connections {
            eprintln!(
                "round {} of {}: {}, {connections} connections",
                round + 1,
                arguments.rounds,
                load.name
            );
            for (server, process) in in_turn(&running, turn) {
                if !server.takes(load) {
                    continue;
                }
                bench.sweep()?;
                let run = load
                    .check(process)
                    .and_then(|()| load.run(wrk, bench, process, connections, arguments.seconds));
                match run {
                    Ok(run) => report.figures.push(Figure {
                        round,
                        server: server.name,
                        load: load.name,
                        connections,
                        run,
                    }),
                    Err(error) => report.fail(server.name, load.name, &error),
                }
            }
            turn += 1;
        }
    }
    for (server, process) in &running {
        match process::peak_memory(process.id()) {
            Ok(peak) => report.peaks.push((server.name, peak)),
            Err(error) => report.fail(server.name, "peak", &error),
        }
    }
    Ok(())
}

/// All, beginning with another one each time: nobody always comes first, or after the same.
fn in_turn<T>(all: &[T], turn: usize) -> impl Iterator<Item = &T> {
    let start = turn % all.len();
    all[start..].iter().chain(&all[..start])
}

/// Those that are meant: by their whole names, or else by a part of them.
fn chosen<T>(all: Vec<T>, wanted: &[String], name: impl Fn(&T) -> &'static str) -> Vec<T> {
    if wanted.is_empty() {
        return all;
    }
    let names: Vec<_> = all.iter().map(&name).collect();
    let is_wanted = |name: &str| {
        wanted.iter().any(|wanted| {
            name == wanted || (!names.contains(&wanted.as_str()) && name.contains(wanted.as_str()))
        })
    };
    all.into_iter().filter(|it| is_wanted(name(it))).collect()
}

fn say_how_long(arguments: &Arguments, servers: &[Server], loads: &[&Load], others: &[&str]) {
    let mut seconds = 0;
    for load in loads {
        let takers = servers.iter().filter(|server| server.takes(load)).count() as u64;
        for &connections in &arguments.connections {
            seconds += takers * load.seconds(connections, arguments.seconds);
        }
    }
    // What each takes besides, about: to start and warm up, and to be measured.
    let besides = 2 * usize::from(seconds > 0) + 3 * others.len();
    seconds += (servers.len() * besides) as u64;
    seconds *= arguments.rounds as u64;
    eprintln!("This takes about {} min.", seconds.div_ceil(60));
}

/// The target folder, which this program runs in.
fn target_folder() -> Result<PathBuf> {
    let this = std::env::current_exe()?;
    let target = this.ancestors().nth(3).context("not in a target folder")?;
    Ok(target.to_owned())
}

/// Builds the server as its users do: with other features of wasmtime's than this program has.
fn build_ours(target: &Path) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--release", "--package", "http-server"])
        .arg("--target-dir")
        .arg(target)
        .current_dir("..")
        .status()?;
    ensure!(built.success(), "the server can't be built");
    Ok(())
}

/// Idle connections are descriptors, here and in the servers, which inherit the limit.
fn raise_open_files() -> Result<()> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit {
        current: maximum,
        maximum,
    };
    Ok(setrlimit(Resource::Nofile, limit)?)
}
