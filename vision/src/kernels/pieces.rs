//! Cuts a row of pixels into pieces for vectors.

/// Cuts `length` pixels, at least one, into tiles of at most `most` that are as equal as can be. Yields where each tile
/// begins, and its length. A short tile at the end would keep fewer sums going than the processor can add up at once.
pub(super) fn tiles(length: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    assert!(length > 0, "a row has pixels");
    let count = length.div_ceil(most);
    let (least, longer) = (length / count, length % count);
    (0..count).map(move |tile| (tile * least + tile.min(longer), least + usize::from(tile < longer)))
}

/// Yields where vectors of `lanes` begin that cover `length` pixels, at least one vector: the last vector overlaps the one
/// before, so that nothing is left to plain Rust.
pub(super) fn starts(length: usize, lanes: usize) -> impl Iterator<Item = usize> {
    assert!(length >= lanes, "room for a vector");
    (0..length).step_by(lanes).map(move |start| start.min(length - lanes))
}
