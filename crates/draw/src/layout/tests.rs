//! Laws of every layout: nothing lies on anything else, nothing lies outside.

use proptest::prelude::*;

use super::*;

/// Rounding, and outlines that touch.
const SLACK: f64 = 0.01;

/// Spots that are looked at on each piece of a line.
const SAMPLES: usize = 9;

const COUNT: Size = Size { across: 28.0, along: 14.0 };

fn items() -> impl Strategy<Value = Vec<Item>> {
    let item = (20.0..220.0, 20.0..90.0, any::<bool>(), any::<bool>()).prop_map(
        |(across, along, is_diamond, has_note): (f64, f64, bool, bool)| {
            let (x, y) = (across / 2.0, along / 2.0);
            let outline = if is_diamond {
                [(0.0, -y), (x, 0.0), (0.0, y), (-x, 0.0)]
            } else {
                [(-x, -y), (x, -y), (x, y), (-x, y)]
            };
            Item {
                size: Size { across, along },
                outline: outline.map(|(x, y)| Point::new(x, y)).to_vec(),
                beside: has_note.then_some(Size { across: 50.0, along: 60.0 }),
            }
        },
    );
    prop::collection::vec(item, 1..28)
}

fn link(items: usize) -> impl Strategy<Value = Link> {
    let label = prop::option::of((10.0..180.0, 15.0..50.0));
    (0..items, 0..items, label).prop_map(|(from, to, label)| Link {
        from,
        to,
        label: label.map(|(across, along)| Size { across, along }),
        count: COUNT,
        signpost: Size { across: 80.0, along: 25.0 },
    })
}

fn graph() -> impl Strategy<Value = (Vec<Item>, Vec<Link>)> {
    items().prop_flat_map(|items| {
        let links = prop::collection::vec(link(items.len()), 0..60);
        (Just(items), links)
    })
}

fn overlap(one: &Area, other: &Area) -> bool {
    let (a, b) = (one.middle, other.middle);
    (a.across - b.across).abs() < (one.size.across + other.size.across) / 2.0 - SLACK
        && (a.along - b.along).abs() < (one.size.along + other.size.along) / 2.0 - SLACK
}

fn at(piece: &Piece, part: f64) -> Point {
    let rest = 1.0 - part;
    let weights = [rest.powi(3), 3.0 * rest * rest * part, 3.0 * rest * part * part, part.powi(3)];
    let points = [piece.from, piece.bend[0], piece.bend[1], piece.to];
    let mean = |of: fn(&Point) -> f64| weights.iter().zip(&points).map(|(w, p)| w * of(p)).sum();
    Point::new(mean(|p| p.across), mean(|p| p.along))
}

