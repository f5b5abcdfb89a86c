//! The document: what is to be laid out, and then every element of it.

use std::collections::HashMap;
use std::fmt::Write as _;

use base::StageId;
use pipeline::{Edge, Graph, Stage};

use crate::card::{self, Card, Style};
use crate::direction::{Direction, Spot};
use crate::layout::{Area, Item, Layout, Link, Route, Size, layout};
use crate::shape::{BORDER, Shape, note, shape};
use crate::text::{escape, excerpt};
use crate::{Mark, Paint, StageMark};

/// Around everything.
const MARGIN: f64 = 20.0;

/// Room between a line and its label, and above and below the label.
const LABEL_PAD: f64 = 6.0;
const LABEL_SPACE: f64 = 2.0;

/// Width and height of a count at an edge.
const COUNT: (f64, f64) = (28.0, 14.0);

/// An arrow head.
const HEAD_LENGTH: f64 = 9.0;
const HEAD_HALF: f64 = 4.0;

/// A box is as broad as so many pixels for each of the lines that enter or leave it, up to a bound.
const LINE_SPACE: f64 = 12.0;
const LINES_SPACE_MAX: f64 = 480.0;

/// A state, and the room that it takes under a stage's text. Once there is a run, all stages have
/// that room, so that nothing moves while it goes on.
const BADGE_HEIGHT: f64 = 15.0;
const BADGE_ROOM: Spot = Spot { x: 82.0, y: BADGE_HEIGHT + 4.0 };

/// Characters of the goal in the picture's name.
const GOAL_MAX: usize = 200;

const STYLE: &str = include_str!("style.css");

/// A stage that is to be drawn.
struct Box<'a> {
    stage: &'a Stage,
    mark: Option<&'a StageMark>,
    card: Card,
    shape: Shape,
    child: Option<(Card, Shape)>,
}

/// An edge that is to be drawn.
struct Arrow<'a> {
    edge: &'a Edge,
    card: Card,
    post: Card,
    taken: u32,
}

pub(crate) fn render(graph: &Graph, paint: Option<&Paint>) -> String {
    let direction = Direction::new(graph.attributes.get("rankdir").and_then(|v| v.as_str()));
    let numbers: HashMap<&StageId, usize> =
        graph.stages.keys().enumerate().map(|(number, id)| (id, number)).collect();
    let (mut arrows, mut links) = (Vec::new(), Vec::new());
    let mut lines = vec![(0_u32, 0_u32); numbers.len()];
    for edge in graph.edges() {
        let (Some(from), Some(to)) = (numbers.get(&edge.from), numbers.get(&edge.to)) else {
            continue;
        };
        let way = (edge.from.clone(), edge.to.clone());
        let taken = paint.and_then(|paint| paint.edges_taken.get(&way));
        let arrow = Arrow {
            edge,
            card: card::of_edge(edge),
            post: card::of_signpost(edge),
            taken: taken.copied().unwrap_or(0),
        };
        links.push(link(&arrow, direction, *from, *to));
        lines[*from].0 += 1;
        lines[*to].1 += 1;
        arrows.push(arrow);
    }
    let boxes: Vec<Box<'_>> = graph
        .stages
        .values()
        .zip(lines)
        .map(|(stage, (leaving, entering))| {
            let across = (f64::from(leaving.max(entering)) * LINE_SPACE).min(LINES_SPACE_MAX);
            boxed(stage, paint, direction.page(Size { across, along: 0.0 }))
        })
        .collect();
    let items: Vec<Item> = boxes.iter().map(|boxed| item(boxed, direction)).collect();
    let first = graph.start().and_then(|stage| numbers.get(&stage.id)).copied();
    let layout = layout(&items, &links, first);
    Document { direction, layout: &layout, out: String::new() }.write(graph, &boxes, &arrows)
}

