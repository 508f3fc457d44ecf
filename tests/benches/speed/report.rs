//! What was measured, as tables in Markdown, and as JSON.

use crate::load::{Figure, LARGE_FILE, LOADS, Run};
use crate::memory::{self, Memory};
use crate::requirements;
use crate::servers::{HYPER, NGINX, SERVE, Server};
use crate::startup::Startup;
use serde_json::{Value, json};
use std::fmt::{self, Display};

/// What was measured.
pub(crate) struct Report {
    pub(crate) servers: Vec<&'static str>,
    /// Those of them that are ours.
    pub(crate) ours: Vec<&'static str>,
    pub(crate) connections: Vec<usize>,
    missing: Vec<String>,
    pub(crate) figures: Vec<Figure>,
    pub(crate) memories: Vec<Memory>,
    /// The most memory that each server used in each round, in bytes.
    pub(crate) peaks: Vec<(&'static str, u64)>,
    pub(crate) startups: Vec<Startup>,
}

/// A load at so many connections.
pub(crate) type Cell = (&'static str, usize);

/// The same in several rounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
    /// How many errors there were.
    pub(crate) errors: f64,
}

impl Spread {
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<_> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (half, last) = (values.len() / 2, values.len().checked_sub(1)?);
        Some(Self {
            median: f64::midpoint(values[last - half], values[half]),
            least: values[0],
            most: values[last],
            errors: 0.0,
        })
    }

    fn json(self) -> Value {
        json!({ "median": self.median, "min": self.least, "max": self.most, "errors": self.errors })
    }
}

impl Display for Spread {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = if self.median < 10.0 { 2 } else { 1 };
        let (median, least, most) = (self.median, self.least, self.most);
        write!(
            formatter,
            "{median:.digits$} ({least:.digits$}–{most:.digits$})"
        )?;
        if self.errors > 0.0 {
            write!(formatter, " **{} errors**", self.errors)?;
        }
        Ok(())
    }
}

impl Report {
    pub(crate) fn new(servers: &[Server], missing: Vec<String>, connections: &[usize]) -> Self {
        let ours = servers.iter().filter(|server| server.is_ours());
        Self {
            servers: servers.iter().map(|server| server.name).collect(),
            ours: ours.map(|server| server.name).collect(),
            connections: connections.to_vec(),
            missing,
            figures: Vec::new(),
            memories: Vec::new(),
            peaks: Vec::new(),
            startups: Vec::new(),
        }
    }

    /// Something can't be measured: the rest can.
    pub(crate) fn fail(&mut self, server: &str, what: &str, error: &anyhow::Error) {
        let line = format!("not measured: {what} of {server}: {error:#}");
        eprintln!("{line}");
        self.missing.push(line);
    }

    /// What is to be known besides the figures: what was not measured, or only in part.
    fn notes(&self) -> Vec<String> {
        let mut notes = self.missing.clone();
        let limits = self.memories.iter().filter_map(|it| {
            let most = it.most?;
            Some(format!(
                "{} answered only {most} idle connections",
                it.server
            ))
        });
        notes.extend(limits);
        let uploads =
            "not measured: POST where a server takes none for a file, and routes that it has not";
        notes.push(uploads.to_owned());
        notes.dedup();
        notes
    }

    fn runs(&self, server: &str, cell: Cell) -> impl Iterator<Item = (usize, &Run)> {
        self.figures
            .iter()
            .filter(move |it| it.server == server && (it.load, it.connections) == cell)
            .map(|it| (it.round, &it.run))
    }

    /// A value of a server's, over the rounds.
    pub(crate) fn value(
        &self,
        server: &str,
        cell: Cell,
        value: impl Fn(&Run) -> f64,
    ) -> Option<Spread> {
        let spread = Spread::of(self.runs(server, cell).map(|(_, run)| value(run)))?;
        let errors = self.runs(server, cell).map(|(_, run)| run.errors).sum();
        Some(Spread { errors, ..spread })
    }