proptest! {
    #[test]
    fn nothing_lies_on_anything_else((items, links) in graph()) {
        let layout = layout(&items, &links, Some(0));
        let mut areas = layout.items.clone();
        areas.extend(layout.beside.iter().flatten());
        areas.extend(layout.routes.iter().filter_map(|route| route.label));
        areas.extend(layout.routes.iter().filter_map(|route| route.signpost));
        areas.extend(layout.routes.iter().map(|route| route.count));
        for (number, one) in areas.iter().enumerate() {
            for other in &areas[number + 1..] {
                prop_assert!(!overlap(one, other), "{one:?} lies on {other:?}");
            }
            let begin = (one.middle.across - one.size.across / 2.0)
                .min(one.middle.along - one.size.along / 2.0);
            prop_assert!(begin >= -SLACK, "{one:?} is outside");
            let across = one.middle.across + one.size.across / 2.0;
            let along = one.middle.along + one.size.along / 2.0;
            prop_assert!(across <= layout.size.across + SLACK, "{one:?} is outside");
            prop_assert!(along <= layout.size.along + SLACK, "{one:?} is outside");
        }
    }

    #[test]
    fn lines_pass_no_box_and_lead_where_they_should((items, links) in graph()) {
        let layout = layout(&items, &links, None);
        for (link, route) in links.iter().zip(&layout.routes) {
            for piece in &route.pieces {
                for sample in 0..SAMPLES {
                    let point = at(piece, sample as f64 / (SAMPLES - 1) as f64);
                    let spot = Area { middle: point, size: Size { across: 0.0, along: 0.0 } };
                    for (number, item) in layout.items.iter().enumerate() {
                        let is_end = number == link.from || number == link.to;
                        prop_assert!(is_end || !overlap(&spot, item), "{link:?} passes {number}");
                    }
                    prop_assert!(point.across >= -SLACK && point.along >= -SLACK);
                    prop_assert!(point.across <= layout.size.across + SLACK);
                    prop_assert!(point.along <= layout.size.along + SLACK);
                }
            }
            for pair in route.pieces.windows(2) {
                let (end, begin) = (pair[0].to, pair[1].from);
                prop_assert!((end.across - begin.across).abs() < 0.1, "{link:?} is broken");
                prop_assert!((end.along - begin.along).abs() < 0.1, "{link:?} is broken");
            }
            let (first, last) = (route.pieces.first().unwrap(), route.pieces.last().unwrap());
            for (item, point) in [(link.from, first.from), (link.to, last.to)] {
                let area = &layout.items[item];
                let across = (point.across - area.middle.across).abs();
                let along = (point.along - area.middle.along).abs();
                prop_assert!(across <= area.size.across / 2.0 + 0.1, "{link:?} misses {item}");
                prop_assert!(along <= area.size.along / 2.0 + 0.1, "{link:?} misses {item}");
            }
        }
    }

    #[test]
    fn without_back_links_every_link_leads_on((items, links) in graph()) {
        let back = ranks::back_links(items.len(), &links, Some(0));
        let ranks = ranks::ranks(items.len(), &links, &back);
        for (number, link) in links.iter().enumerate().filter(|(_, l)| l.from != l.to) {
            prop_assert_eq!(back.contains(&number), ranks[link.from] > ranks[link.to]);
        }
    }
}

#[test]
fn a_loop_is_turned_where_it_is_entered() {
    let size = Size { across: 10.0, along: 10.0 };
    let link = |(from, to)| Link { from, to, label: None, count: COUNT, signpost: size };
    let back = |pairs: &[(usize, usize)]| -> Vec<usize> {
        let links: Vec<Link> = pairs.iter().copied().map(link).collect();
        ranks::back_links(6, &links, Some(0)).into_iter().collect()
    };
    assert_eq!(back(&[(0, 1), (1, 2), (2, 1), (2, 3)]), [2]);
    // Three ways into a loop: all of them stay ways in.
    assert_eq!(back(&[(0, 1), (0, 2), (1, 3), (2, 3), (3, 4), (4, 1), (4, 2)]), [5, 6]);
    // Where every failure leads is no beginning, though one of them comes early.
    assert_eq!(back(&[(0, 1), (0, 5), (1, 2), (2, 3), (1, 5), (2, 5), (3, 5), (5, 1)]), [7]);
}

#[test]
fn a_line_too_long_for_the_bound_ends_in_a_signpost() {
    let size = Size { across: 10.0, along: 10.0 };
    let item =
        Item { size, outline: vec![Point::new(0.0, -5.0), Point::new(0.0, 5.0)], beside: None };
    let items = vec![item; 300];
    let link = |from, to| Link { from, to, label: None, count: COUNT, signpost: size };
    let mut links: Vec<Link> = (1..300).map(|to| link(to - 1, to)).collect();
    links.extend((1..300).map(|to| link(0, to)));
    let layout = layout(&items, &links, Some(0));
    let posts = layout.routes.iter().filter(|route| route.signpost.is_some()).count();
    assert!(posts > 0, "the lines together pass {} layers", 299 * 300);
    assert!(layout.routes[..299].iter().all(|route| route.signpost.is_none()));
}