fn boxed<'a>(stage: &'a Stage, paint: Option<&'a Paint>, least: Spot) -> Box<'a> {
    let mark = paint.and_then(|paint| paint.stages.get(&stage.id));
    let card = card::of_stage(stage, mark);
    let text = card.size();
    let room = match paint {
        Some(_) => Spot { x: text.x.max(BADGE_ROOM.x), y: text.y + BADGE_ROOM.y },
        None => text,
    };
    let room = Spot { x: room.x.max(least.x), y: room.y.max(least.y) };
    let shape = shape(&stage.handler, stage.goal_gate, room);
    let child = card::of_child(stage).map(|card| {
        let shape = note(card.size());
        (card, shape)
    });
    Box { stage, mark, card, shape, child }
}

fn item(boxed: &Box<'_>, direction: Direction) -> Item {
    let shape = &boxed.shape;
    Item {
        size: direction.size(shape.width, shape.height),
        outline: shape.outline.iter().map(|spot| direction.turned(*spot)).collect(),
        beside: boxed.child.as_ref().map(|(_, note)| direction.size(note.width, note.height)),
    }
}

fn link(arrow: &Arrow<'_>, direction: Direction, from: usize, to: usize) -> Link {
    let label = arrow.card.size();
    let post = arrow.post.size();
    Link {
        from,
        to,
        label: (!arrow.card.lines.is_empty())
            .then(|| direction.size(label.x + 2.0 * LABEL_PAD, label.y + 2.0 * LABEL_SPACE)),
        count: direction.size(COUNT.0, COUNT.1),
        signpost: direction.size(post.x + 2.0 * LABEL_PAD, post.y + 2.0 * LABEL_PAD),
    }
}

struct Document<'a> {
    direction: Direction,
    layout: &'a Layout,
    out: String,
}

