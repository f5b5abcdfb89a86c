//! The place of every cell across, after Brandes and Köpf, "Fast and Simple Horizontal Coordinate
//! Assignment" (2001): long lines come out straight, and a cell stands amid its neighbours.
//!
//! Cells are aligned with the median of their neighbours in four ways (from the top or the bottom,
//! from one side or the other), each is packed, and a cell gets the mean of its two middle places.
//! The mean keeps every distance that all four keep.

use std::collections::BTreeSet;

use super::{Cell, Grid, SPACE_ITEMS, SPACE_LINES};

/// How one of the four alignments looks at the layers.
#[derive(Clone, Copy)]
struct View {
    is_upward: bool,
    is_mirrored: bool,
}

/// Each cell's axis; the left-most room of all begins at 0.
pub(super) fn place(grid: &Grid) -> Vec<f64> {
    let crossed = crossed(grid);
    let mut ways: Vec<Vec<f64>> = Vec::new();
    for is_upward in [false, true] {
        for is_mirrored in [false, true] {
            ways.push(aligned(grid, &crossed, View { is_upward, is_mirrored }));
        }
    }
    join(grid, &mut ways)
}

/// The least distance between the axes of two neighbours.
fn distance(one: &Cell, other: &Cell) -> f64 {
    let space = if one.is_line || other.is_line { SPACE_LINES } else { SPACE_ITEMS };
    one.after + space + other.before
}

/// Pairs of cells whose line crosses one between two bends. The latter is the one to keep straight.
fn crossed(grid: &Grid) -> BTreeSet<(usize, usize)> {
    let mut crossed = BTreeSet::new();
    let mut places = vec![0_usize; grid.cells.len()];
    for layer in &grid.layers {
        for (place, cell) in layer.iter().enumerate() {
            places[*cell] = place;
        }
    }
    // The bend above, if the cell is one as well.
    let bend_above = |cell: usize| match grid.above[cell].as_slice() {
        [above] if grid.cells[cell].is_line && grid.cells[*above].is_line => Some(*above),
        _ => None,
    };
    for pair in grid.layers.windows(2) {
        let (upper, lower) = (&pair[0], &pair[1]);
        let (mut begin, mut done) = (0, 0);
        for (place, cell) in lower.iter().enumerate() {
            let bend = bend_above(*cell);
            if bend.is_none() && place + 1 < lower.len() {
                continue;
            }
            let end = bend.map_or(upper.len(), |above| places[above]);
            for other in &lower[done..=place] {
                for above in &grid.above[*other] {
                    let is_inner = bend_above(*other).is_some();
                    if !is_inner && (places[*above] < begin || places[*above] > end) {
                        crossed.insert((*above, *other));
                    }
                }
            }
            done = place + 1;
            begin = end;
        }
    }
    crossed
}

fn aligned(grid: &Grid, crossed: &BTreeSet<(usize, usize)>, view: View) -> Vec<f64> {
    let mut layers = grid.layers.clone();
    if view.is_upward {
        layers.reverse();
    }
    if view.is_mirrored {
        layers.iter_mut().for_each(|layer| layer.reverse());
    }
    let roots = blocks(grid, &layers, crossed, view.is_upward);
    let places = packed(grid, &layers, &roots, view.is_mirrored);
    let sign = if view.is_mirrored { -1.0 } else { 1.0 };
    roots.iter().map(|root| sign * places[*root]).collect()
}

/// By cell: the first cell of the block that it is aligned with.
fn blocks(
    grid: &Grid,
    layers: &[Vec<usize>],
    crossed: &BTreeSet<(usize, usize)>,
    is_upward: bool,
) -> Vec<usize> {
    let (neighbours, opposite) =
        if is_upward { (&grid.below, &grid.above) } else { (&grid.above, &grid.below) };
    let mut places = vec![0_usize; grid.cells.len()];
    let mut roots: Vec<usize> = (0..grid.cells.len()).collect();
    let mut has_next = vec![false; grid.cells.len()];
    for layer in layers {
        for (place, cell) in layer.iter().enumerate() {
            places[*cell] = place;
        }
        // Neighbours before this place are taken, or would cross a block.
        let mut free = 0;
        for cell in layer {
            let others = neighbours[*cell].iter().copied();
            let mut others: Vec<usize> = others
                .filter(|other| {
                    !gives_way(grid, *other, *cell, neighbours)
                        && !gives_way(grid, *cell, *other, opposite)
                })
                .collect();
            others.sort_unstable_by_key(|other| places[*other]);
            others.dedup();
            if others.is_empty() {
                continue;
            }
            for other in others[(others.len() - 1) / 2..=others.len() / 2].iter().copied() {
                let line = if is_upward { (*cell, other) } else { (other, *cell) };
                let is_taken = roots[*cell] != *cell || has_next[other];
                if !is_taken && places[other] >= free && !crossed.contains(&line) {
                    roots[*cell] = roots[other];
                    has_next[other] = true;
                    free = places[other] + 1;
                }
            }
        }
    }
    roots
}

