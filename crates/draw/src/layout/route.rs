//! Lines: where they leave a box, how they bend, where they arrive; and how far layers are apart.
//!
//! Within a layer a line runs straight along; it bends between layers only, and there it stays
//! between its two ends. So it touches nothing but what it leads to.

use std::collections::BTreeMap;

use super::{
    Area, Cell, Chain, Grid, Item, LINE_HALF, Layout, Link, Piece, Point, Route, SELF_LINE, Size,
};

/// Between two layers; more where a line goes far across, so that it does not lie flat.
const GAP: f64 = 17.0;
const GAP_SLOPE: f64 = 0.14;
const GAP_MORE_MAX: f64 = 44.0;

/// Lines leave and reach a box within this part of its half, and so far apart where there is room.
const REACH: f64 = 0.72;
const PORT_SPACE: f64 = 16.0;

/// What is shorter is no line, but what rounding left over.
const SHORTEST: f64 = 0.05;

/// Which side of an item a line is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Above,
    Below,
}

/// Where the lines of a link (by its number) meet an item's side.
type Ports = BTreeMap<(usize, Side), f64>;

pub(super) fn route(items: &[Item], links: &[Link], grid: &Grid, across: &[f64]) -> Layout {
    let ports = ports(items, grid, across);
    let bands = bands(grid, across, &ports);
    let middle = |cell: usize| Point::new(across[cell], bands[grid.cells[cell].rank].middle());
    let areas: Vec<Area> = items
        .iter()
        .enumerate()
        .map(|(number, item)| Area { middle: middle(number), size: item.size })
        .collect();
    let beside = items.iter().enumerate().map(|(number, item)| {
        let size = item.beside?;
        let across = across[number] + grid.cells[number].after - size.across / 2.0;
        Some(Area { middle: Point::new(across, areas[number].middle.along), size })
    });
    let beside = beside.collect();
    let mut selfs: BTreeMap<usize, SelfLines> = BTreeMap::new();
    let routes =
        links.iter().zip(&grid.chains).enumerate().map(|(number, (link, chain))| match chain {
            Some(chain) => {
                let line = Line { number, link, chain, grid, across, ports: &ports, bands: &bands };
                line.route(items)
            }
            None => {
                let lines = selfs.entry(link.from).or_insert_with(|| {
                    SelfLines::new(links.iter().filter(|l| l.from == l.to && l.to == link.to))
                });
                lines.next(link, &items[link.from], areas[link.from].middle)
            }
        });
    let routes = routes.collect();
    let width = grid.cells.iter().zip(across).map(|(cell, place)| place + cell.after);
    let size = Size {
        across: width.fold(0.0, f64::max),
        along: bands.last().map_or(0.0, |band| band.end),
    };
    Layout { items: areas, beside, routes, size }
}

/// From where to where a layer reaches.
#[derive(Debug, Clone, Copy)]
struct Band {
    begin: f64,
    end: f64,
}

impl Band {
    fn middle(self) -> f64 {
        (self.begin + self.end) / 2.0
    }
}

fn bands(grid: &Grid, across: &[f64], ports: &Ports) -> Vec<Band> {
    let mut far = vec![0.0_f64; grid.layers.len()];
    for (number, chain) in grid.chains.iter().enumerate() {
        for (place, pair) in chain.iter().flat_map(|chain| chain.cells.windows(2)).enumerate() {
            let from = if place == 0 { ports.get(&(number, Side::Below)) } else { None };
            let is_last = chain.as_ref().is_some_and(|chain| place + 2 == chain.cells.len());
            let to = if is_last { ports.get(&(number, Side::Above)) } else { None };
            let by = from.unwrap_or(&across[pair[0]]) - to.unwrap_or(&across[pair[1]]);
            let rank = grid.cells[pair[0]].rank;
            far[rank] = far[rank].max(by.abs());
        }
    }
    let mut along = 0.0;
    let bands = grid.layers.iter().zip(far).map(|(layer, far)| {
        let depth = layer.iter().map(|cell| grid.cells[*cell].depth).fold(0.0, f64::max);
        let band = Band { begin: along, end: along + depth };
        along = band.end + GAP + (far * GAP_SLOPE).min(GAP_MORE_MAX);
        band
    });
    bands.collect()
}