    /// How many times as much one is as the other, both in the same round. Errors are those of the
    /// one.
    pub(crate) fn ratio(
        &self,
        (server, cell): (&str, Cell),
        (other, other_cell): (&str, Cell),
        value: impl Fn(&Run) -> f64,
    ) -> Option<Spread> {
        let pairs: Vec<_> = self
            .runs(server, cell)
            .filter_map(|(round, run)| {
                let mut others = self.runs(other, other_cell);
                Some((run, others.find(|(other, _)| *other == round)?.1))
            })
            .collect();
        let ratios = pairs.iter().map(|(run, other)| value(run) / value(other));
        // A server that answered nothing is no measure.
        let spread = Spread::of(ratios.filter(|ratio| ratio.is_finite()))?;
        let errors = pairs.iter().map(|(run, _)| run.errors).sum();
        Some(Spread { errors, ..spread })
    }

    /// The cells that were measured.
    fn cells(&self) -> impl Iterator<Item = Cell> {
        let cells = LOADS.iter().flat_map(|load| {
            let connections = self.connections.iter();
            connections.map(|&connections| (load.name, connections))
        });
        cells.filter(|&cell| {
            let mut figures = self.figures.iter();
            figures.any(|it| (it.load, it.connections) == cell)
        })
    }

    /// All tables.
    pub(crate) fn tables(&self) -> String {
        let mut text = self.throughput();
        text += &self.latency();
        text += &self.resources();
        text += &requirements::table(self);
        text += "\n";
        for note in self.notes() {
            text += &format!("- {note}\n");
        }
        text
    }

    fn throughput(&self) -> String {
        let mut text = String::new();
        for other in [SERVE, HYPER, NGINX] {
            if !self.servers.contains(&other) || self.figures.is_empty() {
                continue;
            }
            text += &format!("\n## Requests per second, as times those of {other}\n");
            text += "\nThe median of the ratios within each round, and the least and the most.\n\n";
            let columns: Vec<_> = self.servers.iter().filter(|it| **it != other).collect();
            let heads = columns.iter().map(|it| (*it).to_string());
            let first = [
                "load".into(),
                "connections".into(),
                format!("{other}, requests/s"),
            ];
            text += &head(first.into_iter().chain(heads));
            for cell in self.cells() {
                let Some(base) = self.value(other, cell, Run::rate) else {
                    continue;
                };
                let errors = match base.errors {
                    0.0 => String::new(),
                    errors => format!(" **{errors} errors**"),
                };
                let first = [
                    cell.0.into(),
                    cell.1.to_string(),
                    format!("{:.0}{errors}", base.median),
                ];
                let ratios = columns
                    .iter()
                    .map(|server| shown(self.ratio((server, cell), (other, cell), Run::rate)));
                text += &row(first.into_iter().chain(ratios));
            }
        }
        text
    }

    fn latency(&self) -> String {
        if self.figures.is_empty() {
            return String::new();
        }
        let mut text = "\n## Time for a request: median / 99th percentile, in ms\n\n".to_owned();
        let first = ["load", "connections"].into_iter();
        text += &head(first.chain(self.servers.iter().copied()).map(str::to_owned));
        for cell in self.cells() {
            let times = self.servers.iter().map(|server| {
                let median = self.value(server, cell, |run| run.median / 1e3);
                let p99 = self.value(server, cell, |run| run.p99 / 1e3);
                median.zip(p99).map_or("–".into(), |(median, p99)| {
                    format!("{:.2} / {:.2}", median.median, p99.median)
                })
            });
            text += &row([cell.0.into(), cell.1.to_string()].into_iter().chain(times));
        }
        text
    }

    /// The CPU seconds of a server per GiB of the large file, at the usual number of connections.
    pub(crate) fn cpu(&self, server: &str) -> Option<Spread> {
        self.value(server, (LARGE_FILE, self.usual()), Run::cpu_per_gib)
    }

    /// 32 connections, or else as many as there were first.
    pub(crate) fn usual(&self) -> usize {
        let mut connections = self.connections.iter().copied();
        let first = self.connections.first().copied().unwrap_or(32);
        connections.find(|&it| it == 32).unwrap_or(first)
    }

    pub(crate) fn memory(&self, server: &str, value: fn(&Memory) -> f64) -> Option<Spread> {
        let memories = self.memories.iter().filter(|it| it.server == server);
        Spread::of(memories.map(value))
    }

