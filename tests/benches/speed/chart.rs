//! The chart: requests per second, as times those of `wasmtime serve`.

use crate::load::{LARGE_FILE, ROOT, Run, SMALL_FILE, SMALL_POST};
use crate::report::{Report, Spread};
use crate::servers::SERVE;
use std::fmt::Write;

const WIDTH: f64 = 760.0;
/// Where bars begin.
const LEFT: f64 = 170.0;
/// The longest bar: behind it, there is room for its value.
const LONGEST: f64 = 440.0;
const BAR: f64 = 15.0;
const PITCH: f64 = 20.0;
/// Between the bars of one load and the title of the next.
const GAP: f64 = 14.0;
const TITLE: f64 = 22.0;
const TOP: f64 = 46.0;

/// Draws, if there is something to compare with. Colours are for light and for dark pages.
pub(crate) fn draw(report: &Report) -> Option<String> {
    let connections = report.usual();
    let groups: Vec<_> = [ROOT, SMALL_FILE, LARGE_FILE, SMALL_POST]
        .into_iter()
        .map(|load| (load, bars(report, (load, connections))))
        .filter(|(_, bars)| !bars.is_empty())
        .collect();
    let all = groups.iter().flat_map(|(_, bars)| bars);
    let most = all.map(|(_, ratio)| ratio.most).max_by(f64::total_cmp)?;

    let mut body = String::new();
    let mut y = TOP;
    for (load, bars) in groups {
        y += TITLE;
        let title = match load {
            ROOT => "GET /",
            other => other,
        };
        add(&mut body, "title", "end", (LEFT - 8.0, y - 7.0), title);
        for (server, ratio) in bars {
            let middle = y + BAR / 2.0;
            let length = |ratio: f64| ratio / most * LONGEST;
            let class = match server {
                SERVE => "serve",
                server if report.ours.contains(&server) => "ours",
                _ => "other",
            };
            add(&mut body, class, "end", (LEFT - 8.0, middle + 4.0), server);
            let width = length(ratio.median).max(1.0);
            let (from, to) = (LEFT + length(ratio.least), LEFT + length(ratio.most));
            body += &format!(
                "<rect class=\"{class}\" x=\"{LEFT}\" y=\"{y}\" width=\"{width:.1}\" height=\"{BAR}\" rx=\"2\"/>\n\
                 <path d=\"M{from:.1} {middle}H{to:.1}\"/>\n"
            );
            let value = format!("{:.*}×", usize::from(ratio.median < 9.95), ratio.median);
            let end = (to.max(LEFT + width) + 6.0, middle + 4.0);
            add(&mut body, class, "start", end, &value);
            y += PITCH;
        }
        y += GAP;
    }
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y}\" width=\"{WIDTH}\" height=\"{y}\" role=\"img\">
<title>Requests per second, as times those of {SERVE}</title>
<style>{STYLE}</style>
<text class=\"title\" x=\"12\" y=\"20\">Requests per second, as times those of {SERVE}</text>
<text class=\"other\" x=\"12\" y=\"38\">{connections} connections on one core; lines: from the least to the most of {} rounds; blue: http-server, by what requests share</text>
{body}</svg>
",
        rounds(report),
    ))
}

const STYLE: &str = "
text { font: 12px system-ui, sans-serif; fill: #59636e }
text.title { font-weight: 600; fill: #1f2328 }
text.ours { fill: #1f2328 }
rect.ours { fill: #2f6feb }
rect.serve { fill: #bf8700 }
rect.other { fill: #afb8c1 }
path { stroke: #1f2328; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
text { fill: #9198a1 }
text.title, text.ours { fill: #f0f6fc }
rect.ours { fill: #4493f8 }
rect.serve { fill: #d29922 }
rect.other { fill: #656c76 }
path { stroke: #f0f6fc }
}
";

fn add(body: &mut String, class: &str, anchor: &str, (x, y): (f64, f64), text: &str) {
    // Writing to a string does not fail.
    let _ = writeln!(
        body,
        "<text class=\"{class}\" text-anchor=\"{anchor}\" x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>"
    );
}

/// The servers that were measured, the fastest first.
fn bars(report: &Report, cell: (&'static str, usize)) -> Vec<(&'static str, Spread)> {
    let ratios = report.servers.iter().filter_map(|&server| {
        let ratio = report.ratio((server, cell), (SERVE, cell), Run::rate)?;
        Some((server, ratio))
    });
    let mut bars: Vec<_> = ratios.collect();
    bars.sort_by(|a, b| b.1.median.total_cmp(&a.1.median));
    bars
}

fn rounds(report: &Report) -> usize {
    let rounds = report.figures.iter().map(|figure| figure.round + 1);
    rounds.max().unwrap_or(0)
}