impl Document<'_> {
    fn write(mut self, graph: &Graph, boxes: &[Box<'_>], arrows: &[Arrow<'_>]) -> String {
        let page = self.direction.page(self.layout.size);
        let (width, height) = (n(page.x + 2.0 * MARGIN), n(page.y + 2.0 * MARGIN));
        let name = escape(&name(graph));
        self.put(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"dark-factory\" width=\"{width}\" \
             height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
             role=\"graphics-document document\" aria-roledescription=\"pipeline\" \
             aria-label=\"{name}\">\n<title>{name}</title>\n<style>\n{STYLE}</style>\n"
        ));
        for (arrow, route) in arrows.iter().zip(&self.layout.routes) {
            self.edge(arrow, route);
        }
        for (number, boxed) in boxes.iter().enumerate() {
            self.stage(boxed, self.layout.items[number], self.layout.beside[number]);
        }
        self.out.push_str("</svg>\n");
        self.out
    }

    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string never fails.
        let _ = self.out.write_fmt(text);
    }

    fn spot(&self, point: crate::layout::Point) -> Spot {
        let spot = self.direction.spot(point, self.layout.size);
        Spot { x: spot.x + MARGIN, y: spot.y + MARGIN }
    }

    fn corner(&self, area: Area) -> Spot {
        let spot = self.direction.corner(area, self.layout.size);
        Spot { x: spot.x + MARGIN, y: spot.y + MARGIN }
    }

    fn edge(&mut self, arrow: &Arrow<'_>, route: &Route) {
        let mut class = String::from("edge");
        if route.is_back || arrow.edge.loop_restart {
            class.push_str(" back");
        }
        if arrow.taken > 0 {
            class.push_str(" taken");
        }
        let title = escape(&card::edge_title(arrow.edge, arrow.taken));
        let Edge { from, to, .. } = arrow.edge;
        self.put(format_args!(
            "<g class=\"{class}\" data-from=\"{from}\" data-to=\"{to}\"><title>{title}</title>"
        ));
        self.line(route);
        if let Some(area) = route.label {
            let corner = self.corner(area);
            let at = Spot { x: corner.x + LABEL_PAD, y: corner.y + LABEL_SPACE };
            self.lines(&arrow.card, at, "start");
        }
        if arrow.taken > 0 {
            let corner = self.corner(route.count);
            let (x, y) = (n(corner.x + COUNT.0 - LABEL_PAD), n(corner.y + COUNT.1 - 4.0));
            let count = card::count(arrow.taken);
            self.put(format_args!(
                "<text class=\"count\" text-anchor=\"end\" x=\"{x}\" y=\"{y}\">{count}</text>"
            ));
        }
        if let Some(area) = route.signpost {
            let corner = self.corner(area);
            let size = self.direction.page(area.size);
            self.put(format_args!(
                "<rect class=\"post\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"5\"/>",
                n(corner.x),
                n(corner.y),
                n(size.x),
                n(size.y),
            ));
            let at = Spot { x: corner.x + LABEL_PAD, y: corner.y + LABEL_PAD };
            self.lines(&arrow.post, at, "start");
        }
        self.out.push_str("</g>\n");
    }

    /// A line up to its head, and the head.
    fn line(&mut self, route: &Route) {
        let (Some(first), Some(last)) = (route.pieces.first(), route.pieces.last()) else { return };
        let tip = self.spot(last.to);
        // A last piece that the head covers is left to it.
        let length =
            (last.to.along - last.from.along).abs() + (last.to.across - last.from.across).abs();
        let covered = usize::from(length < HEAD_LENGTH && route.pieces.len() > 1);
        let pieces = &route.pieces[..route.pieces.len() - covered];
        // The direction in which the line arrives: along or across, never slanted.
        let before = route.pieces.iter().rev().flat_map(|p| [p.bend[1], p.bend[0], p.from]);
        let before = before.map(|point| self.spot(point)).find(|spot| *spot != tip).unwrap_or(tip);
        let (x, y) = (tip.x - before.x, tip.y - before.y);
        let (x, y) = if x.abs() > y.abs() { (x.signum(), 0.0) } else { (0.0, y.signum()) };
        let neck = Spot { x: tip.x - x * HEAD_LENGTH, y: tip.y - y * HEAD_LENGTH };
        let start = self.spot(first.from);
        let mut path = format!("M{} {}", n(start.x), n(start.y));
        for (number, piece) in pieces.iter().enumerate() {
            let is_last = number + 1 == pieces.len();
            let to = if is_last { neck } else { self.spot(piece.to) };
            let [one, other] = piece.bend.map(|point| self.spot(point));
            let is_straight = piece.bend == [piece.from, piece.to];
            let _ = if is_straight {
                write!(path, "L{} {}", n(to.x), n(to.y))
            } else {
                let (a, b, c, d) = (n(one.x), n(one.y), n(other.x), n(other.y));
                write!(path, "C{a} {b} {c} {d} {} {}", n(to.x), n(to.y))
            };
        }
        let (left, right) = (
            Spot { x: neck.x - y * HEAD_HALF, y: neck.y + x * HEAD_HALF },
            Spot { x: neck.x + y * HEAD_HALF, y: neck.y - x * HEAD_HALF },
        );
        let head = outline(&[tip, left, right]);
        self.put(format_args!("<path d=\"{path}\"/><path class=\"head\" d=\"{head}\"/>"));
    }

    fn stage(&mut self, boxed: &Box<'_>, area: Area, beside: Option<Area>) {
        let state = boxed.mark.map(|mark| card::state(mark.mark)).unwrap_or_default();
        let class = format!("stage {state}");
        let title = escape(&card::stage_title(boxed.stage, boxed.mark));
        self.put(format_args!(
            "<g class=\"{}\" data-stage=\"{}\" role=\"img\" aria-label=\"{title}\">\
             <title>{title}</title>",
            class.trim_end(),
            boxed.stage.id,
        ));
        let middle = self.spot(area.middle);
        if let (Some((card, shape)), Some(area)) = (&boxed.child, beside) {
            let at = self.spot(area.middle);
            self.put(format_args!(
                "<line class=\"tie\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>",
                n(middle.x),
                n(middle.y),
                n(at.x),
                n(at.y),
            ));
            self.shape(shape, at);
            self.centred(card, Spot { x: at.x + shape.text.x, y: at.y + shape.text.y });
        }
        let shape = &boxed.shape;
        if boxed.mark.is_some_and(|mark| mark.mark == Mark::Active) {
            let halo = outline(&moved(&shape.outline, middle, 0.0, shape));
            self.put(format_args!("<path class=\"halo\" d=\"{halo}\"/>"));
        }
        self.shape(shape, middle);
        let text = Spot { x: middle.x + shape.text.x, y: middle.y + shape.text.y };
        match boxed.mark {
            Some(mark) => {
                self.centred(&boxed.card, Spot { y: text.y - BADGE_ROOM.y / 2.0, ..text });
                let low = text.y + (boxed.card.size().y + BADGE_ROOM.y - BADGE_HEIGHT) / 2.0;
                self.badge(&card::badge(mark), Spot { y: low, ..text });
            }
            None => self.centred(&boxed.card, text),
        }
        self.out.push_str("</g>\n");
    }

    fn shape(&mut self, shape: &Shape, middle: Spot) {
        let main = outline(&moved(&shape.outline, middle, 0.0, shape));
        self.put(format_args!("<path d=\"{main}\"/>"));
        for border in 1..=shape.borders {
            let inner = outline(&moved(&shape.outline, middle, BORDER * border as f64, shape));
            self.put(format_args!("<path class=\"border\" d=\"{inner}\"/>"));
        }
        for detail in &shape.details {
            let mut path = outline(&moved(detail, middle, 0.0, shape));
            path.pop();
            self.put(format_args!("<path class=\"detail\" d=\"{path}\"/>"));
        }
    }

    fn badge(&mut self, text: &str, middle: Spot) {
        let width = Style::Badge.font().width(text) + 12.0;
        let (x, y) = (n(middle.x - width / 2.0), n(middle.y - BADGE_HEIGHT / 2.0));
        let (text_x, text_y) = (n(middle.x), n(middle.y + 3.5));
        self.put(format_args!(
            "<g class=\"badge\"><rect x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{BADGE_HEIGHT}\" \
             rx=\"7.5\"/><text text-anchor=\"middle\" x=\"{text_x}\" y=\"{text_y}\">{}</text></g>",
            n(width),
            escape(text),
        ));
    }

    fn centred(&mut self, card: &Card, middle: Spot) {
        let at = Spot { x: middle.x, y: middle.y - card.size().y / 2.0 };
        self.lines(card, at, "middle");
    }

    fn lines(&mut self, card: &Card, at: Spot, anchor: &str) {
        let mut y = at.y;
        for (style, line) in &card.lines {
            let font = style.font();
            // Three quarters of the size stand on the base line.
            let base = y + (font.line() - font.size) / 2.0 + font.size * 0.8;
            y += font.line();
            let (class, text) = (style.class(), escape(line));
            self.put(format_args!(
                "<text class=\"{class}\" text-anchor=\"{anchor}\" x=\"{}\" y=\"{}\">{text}</text>",
                n(at.x),
                n(base),
            ));
        }
    }
}

