//! What must be reached, and whether it is.

use crate::load::{LARGE_FILE, ROOT, Run, SMALL_FILE, SMALL_POST};
use crate::report::{self, Report, Spread};
use crate::servers::{CONNECTION, HYPER, NGINX, REQUEST, SERVE};
use serde_json::{Value, json};

/// What must be reached.
struct Requirement {
    what: String,
    server: &'static str,
    must: Bound,
    /// What to go on for.
    aim: Option<f64>,
    measured: Option<Spread>,
}

#[derive(Clone, Copy)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

use Bound::{AtLeast, AtMost};

impl Requirement {
    /// Whether it is reached; nothing if it was not measured. What comes with errors is not.
    fn is_reached(&self) -> Option<bool> {
        let measured = self.measured?;
        let is_reached = match self.must {
            AtLeast(bound) => measured.median >= bound,
            AtMost(bound) => measured.median <= bound,
        };
        Some(is_reached && measured.errors == 0.0)
    }
}

fn all(report: &Report) -> Vec<Requirement> {
    let mut all = Vec::new();
    let mut add = |what: &str, server, must, aim, measured| {
        all.push(Requirement {
            what: what.to_owned(),
            server,
            must,
            aim,
            measured,
        });
    };
    // For each isolation mode: what must be, and what to aim for.
    let ratios = [
        (ROOT, SERVE, [(4.0, 6.0), (10.0, 13.0)]),
        (ROOT, HYPER, [(0.27, 0.40), (0.62, 0.80)]),
        (SMALL_FILE, NGINX, [(0.33, 0.50), (0.65, 1.0)]),
        (LARGE_FILE, NGINX, [(0.95, 1.0), (0.95, 1.0)]),
    ];
    for (load, other, bounds) in ratios {
        for (server, (must, aim)) in [REQUEST, CONNECTION].into_iter().zip(bounds) {
            let cell = (load, 32);
            let ratio = report.ratio((server, cell), (other, cell), Run::rate);
            let what = format!("`{load}`, times {other}");
            add(&what, server, AtLeast(must), Some(aim), ratio);
        }
    }
    for server in [REQUEST, CONNECTION] {
        let (file, post) = ((LARGE_FILE, 32), (SMALL_POST, 32));
        let cpu = report.ratio((server, file), (NGINX, file), Run::cpu_per_gib);
        add(
            "CPU per GiB sent, times nginx",
            server,
            AtMost(1.5),
            None,
            cpu,
        );
        let rate = report.ratio((server, post), (SERVE, post), Run::rate);
        let what = format!("{SMALL_POST}, times {SERVE}");
        add(&what, server, AtLeast(4.0), None, rate);
        let idle = report.memory(server, |it| it.idle / f64::from(1 << 20));
        add("idle memory, MiB", server, AtMost(40.0), None, idle);
        let more = report.memory(server, |it| it.per_connection / 1024.0);
        add(
            "more per idle connection, KiB",
            server,
            AtMost(24.0),
            None,
            more,
        );
        let warm = report.startup(server, |it| it.warm);
        add(
            "first answer, warm code cache, ms",
            server,
            AtMost(40.0),
            None,
            warm,
        );
        let cold = report.startup(server, |it| it.cold);
        add(
            "first answer, cold code cache, ms",
            server,
            AtMost(400.0),
            None,
            cold,
        );
        for load in [ROOT, SMALL_FILE, LARGE_FILE] {
            let (many, few) = ((load, 512), (load, 32));
            let rate = report.ratio((server, many), (server, few), Run::rate);
            let what = format!("`{load}`, 512 connections, times 32");
            add(&what, server, AtLeast(0.85), None, rate);
            let tail = report.value(server, many, Run::tail);
            let what = format!("`{load}`, 512 connections, 99th percentile, times the median");
            add(&what, server, AtMost(10.0), None, tail);
        }
    }
    all.retain(|it| report.ours.contains(&it.server));
    all
}

/// The table of what must be reached.
pub(crate) fn table(report: &Report) -> String {
    let all = all(report);
    if all.is_empty() {
        return String::new();
    }
    let names = ["what", "server", "must", "aim", "measured", "reached"];
    let mut text = "\n## Must reach, at 32 connections unless it says otherwise\n\n".to_owned();
    text += &report::head(names.into_iter().map(str::to_owned));
    for it in all {
        let must = match it.must {
            AtLeast(bound) => format!("≥ {bound}"),
            AtMost(bound) => format!("≤ {bound}"),
        };
        let reached = match it.is_reached() {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "not measured",
        };
        let aim = it.aim.map_or(String::new(), |aim| aim.to_string());
        let measured = report::shown(it.measured);
        let cells = [
            it.what,
            it.server.into(),
            must,
            aim,
            measured,
            reached.into(),
        ];
        text += &report::row(cells.into_iter());
    }
    text
}

/// The same as JSON.
pub(crate) fn json(report: &Report) -> Value {
    let all = all(report).into_iter().map(|it| {
        let reached = it.is_reached();
        let (least, most) = match it.must {
            AtLeast(bound) => (Some(bound), None),
            AtMost(bound) => (None, Some(bound)),
        };
        json!({
            "what": it.what, "server": it.server, "at_least": least, "at_most": most,
            "aim": it.aim, "measured": report::json(it.measured), "reached": reached,
        })
    });
    all.collect()
}