    pub(crate) fn startup(&self, server: &str, value: fn(&Startup) -> f64) -> Option<Spread> {
        let startups = self.startups.iter().filter(|it| it.server == server);
        Spread::of(startups.map(value))
    }

    fn peak(&self, server: &str) -> Option<Spread> {
        let peaks = self.peaks.iter().filter(|it| it.0 == server);
        Spread::of(peaks.map(|it| it.1 as f64 / MIB))
    }

    fn resource(&self, server: &str) -> [Option<Spread>; 6] {
        [
            self.cpu(server),
            self.memory(server, |it| it.idle / MIB),
            self.memory(server, |it| it.per_connection / KIB),
            self.peak(server),
            self.startup(server, |it| it.cold),
            self.startup(server, |it| it.warm),
        ]
    }

    fn resources(&self) -> String {
        let mut text = format!(
            "\n## Resources\n\nIdle connections: {} of them. Memory is what is resident, the peak that \
             of the loads above. A cold start has an empty code cache.\n\n",
            memory::count()
        );
        let names = ["server"].into_iter().chain(RESOURCES);
        text += &head(names.map(str::to_owned));
        for server in &self.servers {
            let values = self.resource(server).into_iter().map(shown);
            text += &row([(*server).to_owned()].into_iter().chain(values));
        }
        text
    }

    /// Everything, so that other ratios can be had of it.
    pub(crate) fn json(&self) -> Value {
        let figures = self.figures.iter().map(|it| {
            json!({
                "round": it.round, "server": it.server, "load": it.load,
                "connections": it.connections, "requests_per_second": it.run.rate(),
                "bytes_per_second": it.run.bytes / it.run.seconds, "errors": it.run.errors,
                "median_us": it.run.median, "p99_us": it.run.p99, "cpu_seconds": it.run.cpu_seconds,
            })
        });
        let resources = self.servers.iter().map(|server| {
            let values = RESOURCES.iter().zip(self.resource(server));
            let values = values.map(|(name, value)| ((*name).to_owned(), json(value)));
            ((*server).to_owned(), Value::Object(values.collect()))
        });
        let ratios = [SERVE, HYPER, NGINX].into_iter().map(|other| {
            let cells = self.cells().flat_map(|cell| {
                let servers = self.servers.iter();
                servers.filter_map(move |server| {
                    let ratio = self.ratio((server, cell), (other, cell), Run::rate)?;
                    let (load, connections) = cell;
                    Some(json!({
                        "server": server, "load": load, "connections": connections,
                        "ratio": ratio.json(),
                    }))
                })
            });
            (other.to_owned(), cells.collect())
        });
        json!({
            "machine": machine(),
            "notes": self.notes(),
            "ratios": Value::Object(ratios.collect()),
            "resources": Value::Object(resources.collect()),
            "requirements": requirements::json(self),
            "figures": Value::Array(figures.collect()),
        })
    }
}

const KIB: f64 = 1024.0;
const MIB: f64 = 1024.0 * 1024.0;

const RESOURCES: [&str; 6] = [
    "CPU s per GiB sent",
    "idle MiB",
    "KiB per idle connection",
    "peak MiB",
    "first answer, cold, ms",
    "first answer, warm, ms",
];

pub(crate) fn json(spread: Option<Spread>) -> Value {
    spread.map_or(Value::Null, Spread::json)
}

pub(crate) fn shown(spread: Option<Spread>) -> String {
    spread.map_or("–".into(), |spread| spread.to_string())
}

/// The head of a table.
pub(crate) fn head(names: impl Iterator<Item = String>) -> String {
    let names: Vec<_> = names.collect();
    let rule = "|---".repeat(names.len());
    format!("{}{rule}|\n", row(names.into_iter()))
}

/// A row of a table.
pub(crate) fn row(cells: impl Iterator<Item = String>) -> String {
    format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
}

/// What it was measured on.
fn machine() -> Value {
    let processor = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = processor
        .lines()
        .find(|line| line.starts_with("model name"));
    let model = line.and_then(|line| line.split_once(": "));
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    json!({ "processor": model.map(|it| it.1), "kernel": kernel.trim_end() })
}
