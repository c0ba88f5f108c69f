//! How something grows, as a plot in SVG: both axes logarithmic, every point labelled, the goal a
//! dashed line. Readable on white and on black.

use std::fmt::Write;
use std::fs;
use std::path::Path;

/// Of the whole, in pixels.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 400.0;

/// From the edges to the axes: left, right, top, bottom.
const MARGINS: [f64; 4] = [80.0, 120.0, 48.0, 48.0];

/// From the left axis to the first place, so that what is written there does not meet.
const INSET: f64 = 48.0;

/// One for each line; told apart on white and on black, also by who sees few colours (Okabe and Ito).
const COLOURS: [&str; 4] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"];

/// Text and axes follow what the reader prefers.
const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#1f2328}.axis{stroke:#8c959f}\
     .grid{stroke:#8c959f;stroke-opacity:.3}.title{font-weight:600;font-size:15px}\
     @media(prefers-color-scheme:dark){text{fill:#e6edf3}}";

/// A plot. Its name is its file's, below `docs/performance`.
#[derive(Debug)]
pub struct Plot {
    name: &'static str,
    title: &'static str,
    /// What is written at each place of the horizontal axis.
    ticks: Vec<(f64, String)>,
    lines: Vec<Line>,
    goal: Option<f64>,
    show: fn(f64) -> String,
}

#[derive(Debug)]
struct Line {
    label: &'static str,
    points: Vec<(f64, f64)>,
}

/// One axis: from which value to which, and from which pixel to which.
struct Axis {
    values: [f64; 2],
    pixels: [f64; 2],
}

impl Plot {
    /// A plot over these places; `show` writes a value.
    pub fn new(
        name: &'static str,
        title: &'static str,
        ticks: Vec<(f64, String)>,
        show: fn(f64) -> String,
    ) -> Plot {
        Plot { name, title, ticks, lines: Vec::new(), goal: None, show }
    }

    /// One more line, with a value for each place; the lowest comes last, and has its values below.
    pub fn line(mut self, label: &'static str, values: impl IntoIterator<Item = f64>) -> Plot {
        let places = self.ticks.iter().map(|(at, _)| *at);
        self.lines.push(Line { label, points: places.zip(values).collect() });
        self
    }

    /// What is not to be exceeded.
    pub fn goal(mut self, goal: f64) -> Plot {
        self.goal = Some(goal);
        self
    }

    /// Keeps it, if `RECORD=1`.
    pub fn keep(&self) {
        if std::env::var("RECORD").is_ok_and(|record| record == "1") {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/performance");
            fs::create_dir_all(&folder).expect("a folder for plots");
            let path = folder.join(format!("{}.svg", self.name));
            fs::write(path, self.svg()).expect("a plot that can be written");
        }
    }

    /// As SVG.
    fn svg(&self) -> String {
        let [left, right, top, bottom] = MARGINS;
        let ends = |all: &[f64]| [0, all.len() - 1].map(|end| all[end]);
        let places: Vec<f64> = self.ticks.iter().map(|(at, _)| *at).collect();
        let across = Axis { values: ends(&places), pixels: [left + INSET, WIDTH - right] };
        let decades = self.decades();
        let up = Axis { values: ends(&decades), pixels: [HEIGHT - bottom, top] };
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             role=\"img\" aria-label=\"{title}\">\n<style>{STYLE}</style>\n",
            title = self.title
        );
        text(&mut svg, [left, 24.0], "start", "title", self.title);
        for value in &decades {
            let y = up.at(*value);
            stroke(&mut svg, [left, y, WIDTH - right, y], "grid");
            text(&mut svg, [left - 8.0, y + 4.0], "end", "", &(self.show)(*value));
        }
        for (at, label) in &self.ticks {
            let x = across.at(*at);
            stroke(&mut svg, [x, HEIGHT - bottom, x, HEIGHT - bottom + 5.0], "axis");
            text(&mut svg, [x, HEIGHT - bottom + 22.0], "middle", "", label);
        }
        stroke(&mut svg, [left, HEIGHT - bottom, WIDTH - right, HEIGHT - bottom], "axis");
        if let Some(goal) = self.goal {
            let y = up.at(goal);
            let dashed = "axis\" stroke-dasharray=\"6 4";
            stroke(&mut svg, [left, y, WIDTH - right, y], dashed);
            text(&mut svg, [left + 6.0, y - 6.0], "start", "", "goal");
        }
        for (at, (line, colour)) in self.lines.iter().zip(COLOURS).enumerate() {
            let is_lowest = at > 0 && at + 1 == self.lines.len();
            self.draw(
                &mut svg,
                (line, colour),
                [&across, &up],
                if is_lowest { 20.0 } else { -10.0 },
            );
        }
        svg + "</svg>\n"
    }

    /// Draws a line, and its values so far below the points.
    fn draw(
        &self,
        svg: &mut String,
        (line, colour): (&Line, &str),
        [across, up]: [&Axis; 2],
        below: f64,
    ) {
        let points = line.points.iter().map(|(at, value)| [across.at(*at), up.at(*value)]);
        let points: Vec<[f64; 2]> = points.collect();
        let path: Vec<String> = points.iter().map(|[x, y]| format!("{x:.1},{y:.1}")).collect();
        let path = path.join(" ");
        let _ = writeln!(
            svg,
            "<polyline points=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"
        );
        for ([x, y], (_, value)) in points.iter().zip(&line.points) {
            let _ =
                writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{colour}\"/>");
            text(svg, [*x, y + below], "middle", "", &(self.show)(*value));
        }
        if let Some([x, y]) = points.last() {
            let label = format!("<tspan style=\"fill:{colour}\">{}</tspan>", line.label);
            text(svg, [x + 30.0, y + 4.0], "start", "", &label);
        }
    }

    /// The powers of ten around all values.
    fn decades(&self) -> Vec<f64> {
        let values = self.lines.iter().flat_map(|line| &line.points).map(|(_, value)| *value);
        let values: Vec<f64> = values.chain(self.goal).collect();
        let least = values.iter().copied().fold(f64::INFINITY, f64::min).log10().floor();
        let most = values.iter().copied().fold(0.0, f64::max).log10().ceil().max(least + 1.0);
        (least as i32..=most as i32).map(|power| 10_f64.powi(power)).collect()
    }
}

impl Axis {
    fn at(&self, value: f64) -> f64 {
        let [from, to] = self.values.map(f64::log10);
        // A single place stands in the middle.
        let part = if to > from { (value.log10() - from) / (to - from) } else { 0.5 };
        self.pixels[0] + part * (self.pixels[1] - self.pixels[0])
    }
}

fn stroke(svg: &mut String, [x1, y1, x2, y2]: [f64; 4], class: &str) {
    let _ = writeln!(
        svg,
        "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" class=\"{class}\"/>"
    );
}

fn text(svg: &mut String, [x, y]: [f64; 2], anchor: &str, class: &str, text: &str) {
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" class=\"{class}\">{text}</text>"
    );
}
