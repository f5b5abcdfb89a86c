//! Where everything of a drawing goes: boxes in layers, lines between them that touch no other box.
//!
//! Sugiyama's way in five steps, one a module: turn the edges of loops around (`ranks`), give every
//! item a layer (`ranks`), order each layer so that few lines cross (`order`), give every cell a
//! place across (`place`), and draw the lines (`route`). A line through a layer is a cell of that
//! layer, and so is a line's label; nothing can therefore lie on anything else.
//!
//! Layers follow each other *along*; the cells of a layer lie *across*. What is up or left on the
//! page is not known here, and neither is text.

mod order;
mod place;
mod ranks;
mod route;

use std::collections::BTreeSet;

/// Cells of all layers together. Past this the longest lines end in a signpost, so that time and
/// paper stay in proportion to what somebody can look at.
const CELLS_MAX: usize = 60_000;

/// Between two cells of a layer.
const SPACE_ITEMS: f64 = 30.0;
const SPACE_LINES: f64 = 12.0;

/// Room on either side of a line.
const LINE_HALF: f64 = 7.0;

/// How far a line from a stage to itself stands out, and how far the next one beyond it.
const SELF_LINE: f64 = 18.0;

/// A point: across, along.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    pub(crate) across: f64,
    pub(crate) along: f64,
}

impl Point {
    pub(crate) const fn new(across: f64, along: f64) -> Self {
        Self { across, along }
    }
}

/// A rectangle by its middle and its size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Area {
    pub(crate) middle: Point,
    pub(crate) size: Size,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Size {
    pub(crate) across: f64,
    pub(crate) along: f64,
}

/// A box that is to be placed.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) size: Size,
    /// The corners of its outline around its middle, within `size`.
    pub(crate) outline: Vec<Point>,
    /// Something that stands at its side (a note).
    pub(crate) beside: Option<Size>,
}

/// A line that is to be drawn.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) label: Option<Size>,
    /// Room for a count at the other side of the line than the label.
    pub(crate) count: Size,
    /// The size of the signpost that stands for the far end of a line that is too long to draw.
    pub(crate) signpost: Size,
}

/// A piece of a line: a cubic Bézier curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Piece {
    pub(crate) from: Point,
    pub(crate) bend: [Point; 2],
    pub(crate) to: Point,
}

/// A line as it is drawn, from its source to its target.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub(crate) pieces: Vec<Piece>,
    pub(crate) label: Option<Area>,
    /// Near the line's source, as the label.
    pub(crate) count: Area,
    /// It runs against the layers, and so closes a loop.
    pub(crate) is_back: bool,
    pub(crate) signpost: Option<Area>,
}

/// Everything has its place; the smallest is (0, 0).
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) items: Vec<Area>,
    pub(crate) beside: Vec<Option<Area>>,
    pub(crate) routes: Vec<Route>,
    pub(crate) size: Size,
}

/// What takes room in a layer: an item, a line's bend, a label or a signpost.
#[derive(Debug, Clone)]
struct Cell {
    rank: usize,
    /// Room on either side of its axis. Lines run on axes.
    before: f64,
    after: f64,
    depth: f64,
    is_line: bool,
    /// Of a line that closes a loop.
    is_back: bool,
}

/// The cells through which a link runs, in the order of the layers.
#[derive(Debug, Clone)]
struct Chain {
    cells: Vec<usize>,
    is_back: bool,
    /// Its place in `cells`.
    label: usize,
    has_signpost: bool,
}

/// Cells in layers, and what connects them.
#[derive(Debug)]
struct Grid {
    cells: Vec<Cell>,
    /// Cells of a layer, from one side to the other.
    layers: Vec<Vec<usize>>,
    /// Neighbours in the layers before and after.
    above: Vec<Vec<usize>>,
    below: Vec<Vec<usize>>,
    /// By link; none for one that leads back to its own item.
    chains: Vec<Option<Chain>>,
}

/// Lays out items and links; `first` is the item at which reading begins.
///
/// Takes time in about n log n of items and the layers that links pass.
pub(crate) fn layout(items: &[Item], links: &[Link], first: Option<usize>) -> Layout {
    let back = ranks::back_links(items.len(), links, first);
    let ranks = ranks::ranks(items.len(), links, &back);
    let mut grid = grid(items, links, &ranks, &back);
    order::order(&mut grid, first);
    let across = place::place(&grid);
    route::route(items, links, &grid, &across)
}