fn name(graph: &Graph) -> String {
    let (name, goal) = (excerpt(&graph.name, GOAL_MAX), excerpt(&graph.goal, GOAL_MAX));
    match (name.is_empty(), goal.is_empty()) {
        (true, true) => "Pipeline".to_owned(),
        (false, true) => format!("Pipeline {name}"),
        (true, false) => format!("Pipeline: {goal}"),
        (false, false) => format!("Pipeline {name}: {goal}"),
    }
}

/// Spots of a shape on the page, drawn in by so many pixels on each side.
fn moved(spots: &[Spot], middle: Spot, by: f64, shape: &Shape) -> Vec<Spot> {
    let (x, y) = (1.0 - 2.0 * by / shape.width, 1.0 - 2.0 * by / shape.height);
    spots.iter().map(|s| Spot { x: middle.x + s.x * x, y: middle.y + s.y * y }).collect()
}

fn outline(spots: &[Spot]) -> String {
    let mut path = String::new();
    for (number, spot) in spots.iter().enumerate() {
        let _ = write!(path, "{}{} {}", if number == 0 { 'M' } else { 'L' }, n(spot.x), n(spot.y));
    }
    path.push('Z');
    path
}

/// A number with one digit after the point at most: a tenth of a pixel is more than anyone sees.
fn n(number: f64) -> String {
    let tenths = (number * 10.0).round() / 10.0;
    // A zero is never negative.
    format!("{}", tenths + 0.0)
}
