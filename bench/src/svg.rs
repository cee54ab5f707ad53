//! The little of SVG 1.1 that the charts need.

/// How lines are drawn, as attributes.
pub(crate) const AXIS: &str = r##"stroke="#222222""##;
pub(crate) const GRID: &str = r##"stroke="#dddddd""##;

/// A picture of this size, with a title above its parts.
pub(crate) fn document([width, height]: [f64; 2], title: &str, parts: &[String]) -> String {
    let head = format!(r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" "#)
        + r##"font-family="sans-serif" font-size="13" fill="#222222">"##;
    let paper = format!(r#"<rect width="{width}" height="{height}" fill="white"/>"#);
    let title = text([width / 2.0, 26.0], "middle", r#"font-size="16""#, title);
    [&[head, paper, title], parts, &["</svg>\n".to_owned()]].concat().join("\n")
}

pub(crate) fn line(stroke: &str, points: impl IntoIterator<Item = [f64; 2]>) -> String {
    let points: Vec<String> = points.into_iter().map(|[x, y]| format!("{x:.1},{y:.1}")).collect();
    format!(r#"<polyline points="{}" fill="none" {stroke}/>"#, points.join(" "))
}

/// `words` need no escaping.
pub(crate) fn text([x, y]: [f64; 2], anchor: &str, attributes: &str, words: &str) -> String {
    format!(r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" {attributes}>{words}</text>"#)
}