/// Lines meet an item as straight under or over where they come from as its size and the other
/// lines let.
fn ports(items: &[Item], grid: &Grid, across: &[f64]) -> Ports {
    let mut wishes: BTreeMap<(usize, Side), Vec<(f64, usize)>> = BTreeMap::new();
    for (number, chain) in grid.chains.iter().enumerate() {
        let Some(Chain { cells, .. }) = chain else { continue };
        let (top, bottom) = (cells[0], cells[cells.len() - 1]);
        let mut wish = |item, side, neighbour: usize| {
            wishes.entry((item, side)).or_default().push((across[neighbour], number));
        };
        wish(top, Side::Below, cells[1]);
        if bottom < items.len() {
            wish(bottom, Side::Above, cells[cells.len() - 2]);
        }
    }
    let mut ports = Ports::new();
    for ((item, side), mut wishes) in wishes {
        wishes.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
        let reach = items[item].size.across / 2.0 * REACH;
        let (least, most) = (across[item] - reach, across[item] + reach);
        let space = PORT_SPACE.min(2.0 * reach / wishes.len() as f64);
        let mut places: Vec<f64> = Vec::with_capacity(wishes.len());
        for (wish, _) in &wishes {
            // One that is alone is best in the middle.
            let wish = if wishes.len() == 1 { across[item] } else { *wish };
            let after = places.last().map_or(least, |place| place + space);
            places.push(wish.clamp(least, most).max(after));
        }
        let mut before = most;
        for (place, (_, number)) in places.iter().zip(&wishes).rev() {
            let place = place.min(before);
            before = place - space;
            ports.insert((*number, side), place);
        }
    }
    ports
}

/// One link and all that its line depends on.
struct Line<'a> {
    number: usize,
    link: &'a Link,
    chain: &'a Chain,
    grid: &'a Grid,
    across: &'a [f64],
    ports: &'a Ports,
    bands: &'a [Band],
}

impl Line<'_> {
    fn route(&self, items: &[Item]) -> Route {
        let cells = &self.chain.cells;
        let mut pieces = Vec::new();
        let mut here = self.begin(items);
        for (place, cell) in cells.iter().enumerate() {
            let band = self.band(*cell);
            if place > 0 {
                let is_last = place + 1 == cells.len();
                let port = self.ports.get(&(self.number, Side::Above)).filter(|_| is_last);
                let across = *port.unwrap_or(&self.across[*cell]);
                bend(&mut pieces, &mut here, Point::new(across, band.begin));
            }
            let is_last = place + 1 == cells.len();
            let along = if is_last { self.end(items, here.across) } else { band.end };
            straight(&mut pieces, &mut here, along);
        }
        if self.chain.is_back {
            pieces.reverse();
            for Piece { from, bend, to } in &mut pieces {
                std::mem::swap(from, to);
                bend.reverse();
            }
        }
        let slot = cells[self.chain.label];
        let axis = self.middle(slot);
        let count = self.link.count;
        let signpost = self.chain.has_signpost.then(|| Area {
            middle: self.middle(cells[cells.len() - 1]),
            size: self.link.signpost,
        });
        Route {
            pieces,
            label: self.link.label.map(|size| beside(axis, size, 0.5)),
            count: beside(axis, count, -0.5),
            is_back: self.chain.is_back,
            signpost,
        }
    }

    fn band(&self, cell: usize) -> Band {
        let Cell { rank, .. } = self.grid.cells[cell];
        self.bands[rank]
    }

    fn middle(&self, cell: usize) -> Point {
        Point::new(self.across[cell], self.band(cell).middle())
    }

    /// Where the line leaves the upper item.
    fn begin(&self, items: &[Item]) -> Point {
        let item = self.chain.cells[0];
        let across = self.ports.get(&(self.number, Side::Below)).copied();
        let across = across.unwrap_or(self.across[item]);
        let outline = &items[item].outline;
        let (_, below) = along_at(outline, across - self.across[item]);
        Point::new(across, self.band(item).middle() + below)
    }

    /// How far along the line goes at the lower item.
    fn end(&self, items: &[Item], across: f64) -> f64 {
        let last = self.chain.cells[self.chain.cells.len() - 1];
        let middle = self.band(last).middle();
        match items.get(last) {
            Some(item) => middle + along_at(&item.outline, across - self.across[last]).0,
            None => middle - self.link.signpost.along / 2.0,
        }
    }
}

