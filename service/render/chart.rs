//! Charts: bars drawn as SVG on the server, with a title and a text that says the same. They stand in the HTML form of a
//! document only, where its Markdown has `<!-- chart: NAME -->`; words and numbers come first and never miss anything
//! that a chart shows.

use std::collections::BTreeMap;

use charts_rs::{BarChart, svg_with_accessibility};
use minijinja::value::Value;
use serde::Deserialize;
use serde_json::json;

use super::markdown::Html;
use super::templates::RenderError;

const WIDTH: u32 = 720;
const HEIGHT: u32 = 260;
/// Most bars that can be told apart on a page.
const MAX_BARS: usize = 120;
/// One colour a series, told apart in any hue by their lightness too.
const COLOURS: [&str; 2] = ["#1f5fa8", "#e0a030"];

/// A chart, as a member of `charts` of a document's context.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Chart {
    /// What the Markdown names it by.
    name: String,
    /// What it shows.
    title: String,
    /// The same in words.
    description: String,
    /// What the bars stand for.
    categories: Vec<String>,
    /// Parts of the bars, from the bottom up.
    series: Vec<Series>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Series {
    name: String,
    values: Vec<u32>,
}

/// The figures of a document's context, by name; none where it has no `charts`.
pub(super) fn figures(context: &Value) -> Result<BTreeMap<String, Html>, RenderError> {
    let charts = context.get_attr("charts").unwrap_or_default();
    if charts.is_undefined() {
        return Ok(BTreeMap::new());
    }
    let charts = Vec::<Chart>::deserialize(charts).map_err(|error| RenderError::Chart(error.to_string()))?;
    charts
        .into_iter()
        .filter(|chart| !chart.categories.is_empty())
        .map(figure)
        .collect()
}

fn figure(chart: Chart) -> Result<(String, Html), RenderError> {
    let failed = |what: String| RenderError::Chart(format!("{}: {what}", chart.name));
    if chart.categories.len() > MAX_BARS {
        return Err(failed(format!("has more than {MAX_BARS} bars")));
    }
    let highest = (0..chart.categories.len())
        .map(|at| {
            chart
                .series
                .iter()
                .filter_map(|series| series.values.get(at))
                .sum::<u32>()
        })
        .max();
    let (top, steps) = scale(highest.unwrap_or_default());
    let series = chart
        .series
        .iter()
        .map(|series| json!({ "name": series.name, "data": series.values, "stack": "all" }));
    let specification = json!({
        "width": WIDTH,
        "height": HEIGHT,
        "theme": "light",
        "font_family": "sans-serif",
        "compact": true,
        "series_colors": COLOURS,
        "x_axis_data": chart.categories,
        "y_axis_configs": [{ "axis_min": 0, "axis_max": top, "axis_split_number": steps }],
        "series_list": series.collect::<Vec<_>>(),
    });
    let drawn = BarChart::from_json(&specification.to_string()).and_then(|chart| chart.svg());
    let svg = drawn.map_err(|error| failed(error.to_string()))?;
    let svg = svg_with_accessibility(&svg, &chart.title, &chart.description);
    Ok((chart.name, Html::figure(&svg)))
}

/// The top of an axis of whole numbers, and the number of its steps.
fn scale(highest: u32) -> (u32, u32) {
    let powers = std::iter::successors(Some(1_u32), |power| power.checked_mul(10));
    let step = powers
        .flat_map(|power| [1, 2, 5].map(|factor: u32| factor.saturating_mul(power)))
        .find(|step| step.saturating_mul(5) >= highest)
        .unwrap_or(u32::MAX / 5);
    let steps = highest.div_ceil(step).max(1);
    (step.saturating_mul(steps), steps)
}

#[cfg(test)]
mod tests {
    use minijinja::value::Serde;

    use super::*;

    fn context(category: &str) -> Value {
        Value::from(Serde(json!({ "charts": [{
            "name": "frequency", "title": "Deployments", "description": "3 in one week",
            "categories": [category, "2026-W02"],
            "series": [{ "name": "changes", "values": [3, 0] }, { "name": "rollbacks", "values": [4, 0] }],
        }] })))
    }

    #[test]
    fn a_chart_says_what_it_shows_and_holds_no_style_or_script() {
        let figures = figures(&context("2026-W01")).unwrap();
        let svg = figures["frequency"].as_str();
        for words in [
            "role=\"img\"",
            "<title>Deployments</title>",
            "<desc>3 in one week</desc>",
            "2026-W02",
        ] {
            assert!(svg.contains(words), "{words}: {svg}");
        }
        for never in ["<style", "style=", "<script", "href", "<image", "onload"] {
            assert!(!svg.contains(never), "{never}: {svg}");
        }
        insta::assert_snapshot!(svg);
    }

    #[test]
    fn text_from_outside_stays_text() {
        let figures = figures(&context("</text><script>alert(1)</script>\"'&")).unwrap();
        assert!(!figures["frequency"].as_str().contains("<script"));
    }

    #[test]
    fn axes_have_whole_numbers() {
        for (highest, scaled) in [
            (0, (1, 1)),
            (1, (1, 1)),
            (5, (5, 5)),
            (7, (8, 4)),
            (23, (25, 5)),
            (101, (150, 3)),
        ] {
            assert_eq!(scale(highest), scaled, "{highest}");
        }
    }

    #[test]
    fn what_is_no_chart_is_refused() {
        let bad = Value::from(Serde(json!({ "charts": [{ "name": 1 }] })));
        assert!(matches!(figures(&bad), Err(RenderError::Chart(_))));
        assert_eq!(figures(&Value::UNDEFINED).unwrap(), BTreeMap::new());
    }
}
