//! Outlines: the shape of a stage says what performs it. Graphviz' shapes where Attractor has one
//! (2.8), those of flow charts where not.

use pipeline::Handler;

use crate::direction::Spot;

/// Room between text and outline.
const PAD_X: f64 = 13.0;
const PAD_Y: f64 = 8.0;

/// How far slanted sides, tips and tabs go.
const SLANT: f64 = 14.0;
const TAB: f64 = 6.0;
const SNIP: f64 = 9.0;

/// Between the borders of what has several.
pub(crate) const BORDER: f64 = 4.0;

/// A quarter of a circle: cosines of 0°, 11.25°, … 90°. Flat to the eye at the radii used here.
const QUARTER: [f64; 9] = [
    1.0,
    0.980_785,
    0.923_88,
    0.831_47,
    std::f64::consts::FRAC_1_SQRT_2,
    0.555_57,
    0.382_683,
    0.195_09,
    0.0,
];

/// An outline around a text; all spots are relative to the middle.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(crate) width: f64,
    pub(crate) height: f64,
    pub(crate) outline: Vec<Spot>,
    /// How many more borders stand within the first.
    pub(crate) borders: usize,
    pub(crate) details: Vec<Vec<Spot>>,
    /// Where the middle of the text is.
    pub(crate) text: Spot,
}

/// The shape for a stage whose text has this size.
pub(crate) fn shape(handler: &Handler, is_goal_gate: bool, text: Spot) -> Shape {
    let inner = match handler {
        Handler::FanIn => 2,
        _ => usize::from(is_goal_gate),
    };
    let room = BORDER * inner as f64;
    let (w, h) = (text.x + 2.0 * (PAD_X + room), text.y + 2.0 * (PAD_Y + room));
    let shape = match handler {
        Handler::Start => pill(w.max(h) + SLANT, h),
        Handler::Exit => exit(w + SNIP, h),
        Handler::Agent => plain(rounded(w, h, 7.0), w, h),
        Handler::Conditional => diamond(text, room),
        Handler::Human => tipped(w + 2.0 * SLANT, h, SLANT, SLANT),
        Handler::Ship => tipped(w + SLANT, h, 0.0, SLANT),
        Handler::Parallel => component(w + 2.0 * TAB, h),
        Handler::FanIn => snipped(w, h, SNIP, SNIP),
        Handler::Check => snipped(w, h, SNIP, 0.0),
        Handler::Tool => slanted(w + 2.0 * SLANT, h, SLANT, -SLANT),
        Handler::Attack => slanted(w + 2.0 * SLANT, h, 0.0, SLANT),
        Handler::ManagerLoop => house(w + SLANT, h + SLANT),
        Handler::Prove => shield(w + SLANT, h + SLANT),
        Handler::Wait => delay(w + SLANT, h),
        Handler::Custom(_) => barred(w + 2.0 * SNIP, h),
    };
    Shape { borders: inner, ..shape }
}

/// A sheet with a folded corner: what a manager watches.
pub(crate) fn note(text: Spot) -> Shape {
    let (w, h) = (text.x + 2.0 * PAD_X, text.y + 2.0 * PAD_Y);
    let (x, y) = (w / 2.0, h / 2.0);
    let fold = [(x - SNIP, -y), (x - SNIP, -y + SNIP), (x, -y + SNIP)];
    let outline = [(-x, -y), (x - SNIP, -y), (x, -y + SNIP), (x, y), (-x, y)];
    Shape { details: vec![spots(&fold)], ..plain(spots(&outline), w, h) }
}

fn spots(pairs: &[(f64, f64)]) -> Vec<Spot> {
    pairs.iter().map(|(x, y)| Spot { x: *x, y: *y }).collect()
}

fn plain(outline: Vec<Spot>, width: f64, height: f64) -> Shape {
    let text = Spot { x: 0.0, y: 0.0 };
    Shape { width, height, outline, borders: 0, details: Vec::new(), text }
}

fn rounded(w: f64, h: f64, radius: f64) -> Vec<Spot> {
    let (x, y) = (w / 2.0 - radius, h / 2.0 - radius);
    let mut outline = Vec::new();
    for (quarter, (x, y)) in [(x, y), (-x, y), (-x, -y), (x, -y)].into_iter().enumerate() {
        outline.extend(arc(x, y, radius, quarter));
    }
    outline
}

/// A quarter of a circle: 0 is the lower right one, then on clockwise.
fn arc(x: f64, y: f64, radius: f64, quarter: usize) -> impl Iterator<Item = Spot> {
    QUARTER.iter().zip(QUARTER.iter().rev()).map(move |(cos, sin)| {
        let (right, down) = match quarter {
            0 => (*cos, *sin),
            1 => (-sin, *cos),
            2 => (-cos, -sin),
            _ => (*sin, -cos),
        };
        Spot { x: x + radius * right, y: y + radius * down }
    })
}