/// An area of this size next to a point, as many times its size across away.
fn beside(point: Point, size: Size, times: f64) -> Area {
    Area { middle: Point::new(point.across + times * size.across, point.along), size }
}

fn straight(pieces: &mut Vec<Piece>, here: &mut Point, along: f64) {
    let to = Point::new(here.across, along);
    if (to.along - here.along).abs() > SHORTEST {
        pieces.push(Piece { from: *here, bend: [*here, to], to });
    }
    *here = to;
}

/// From one layer to the next: leaves and arrives along.
fn bend(pieces: &mut Vec<Piece>, here: &mut Point, to: Point) {
    let half = f64::midpoint(here.along, to.along);
    let bend = [Point::new(here.across, half), Point::new(to.across, half)];
    pieces.push(Piece { from: *here, bend, to });
    *here = to;
}

/// How far an outline reaches along on either side, at a place across.
fn along_at(outline: &[Point], across: f64) -> (f64, f64) {
    crossings(outline, |point| (point.across - across, point.along))
}

/// How far an outline reaches across on either side, at a place along.
fn across_at(outline: &[Point], along: f64) -> (f64, f64) {
    crossings(outline, |point| (point.along - along, point.across))
}

/// The least and the most that an outline has where it crosses zero.
fn crossings(outline: &[Point], of: impl Fn(&Point) -> (f64, f64)) -> (f64, f64) {
    let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
    for (one, other) in outline.iter().zip(outline.iter().cycle().skip(1)) {
        let ((a, from), (b, to)) = (of(one), of(other));
        if (a <= 0.0 && b >= 0.0) || (a >= 0.0 && b <= 0.0) {
            let part = if (b - a).abs() < f64::EPSILON { 0.0 } else { -a / (b - a) };
            let value = from + (to - from) * part;
            (least, most) = (least.min(value), most.max(value));
        }
    }
    if least > most { (0.0, 0.0) } else { (least, most) }
}

/// The lines from one item to itself, one outside the other, with their labels in a stack.
struct SelfLines {
    lines: usize,
    done: usize,
    /// Of all labels together, and of those that stand already.
    depth: f64,
    used: f64,
}

impl SelfLines {
    fn new<'a>(links: impl Iterator<Item = &'a Link>) -> Self {
        let (mut lines, mut depth) = (0, 0.0);
        for link in links {
            lines += 1;
            depth += link.count.along + link.label.map_or(0.0, |size| size.along);
        }
        Self { lines, done: 0, depth, used: 0.0 }
    }

    fn next(&mut self, link: &Link, item: &Item, middle: Point) -> Route {
        self.done += 1;
        let part = self.done as f64 / (self.lines + 1) as f64;
        let high = item.size.along / 2.0 * REACH * part.max(0.5);
        let side = |along: f64| {
            let (_, most) = across_at(&item.outline, along);
            Point::new(middle.across + most, middle.along + along)
        };
        let far = middle.across + item.size.across / 2.0 + SELF_LINE * self.done as f64;
        let (from, to) = (side(high), side(-high));
        let piece = |from: Point, to: Point| Piece { from, bend: [from, to], to };
        let corner = SELF_LINE / 2.0;
        let (low, up) = (Point::new(far, from.along - corner), Point::new(far, to.along + corner));
        let pieces = vec![
            Piece { from, bend: [Point::new(far, from.along); 2], to: low },
            piece(low, up),
            Piece { from: up, bend: [Point::new(far, to.along); 2], to },
        ];
        let edge = middle.across + item.size.across / 2.0 + SELF_LINE * self.lines as f64;
        let mut stacked = |size: Size| {
            let along = middle.along - self.depth / 2.0 + self.used + size.along / 2.0;
            self.used += size.along;
            Area { middle: Point::new(edge + LINE_HALF + size.across / 2.0, along), size }
        };
        let label = link.label.map(&mut stacked);
        let count = stacked(link.count);
        Route { pieces, label, count, is_back: true, signpost: None }
    }
}
