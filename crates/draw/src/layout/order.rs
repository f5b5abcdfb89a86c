//! The order of the cells in each layer, so that few lines cross.
//!
//! Sweeps over the layers put each cell at the mean place of its neighbours (Sugiyama), then
//! neighbours change places where that helps. The best order that was seen is kept.

use super::Grid;

/// Sweeps without anything better before giving up, and in all.
const VAIN_MAX: usize = 4;
const SWEEPS_MAX: usize = 24;

/// Rounds of letting neighbours change places.
const SWAPS_MAX: usize = 10;

pub(super) fn order(grid: &mut Grid, first: Option<usize>) {
    begin(grid, first);
    let mut best = (crossings(grid), grid.layers.clone());
    let mut vain = 0;
    for sweep in 0..SWEEPS_MAX {
        if best.0 == 0 || vain == VAIN_MAX {
            break;
        }
        // In two sweeps of four, cells that would have the same place change their order.
        sweep_once(grid, sweep % 2 == 0, sweep % 4 >= 2);
        swap_neighbours(grid);
        let now = crossings(grid);
        if now < best.0 {
            best = (now, grid.layers.clone());
            vain = 0;
        } else {
            vain += 1;
        }
    }
    grid.layers = best.1;
}

/// Cells in the order in which a walk from `first` meets them.
fn begin(grid: &mut Grid, first: Option<usize>) {
    let mut is_seen = vec![false; grid.cells.len()];
    let tops = (0..grid.cells.len()).filter(|cell| grid.above[*cell].is_empty());
    for root in first.into_iter().chain(tops) {
        let mut open = vec![root];
        while let Some(cell) = open.pop() {
            if std::mem::replace(&mut is_seen[cell], true) {
                continue;
            }
            grid.layers[grid.cells[cell].rank].push(cell);
            open.extend(grid.below[cell].iter().rev());
        }
    }
}

fn sweep_once(grid: &mut Grid, is_down: bool, is_turned: bool) {
    let layers = grid.layers.len();
    let mut places = places(grid);
    for step in 1..layers {
        let rank = if is_down { step } else { layers - 1 - step };
        let mut layer = std::mem::take(&mut grid.layers[rank]);
        if is_turned {
            layer.reverse();
        }
        let neighbours = if is_down { &grid.above } else { &grid.below };
        let mean = |cell: usize| {
            let of = &neighbours[cell];
            let sum: usize = of.iter().map(|other| places[*other]).sum();
            (!of.is_empty()).then(|| sum as f64 / of.len() as f64)
        };
        // A cell without neighbours stays where it is; the others are sorted around it.
        let fixed: Vec<bool> = layer.iter().map(|cell| neighbours[*cell].is_empty()).collect();
        let mut moving: Vec<(f64, usize)> =
            layer.iter().filter_map(|cell| Some((mean(*cell)?, *cell))).collect();
        moving.sort_by(|one, other| one.0.total_cmp(&other.0));
        let mut moving = moving.into_iter();
        for (place, is_fixed) in fixed.into_iter().enumerate() {
            if !is_fixed && let Some((_, cell)) = moving.next() {
                layer[place] = cell;
            }
        }
        for (place, cell) in layer.iter().enumerate() {
            places[*cell] = place;
        }
        grid.layers[rank] = layer;
    }
}

/// Lets neighbours change places as long as fewer lines cross.
fn swap_neighbours(grid: &mut Grid) {
    let mut places = places(grid);
    for _ in 0..SWAPS_MAX {
        let mut is_better = false;
        for rank in 0..grid.layers.len() {
            for place in 1..grid.layers[rank].len() {
                let (one, other) = (grid.layers[rank][place - 1], grid.layers[rank][place]);
                let count = |one: usize, other: usize| {
                    crossings_of(&grid.above[one], &grid.above[other], &places)
                        + crossings_of(&grid.below[one], &grid.below[other], &places)
                };
                if count(other, one) < count(one, other) {
                    grid.layers[rank].swap(place - 1, place);
                    places[one] = place;
                    places[other] = place - 1;
                    is_better = true;
                }
            }
        }
        if !is_better {
            break;
        }
    }
}

/// Lines of two neighbours that cross, the first standing before the other.
fn crossings_of(one: &[usize], other: &[usize], places: &[usize]) -> usize {
    // Nearly all cells are bends, with one line on either side.
    if let ([one], [other]) = (one, other) {
        return usize::from(places[*one] > places[*other]);
    }
    let sorted = |of: &[usize]| {
        let mut sorted: Vec<usize> = of.iter().map(|cell| places[*cell]).collect();
        sorted.sort_unstable();
        sorted
    };
    let (one, other) = (sorted(one), sorted(other));
    let mut passed = 0;
    let mut count = 0;
    for place in &one {
        while other.get(passed).is_some_and(|before| before < place) {
            passed += 1;
        }
        count += passed;
    }
    count
}

fn places(grid: &Grid) -> Vec<usize> {
    let mut places = vec![0; grid.cells.len()];
    for layer in &grid.layers {
        for (place, cell) in layer.iter().enumerate() {
            places[*cell] = place;
        }
    }
    places
}

/// How many pairs of lines cross, in all layers: inversions, counted with a Fenwick tree
/// (Barth, Jünger and Mutzel, 2004).
fn crossings(grid: &Grid) -> usize {
    let places = places(grid);
    let mut count = 0;
    for (rank, layer) in grid.layers.iter().enumerate() {
        let width = grid.layers.get(rank + 1).map_or(0, Vec::len);
        let mut tree = vec![0_usize; width + 1];
        let mut ends = 0;
        for cell in layer {
            let mut below: Vec<usize> = grid.below[*cell].iter().map(|b| places[*b]).collect();
            below.sort_unstable();
            for place in &below {
                // Lines of cells before this one that end after `place`.
                let (mut at, mut before) = (place + 1, 0);
                while at > 0 {
                    before += tree[at];
                    at &= at - 1;
                }
                count += ends - before;
            }
            for place in below {
                let mut at = place + 1;
                while at <= width {
                    tree[at] += 1;
                    at += at & at.wrapping_neg();
                }
                ends += 1;
            }
        }
    }
    count
}
