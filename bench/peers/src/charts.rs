//! Pictures as SVG: bars of what the peers cost in terms of gort, curves, and distributions.
//!
//! What plotters draws in black is given the colour of the text around it, so that a picture can be read on
//! light and on dark ground.

use crate::numbers::{figure, with_unit};
use crate::peer::Peer;
use crate::stats::Spread;
use crate::table::Unit;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

/// A peer's bar.
pub(crate) struct Bar {
    pub peer: Peer,
    /// The peer's cost in terms of gort's.
    pub cost: Spread,
}

/// The bars of a workload.
pub(crate) struct Bars {
    pub title: String,
    pub bars: Vec<Bar>,
}

/// A line through points, from left to right.
pub(crate) struct Curve {
    pub peer: Peer,
    pub points: Vec<(f64, f64)>,
}

const WIDTH: u32 = 600;
/// Where bars begin and end; the titles are above them, the numbers right of them.
const LEFT: i32 = 176;
const RIGHT: i32 = 536;
const BAR: i32 = 18;
const TITLE: i32 = 24;
const GAP: i32 = 10;
const AXIS: i32 = 34;
const MUTED: RGBColor = RGBColor(128, 128, 128);

fn colour(peer: Peer) -> RGBColor {
    let [r, g, b] = peer.colour();
    RGBColor(r, g, b)
}

fn text(size: i32, x: HPos, y: VPos) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&BLACK).pos(Pos::new(x, y))
}

/// How many times what gort takes each peer takes, as bars from 1 to that, on a scale of powers that ends at
/// `most`.
pub(crate) fn bars(all: &[Bars], most: f64) -> String {
    let count: usize = all.iter().map(|one| one.bars.len()).sum();
    let height = AXIS + count as i32 * BAR + all.len() as i32 * (TITLE + GAP);
    let costs = || all.iter().flat_map(|one| &one.bars).map(|bar| bar.cost);
    let low = costs().map(|cost| cost.low).fold(0.5, f64::min).max(0.01);
    let high = costs().map(|cost| cost.high).fold(4.0, f64::max).min(most);
    let range = low.ln()..(high * 1.05).ln();
    let x = |cost: f64| {
        let part =
            (cost.ln().clamp(range.start, range.end) - range.start) / (range.end - range.start);
        LEFT + (part * f64::from(RIGHT - LEFT)) as i32
    };
    draw((WIDTH, height as u32), |area| {
        let (ticks, muted) = (ticks(low, high), text(12, HPos::Center, VPos::Bottom));
        for tick in &ticks {
            area.draw_text(&format!("{tick}×"), &muted, (x(*tick), AXIS - 8))?;
        }
        let mut y = AXIS;
        for one in all {
            area.draw_text(&one.title, &text(14, HPos::Left, VPos::Center), (4, y + TITLE / 2))?;
            y += TITLE;
            let end = y + one.bars.len() as i32 * BAR;
            for tick in &ticks {
                let line = MUTED.mix(if *tick == 1.0 { 1.0 } else { 0.35 });
                area.draw(&PathElement::new([(x(*tick), y), (x(*tick), end)], line))?;
            }
            for bar in &one.bars {
                let (middle, cost) = (y + BAR / 2, bar.cost);
                let title = text(13, HPos::Right, VPos::Center);
                area.draw_text(bar.peer.title(), &title, (LEFT - 8, middle))?;
                let (from, to) = (x(1.0).min(x(cost.median)), x(1.0).max(x(cost.median)));
                let corners = [(from, y + 2), (to.max(from + 2), y + BAR - 2)];
                area.draw(&Rectangle::new(corners, colour(bar.peer).filled()))?;
                let spread = [(x(cost.low), middle), (x(cost.high), middle)];
                area.draw(&PathElement::new(spread, BLACK))?;
                let said = format!("{}×", figure(cost.median));
                area.draw_text(&said, &text(13, HPos::Left, VPos::Center), (RIGHT + 8, middle))?;
                y += BAR;
            }
            y += GAP;
        }
        Ok(())
    })
}

/// The powers of 2 or of 10 that mark a scale.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let base: f64 = if high / low > 100.0 { 10.0 } else { 2.0 };
    let powers = low.log(base).ceil() as i32..=high.log(base).floor() as i32;
    powers.map(|power| base.powi(power)).collect()
}

