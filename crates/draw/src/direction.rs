//! Which way layers follow each other on the page: Graphviz' `rankdir`. Only here does *along*
//! become down, up, right or left.

use crate::layout::{Area, Point, Size};

/// A place on the page, or a step, in pixels: to the right, down.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spot {
    pub(crate) x: f64,
    pub(crate) y: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Down,
    Up,
    Right,
    Left,
}

impl Direction {
    /// As Graphviz reads `rankdir`; down without one.
    pub(crate) fn new(rankdir: Option<&str>) -> Self {
        match rankdir {
            Some("LR") => Self::Right,
            Some("RL") => Self::Left,
            Some("BT") => Self::Up,
            _ => Self::Down,
        }
    }

    /// From the page to the layout, about a common origin.
    pub(crate) fn turned(self, spot: Spot) -> Point {
        match self {
            Self::Down => Point::new(spot.x, spot.y),
            Self::Up => Point::new(spot.x, -spot.y),
            Self::Right => Point::new(spot.y, spot.x),
            Self::Left => Point::new(spot.y, -spot.x),
        }
    }

    pub(crate) fn size(self, width: f64, height: f64) -> Size {
        match self {
            Self::Down | Self::Up => Size { across: width, along: height },
            Self::Right | Self::Left => Size { across: height, along: width },
        }
    }

    /// Width and height of the page.
    pub(crate) fn page(self, size: Size) -> Spot {
        match self {
            Self::Down | Self::Up => Spot { x: size.across, y: size.along },
            Self::Right | Self::Left => Spot { x: size.along, y: size.across },
        }
    }

    /// From a layout of this size to the page.
    pub(crate) fn spot(self, point: Point, size: Size) -> Spot {
        match self {
            Self::Down => Spot { x: point.across, y: point.along },
            Self::Up => Spot { x: point.across, y: size.along - point.along },
            Self::Right => Spot { x: point.along, y: point.across },
            Self::Left => Spot { x: size.along - point.along, y: point.across },
        }
    }

    /// The upper left corner of an area on the page.
    pub(crate) fn corner(self, area: Area, size: Size) -> Spot {
        let middle = self.spot(area.middle, size);
        let extent = self.page(area.size);
        Spot { x: middle.x - extent.x / 2.0, y: middle.y - extent.y / 2.0 }
    }
}