fn pill(w: f64, h: f64) -> Shape {
    plain(rounded(w, h, h / 2.0), w, h)
}

fn exit(w: f64, h: f64) -> Shape {
    let (x, y, s) = (w / 2.0, h / 2.0, SNIP);
    let corners = [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)];
    let cut = |(a, b): (f64, f64)| spots(&[(a * (x - s), b * y), (a * x, b * (y - s))]);
    let outline = corners.map(|(a, b)| (a * x, b * y));
    Shape { details: corners.map(cut).to_vec(), ..plain(spots(&outline), w, h) }
}

/// Wide rather than high: it holds the text where |x|/X + |y|/Y = 1.
fn diamond(text: Spot, room: f64) -> Shape {
    const WIDER: f64 = 1.7;
    let x = (text.x / 2.0 + 4.0) * WIDER + 2.0 * room;
    let y = (text.y / 2.0 + 2.0) / (1.0 - 1.0 / WIDER) + room;
    plain(spots(&[(0.0, -y), (x, 0.0), (0.0, y), (-x, 0.0)]), 2.0 * x, 2.0 * y)
}

/// A box with tips at its sides.
fn tipped(w: f64, h: f64, left: f64, right: f64) -> Shape {
    let (x, y) = (w / 2.0, h / 2.0);
    let mut outline =
        vec![(-x + left, -y), (x - right, -y), (x, 0.0), (x - right, y), (-x + left, y)];
    if left > 0.0 {
        outline.push((-x, 0.0));
    }
    let text = Spot { x: (left - right) / 2.0, y: 0.0 };
    Shape { text, ..plain(spots(&outline), w, h) }
}

fn component(w: f64, h: f64) -> Shape {
    let (x, y) = (w / 2.0, h / 2.0);
    let tab = |y: f64| {
        let (left, right) = (-x, -x + 2.0 * TAB);
        spots(&[
            (left, y - 4.0),
            (right, y - 4.0),
            (right, y + 4.0),
            (left, y + 4.0),
            (left, y - 4.0),
        ])
    };
    let outline = [(-x + TAB, -y), (x, -y), (x, y), (-x + TAB, y)];
    let text = Spot { x: TAB, y: 0.0 };
    let details = vec![tab(-y / 2.0), tab(y / 2.0)];
    Shape { text, details, ..plain(spots(&outline), w, h) }
}

fn snipped(w: f64, h: f64, up: f64, low: f64) -> Shape {
    let (x, y) = (w / 2.0, h / 2.0);
    let mut outline = vec![(-x, -y + up), (-x + up, -y), (x - up, -y), (x, -y + up)];
    outline.extend([(x, y - low), (x - low, y), (-x + low, y), (-x, y - low)]);
    plain(spots(&outline), w, h)
}

/// Four corners; the lower ones lie further in by `left` and `right`, negative the upper ones.
fn slanted(w: f64, h: f64, left: f64, right: f64) -> Shape {
    let (x, y) = (w / 2.0, h / 2.0);
    let outline = if right < 0.0 {
        [(-x + left, -y), (x, -y), (x + right, y), (-x, y)]
    } else {
        [(-x, -y), (x, -y), (x - right, y), (-x + right, y)]
    };
    plain(spots(&outline), w, h)
}

fn house(w: f64, h: f64) -> Shape {
    let (x, y) = (w / 2.0, h / 2.0);
    let outline = [(0.0, -y), (x, -y + SLANT), (x, y), (-x, y), (-x, -y + SLANT)];
    Shape { text: Spot { x: 0.0, y: SLANT / 2.0 }, ..plain(spots(&outline), w, h) }
}

fn shield(w: f64, h: f64) -> Shape {
    let (x, y) = (w / 2.0, h / 2.0);
    let outline = [(-x, -y), (x, -y), (x, y - SLANT), (0.0, y), (-x, y - SLANT)];
    Shape { text: Spot { x: 0.0, y: -SLANT / 2.0 }, ..plain(spots(&outline), w, h) }
}

/// Flat at the left, round at the right.
fn delay(w: f64, h: f64) -> Shape {
    let (x, y) = (w / 2.0, h / 2.0);
    let mut outline = spots(&[(-x, y), (-x, -y)]);
    outline.extend(arc(x - y, 0.0, y, 3));
    outline.extend(arc(x - y, 0.0, y, 0));
    let text = Spot { x: -SLANT / 2.0, y: 0.0 };
    Shape { text, ..plain(outline, w, h) }
}

/// A box with bars at its sides.
fn barred(w: f64, h: f64) -> Shape {
    let (x, y) = (w / 2.0, h / 2.0);
    let bar = |x: f64| spots(&[(x, -y), (x, y)]);
    let details = vec![bar(-x + SNIP), bar(x - SNIP)];
    Shape { details, ..plain(spots(&[(-x, -y), (x, -y), (x, y), (-x, y)]), w, h) }
}