/// Whether a line that closes a loop leaves it to others to be straight: those on the same side of
/// the item that it leads to which do not. So the way forward comes out straight.
fn gives_way(grid: &Grid, line: usize, item: usize, side: &[Vec<usize>]) -> bool {
    let (line, item_cell) = (&grid.cells[line], &grid.cells[item]);
    line.is_back && !item_cell.is_line && side[item].iter().any(|other| !grid.cells[*other].is_back)
}

/// A place for each block, by its first cell: as far to the side as the distances let, then back
/// towards its neighbours on the other side.
fn packed(grid: &Grid, layers: &[Vec<usize>], roots: &[usize], is_mirrored: bool) -> Vec<f64> {
    let mut after: Vec<Vec<(usize, f64)>> = vec![Vec::new(); grid.cells.len()];
    let mut missing = vec![0_usize; grid.cells.len()];
    for pair in layers.iter().flat_map(|layer| layer.windows(2)) {
        let (one, other) = (&grid.cells[pair[0]], &grid.cells[pair[1]]);
        let distance = if is_mirrored { distance(other, one) } else { distance(one, other) };
        after[roots[pair[0]]].push((roots[pair[1]], distance));
        missing[roots[pair[1]]] += 1;
    }
    let mut sorted: Vec<usize> =
        (0..roots.len()).filter(|cell| roots[*cell] == *cell && missing[*cell] == 0).collect();
    let mut places = vec![0.0_f64; grid.cells.len()];
    let mut next = 0;
    while let Some(block) = sorted.get(next).copied() {
        next += 1;
        for (other, distance) in &after[block] {
            places[*other] = places[*other].max(places[block] + distance);
            missing[*other] -= 1;
            if missing[*other] == 0 {
                sorted.push(*other);
            }
        }
    }
    debug_assert!(missing.iter().all(|count| *count == 0), "blocks never cross");
    for block in sorted.iter().rev() {
        let room = after[*block].iter().map(|(other, distance)| places[*other] - distance);
        let room = room.fold(f64::INFINITY, f64::min);
        if room.is_finite() {
            places[*block] = places[*block].max(room);
        }
    }
    places
}

/// Brings the four ways together: all are moved to the narrowest, each to its own side.
fn join(grid: &Grid, ways: &mut [Vec<f64>]) -> Vec<f64> {
    let extent = |way: &[f64]| {
        let cells = grid.cells.iter().zip(way);
        cells.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), (cell, place)| {
            (least.min(place - cell.before), most.max(place + cell.after))
        })
    };
    let extents: Vec<(f64, f64)> = ways.iter().map(|way| extent(way)).collect();
    let width = |(least, most): &(f64, f64)| most - least;
    let Some(narrowest) = extents.iter().min_by(|a, b| width(a).total_cmp(&width(b))).copied()
    else {
        return Vec::new();
    };
    for (number, (way, extent)) in ways.iter_mut().zip(&extents).enumerate() {
        let is_mirrored = number % 2 == 1;
        let by = if is_mirrored { narrowest.1 - extent.1 } else { narrowest.0 - extent.0 };
        way.iter_mut().for_each(|place| *place += by);
    }
    let mut places: Vec<f64> = (0..grid.cells.len())
        .map(|cell| {
            let mut of: Vec<f64> = ways.iter().map(|way| way[cell]).collect();
            of.sort_by(f64::total_cmp);
            (of[1] + of[2]) / 2.0
        })
        .collect();
    let (least, _) = extent(&places);
    places.iter_mut().for_each(|place| *place -= least);
    places
}