fn grid(items: &[Item], links: &[Link], ranks: &[usize], back: &BTreeSet<usize>) -> Grid {
    let mut selfs: Vec<Vec<&Link>> = vec![Vec::new(); items.len()];
    for link in links.iter().filter(|link| link.from == link.to) {
        selfs[link.from].push(link);
    }
    let cells = items.iter().zip(ranks).zip(&selfs).map(|((item, rank), selfs)| {
        let half = item.size.across / 2.0;
        let beside = item.beside.map_or(0.0, |size| size.across + SPACE_LINES);
        let (stack, depth) = self_room(selfs);
        let depth = depth.max(item.size.along).max(item.beside.map_or(0.0, |size| size.along));
        Cell {
            rank: *rank,
            before: half,
            after: half + stack + beside,
            depth,
            is_line: false,
            is_back: false,
        }
    });
    let mut grid = Grid {
        cells: cells.collect(),
        layers: Vec::new(),
        above: Vec::new(),
        below: Vec::new(),
        chains: Vec::new(),
    };
    let drawn = drawn_whole(items.len(), links, ranks);
    for (number, link) in links.iter().enumerate() {
        let is_back = back.contains(&number);
        let chain = (link.from != link.to)
            .then(|| chain(&mut grid, link, ranks, is_back, drawn.contains(&number)));
        grid.chains.push(chain);
    }
    connect(&mut grid);
    grid
}

/// What the lines from an item to itself take beside it, and how far they and their labels go along.
fn self_room(links: &[&Link]) -> (f64, f64) {
    if links.is_empty() {
        return (0.0, 0.0);
    }
    let text = |link: &&Link| {
        link.label.map_or(link.count, |size| Size {
            across: size.across.max(link.count.across),
            along: size.along + link.count.along,
        })
    };
    let widest = links.iter().map(text).map(|size| size.across).fold(0.0, f64::max);
    let lines = SELF_LINE * links.len() as f64 + LINE_HALF;
    (lines + widest, links.iter().map(text).map(|size| size.along).sum())
}

/// The links that are drawn from end to end: all of them, or the shortest that `CELLS_MAX` lets.
fn drawn_whole(items: usize, links: &[Link], ranks: &[usize]) -> BTreeSet<usize> {
    let span = |link: &Link| ranks[link.from].abs_diff(ranks[link.to]);
    let mut numbers: Vec<usize> = (0..links.len()).collect();
    numbers.sort_by_key(|number| (span(&links[*number]), *number));
    let mut room = CELLS_MAX.saturating_sub(items);
    let mut drawn = BTreeSet::new();
    for number in numbers {
        let cells = span(&links[number]);
        if cells > room {
            break;
        }
        room -= cells;
        drawn.insert(number);
    }
    drawn
}

/// Adds the cells of one link.
fn chain(grid: &mut Grid, link: &Link, ranks: &[usize], is_back: bool, is_whole: bool) -> Chain {
    let (top, bottom) = if is_back { (link.to, link.from) } else { (link.from, link.to) };
    let mut add = |cell: Cell| {
        grid.cells.push(cell);
        grid.cells.len() - 1
    };
    let line = |rank| {
        let (before, after) = (LINE_HALF, LINE_HALF);
        Cell { rank, before, after, depth: 0.0, is_line: true, is_back }
    };
    let labelled = |rank| {
        let label = link.label.unwrap_or(Size { across: LINE_HALF, along: 0.0 });
        let depth = label.along.max(link.count.along);
        Cell { before: link.count.across, after: label.across, depth, ..line(rank) }
    };
    if !is_whole {
        let rank = ranks[link.from];
        let label = add(labelled(rank + 1));
        let half = link.signpost.across / 2.0;
        let depth = link.signpost.along;
        let (before, after) = (half, half);
        let post =
            add(Cell { rank: rank + 2, before, after, depth, is_line: false, is_back: false });
        let cells = vec![link.from, label, post];
        return Chain { cells, is_back: false, label: 1, has_signpost: true };
    }
    // A label stands next to the source: there the reader has to choose.
    let label_rank = if is_back { ranks[bottom] - 1 } else { ranks[top] + 1 };
    let mut cells = vec![top];
    for rank in ranks[top] + 1..ranks[bottom] {
        cells.push(add(if rank == label_rank { labelled(rank) } else { line(rank) }));
    }
    cells.push(bottom);
    let label = if is_back { cells.len() - 2 } else { 1 };
    Chain { cells, is_back, label, has_signpost: false }
}

fn connect(grid: &mut Grid) {
    grid.above = vec![Vec::new(); grid.cells.len()];
    grid.below = vec![Vec::new(); grid.cells.len()];
    for chain in grid.chains.iter().flatten() {
        for pair in chain.cells.windows(2) {
            grid.below[pair[0]].push(pair[1]);
            grid.above[pair[1]].push(pair[0]);
        }
    }
    let layers = grid.cells.iter().map(|cell| cell.rank + 1).max().unwrap_or(0);
    grid.layers = vec![Vec::new(); layers];
}

#[cfg(test)]
mod tests;
