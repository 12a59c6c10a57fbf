//! Pictures of what was measured, for the docs: how long answers take, and what a check
//! costs by the size of the policy.

use std::error::Error;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use crate::Measured;

const SIZE: (u32, u32) = (720, 400);

/// Of a server: the yardsticks in greys, Doorward in a colour that is told from them without
/// colours, too.
const COLOURS: [RGBColor; 3] = [RGBColor(150, 150, 150), RGBColor(200, 200, 200), RGBColor(0, 70, 160)];

/// Curves of one picture: a name, and its points.
type Curve = (&'static str, Vec<(f64, f64)>);

/// Draws what can be drawn of these into a directory.
pub(crate) fn draw(measured: &[Measured], folder: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    if let Some(hot) = measured.iter().find(|measured| measured.name == LATENCY) {
        latency(hot, &folder.join("latency.svg"))?;
    }
    let sizes: Vec<&Measured> = measured.iter().filter(|measured| measured.asks_many()).collect();
    if sizes.len() > 1 {
        size(&sizes, &folder.join("size.svg"))?;
    }
    Ok(())
}

/// The workload whose answers are drawn.
const LATENCY: &str = "hot";

/// Times of answers by how many of them are faster: 90 %, 99 %, 99.9 % are as far apart
/// from each other, since it is the slow ones that are looked for.
fn latency(hot: &Measured, file: &Path) -> Result<(), Box<dyn Error>> {
    let curve = |curve: &[Duration]| {
        let at = |(place, time): (usize, &Duration)| {
            (place as f64 / crate::load::POINTS_A_NINE as f64, time.as_secs_f64() * 1e3)
        };
        curve.iter().enumerate().map(at).collect()
    };
    let curves: Vec<Curve> = hot.sides.iter().map(|side| (side.name, curve(&side.curve))).collect();
    let share = |nines: &f64| match nines.round() as i32 {
        0 => "0 %".to_owned(),
        1 => "90 %".to_owned(),
        2 => "99 %".to_owned(),
        _ => "99.9 %".to_owned(),
    };
    picture(file, "time until the answer", ("of the answers", 0.0..3.0, 4, &share), "ms", &curves)
}

/// CPU of a check by the routes of the policy.
fn size(sizes: &[&Measured], file: &Path) -> Result<(), Box<dyn Error>> {
    let curves: Vec<Curve> = (0..COLOURS.len())
        .map(|side| {
            let point = |measured: &&Measured| {
                ((measured.routes as f64).log10(), measured.sides[side].cpu.as_secs_f64() * 1e6)
            };
            (sizes[0].sides[side].name, sizes.iter().map(point).collect())
        })
        .collect();
    let routes = |power: &f64| format!("{}", 10_f64.powf(*power).round());
    picture(file, "CPU of a check", ("routes", 1.0..5.0, 5, &routes), "µs", &curves)
}

/// What stands on the axis below: its name, from where to where, how many words, and which.
type Below<'a> = (&'a str, Range<f64>, usize, &'a dyn Fn(&f64) -> String);

fn picture(
    file: &Path,
    title: &str,
    (below, across, words, word): Below<'_>,
    unit: &str,
    curves: &[Curve],
) -> Result<(), Box<dyn Error>> {
    let most = curves.iter().flat_map(|(_, points)| points).map(|(_, value)| *value).fold(0.0, f64::max);
    let area = SVGBackend::new(file, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart: ChartContext<'_, _, Cartesian2d<RangedCoordf64, RangedCoordf64>> = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .margin_right(40)
        .x_label_area_size(44)
        .y_label_area_size(52)
        .build_cartesian_2d(across, 0.0..most * 1.4)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_labels(words)
        .x_label_formatter(word)
        .x_desc(below)
        .y_desc(unit)
        .draw()?;
    for ((name, points), colour) in curves.iter().zip(COLOURS) {
        chart
            .draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE)
        .border_style(COLOURS[0])
        .draw()?;
    area.present()?;
    Ok(())
}