/// Curves on scales of powers.
pub(crate) fn curves(x_title: &str, unit: Unit, all: &[Curve]) -> String {
    let range = |of: fn(&(f64, f64)) -> f64| {
        let values = || all.iter().flat_map(|curve| &curve.points).map(of);
        (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max))
    };
    let ((left, right), (low, high)) = (range(|point| point.0), range(|point| point.1));
    let (left, right, low, high) = (left * 0.9, right * 1.1, low.max(0.1) * 0.8, high * 1.25);
    let mut places: Vec<_> = all.iter().flat_map(|one| &one.points).map(|at| at.0).collect();
    places.sort_by(f64::total_cmp);
    places.dedup();
    let places = if places.len() <= 8 { places } else { steps(left, right) };
    draw((WIDTH, 320), |area| {
        let mut chart = ChartBuilder::on(area)
            .margin(12)
            .margin_right(40)
            .x_label_area_size(42)
            .y_label_area_size(76)
            .build_cartesian_2d(
                (left..right).log_scale().with_key_points(places),
                (low..high).log_scale().with_key_points(steps(low, high)),
            )?;
        let label = ("sans-serif", 13).into_font().color(&BLACK);
        chart
            .configure_mesh()
            .axis_style(MUTED)
            .bold_line_style(MUTED.mix(0.35))
            .light_line_style(TRANSPARENT)
            .label_style(label)
            .x_labels(8)
            .y_labels(8)
            .x_label_formatter(&|x| mark(figure(*x)))
            .y_label_formatter(&|y| mark(with_unit(*y, unit)))
            .x_desc(x_title)
            .draw()?;
        for curve in all {
            let colour = colour(curve.peer);
            let width = if curve.peer == Peer::Gort { 3 } else { 2 };
            chart.draw_series(LineSeries::new(curve.points.clone(), colour.stroke_width(width)))?;
            if curve.points.len() < 20 {
                let dots = curve.points.iter().map(|at| Circle::new(*at, 4, colour.filled()));
                chart.draw_series(dots)?;
            }
        }
        Ok(())
    })
}

/// What marks an axis: powers of ten, and what is between them if there are few.
fn steps(low: f64, high: f64) -> Vec<f64> {
    let between: &[f64] = if high / low < 50.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let powers = low.log10().floor() as i32..=high.log10().ceil() as i32;
    let steps = powers.flat_map(|power| between.iter().map(move |step| step * 10f64.powi(power)));
    steps.filter(|step| (low..=high).contains(step)).collect()
}

/// A number at an axis, without zeros that say nothing.
fn mark(number: String) -> String {
    let (figure, unit) = number.split_once(' ').unwrap_or((&number, ""));
    let whole = figure.split_once('.').filter(|(_, part)| part.bytes().all(|digit| digit == b'0'));
    let figure = whole.map_or(figure, |(whole, _)| whole);
    format!("{figure} {unit}").trim_end().into()
}

fn draw(size: (u32, u32), draw: impl FnOnce(&Area<'_>) -> Drawn) -> String {
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
    // A picture in memory has no errors of its own.
    draw(&area).and_then(|()| Ok(area.present()?)).expect("what is drawn is within bounds");
    drop(area);
    let begin = svg.find('>').map_or(0, |end| end + 1);
    let (width, height) = size;
    let head =
        format!(r#"<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">"#);
    format!("{head}{}", &svg[begin..]).replace("\"#000000\"", "\"currentColor\"")
}

/// A picture that stands alone, on a ground of its own that is as light or dark as the reader has it.
pub(crate) fn alone(svg: &str) -> String {
    let style = "<style>svg{color:#1f2328;background:#fff}\
                 @media(prefers-color-scheme:dark){svg{color:#e6edf3;background:#0d1117}}</style>";
    let end = svg.find('>').map_or(0, |end| end + 1);
    format!("{}{style}{}", &svg[..end], &svg[end..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::well_formed;

    #[test]
    fn bars_have_their_titles_and_numbers() {
        let cost = Spread { low: 1.9, median: 2.0, high: 2.5 };
        let (title, bars) = ("a <b> & c".to_owned(), vec![Bar { peer: Peer::Go, cost }]);
        let svg = super::bars(&[Bars { title, bars }], 100.0);
        for text in ["a &lt;b&gt; &amp; c", "Go", "2.00×", "currentColor"] {
            assert!(svg.contains(text), "{text}: {svg}");
        }
        assert!(!svg.contains("#000000"));
        well_formed(&alone(&svg)).unwrap();
    }

    #[test]
    fn curves_are_drawn_of_anything() {
        for points in
            [vec![(1.0, 1.0)], vec![(1.0, 5.0), (1e6, 1e-3)], vec![(1.0, 0.0), (2.0, 0.0)]]
        {
            let svg = curves("x", Unit::Nanos, &[Curve { peer: Peer::Gort, points }]);
            assert!(svg.contains("currentColor"));
            well_formed(&svg).unwrap();
        }
    }

    #[test]
    fn marks_are_powers() {
        assert_eq!(ticks(0.5, 9.0), [0.5, 1.0, 2.0, 4.0, 8.0]);
        assert_eq!(ticks(0.5, 200.0), [1.0, 10.0, 100.0]);
        assert_eq!(steps(0.9, 30.0), [1.0, 2.0, 5.0, 10.0, 20.0]);
        assert_eq!(steps(0.9, 300.0), [1.0, 10.0, 100.0]);
    }

    #[test]
    fn marks_have_no_zeros_that_say_nothing() {
        for (number, known) in
            [("10.0 µs", "10 µs"), ("2.50 ns", "2.50 ns"), ("1.00", "1"), ("1,000 ns", "1,000 ns")]
        {
            assert_eq!(mark(number.into()), known);
        }
    }

    #[test]
    fn curves_are_marked_where_their_points_are() {
        let points = vec![(1.0, 20_000.0), (2.0, 40_000.0), (6.0, 30_000.0)];
        let svg = curves("Ps", Unit::Nanos, &[Curve { peer: Peer::Gort, points }]);
        for text in ["\n1\n", "\n2\n", "\n6\n", "20 µs", "Ps"] {
            assert!(svg.contains(text), "{text}: {svg}");
        }
    }
}
