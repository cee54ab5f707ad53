//! The order in which a block's coefficients are written (T.81, figure A.6).

/// Row and column of each coefficient, from the lowest frequencies to the highest in a zigzag.
pub(super) const POSITIONS: [(usize, usize); 64] = {
    let mut positions = [(0, 0); 64];
    let (mut row, mut column) = (0, 0);
    let mut i = 0;
    while i < 64 {
        positions[i] = (row, column);
        let up = (row + column) % 2 == 0;
        match (up, row, column) {
            (true, _, 7) | (false, 0..7, 0) => row += 1,
            (true, 0, _) | (false, 7, _) => column += 1,
            (true, ..) => (row, column) = (row - 1, column + 1),
            (false, ..) => (row, column) = (row + 1, column - 1),
        }
        i += 1;
    }
    positions
};
