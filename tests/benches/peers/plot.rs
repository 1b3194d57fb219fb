//! SVG plots of the results.

use super::closed_loop::Run;
use plotters::coord::combinators::IntoLogRange as _;
use plotters::prelude::*;
use std::path::Path;

const COLORS: [RGBColor; 2] = [RGBColor(0x1f, 0x77, 0xb4), RGBColor(0xd6, 0x27, 0x28)];
const SIZE: (u32, u32) = (720, 420);
/// Percentiles of the latency curve, in tenths of a percent.
const PLACES: [u32; 12] = [10, 100, 250, 500, 750, 900, 950, 980, 990, 995, 998, 999];

/// Plots commands per second over the number of connections.
pub fn throughput(path: &Path, series: &[(&'static str, Vec<(u64, u64)>)]) {
    let most = series.iter().flat_map(|(_, points)| points).map(|(_, y)| *y).max().unwrap_or(1);
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE).unwrap();
    let mut chart = ChartBuilder::on(&root)
        .margin(12)
        .caption("Durable commands a second, each connection one at a time", ("sans-serif", 16))
        .x_label_area_size(36)
        .y_label_area_size(72)
        .build_cartesian_2d((1_u64..1_000).log_scale(), 0..most + most / 10)
        .unwrap();
    chart.configure_mesh().x_desc("connections").y_desc("commands/s").draw().unwrap();
    for ((name, points), color) in
        series.iter().filter(|(_, points)| !points.is_empty()).zip(COLORS)
    {
        let line = LineSeries::new(points.iter().copied(), color.stroke_width(2));
        chart.draw_series(line).unwrap().label(*name).legend(move |(x, y)| legend(x, y, color));
    }
    chart.configure_series_labels().background_style(WHITE).border_style(BLACK).draw().unwrap();
    root.present().unwrap();
}

/// Plots the latency percentiles of a thousand connections.
pub fn latency(path: &Path, runs: &[(&'static str, Run)]) {
    let most = runs.iter().map(|(_, run)| run.percentile_us(999)).max().unwrap_or(1);
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE).unwrap();
    let mut chart = ChartBuilder::on(&root)
        .margin(12)
        .caption("Latency of a durable command, 1,000 connections", ("sans-serif", 16))
        .x_label_area_size(36)
        .y_label_area_size(72)
        .build_cartesian_2d(0_usize..PLACES.len() - 1, 0..most + most / 10)
        .unwrap();
    let place = |at: &usize| {
        PLACES.get(*at).map_or(String::new(), |place| format!("p{}.{}", place / 10, place % 10))
    };
    let mut mesh = chart.configure_mesh();
    mesh.x_desc("percentile")
        .y_desc("microseconds")
        .x_labels(PLACES.len())
        .x_label_formatter(&place)
        .draw()
        .unwrap();
    for ((name, run), color) in runs.iter().zip(COLORS) {
        let points = PLACES.iter().enumerate().map(|(at, place)| (at, run.percentile_us(*place)));
        let line = LineSeries::new(points, color.stroke_width(2));
        chart.draw_series(line).unwrap().label(*name).legend(move |(x, y)| legend(x, y, color));
    }
    chart.configure_series_labels().background_style(WHITE).border_style(BLACK).draw().unwrap();
    root.present().unwrap();
}

fn legend(x: i32, y: i32, color: RGBColor) -> PathElement<(i32, i32)> {
    PathElement::new(vec![(x, y), (x + 18, y)], color.stroke_width(2))
}
