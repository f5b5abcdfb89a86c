//! Which links run against the layers, and which layer an item is in.

use std::collections::{BTreeSet, VecDeque};

use super::Link;

/// Layers from an item to the next: between two layers of items lies one of labels.
const STEP: usize = 2;

/// Rounds of moving items towards their neighbours. Two settle nearly every pipeline.
const ROUNDS_MAX: usize = 8;

/// The links that close a loop: without them there is none.
///
/// A loop is turned around where it is entered: of the items that lie on loops with each other, one
/// that a link leads to from outside is the loop's head, and the links from the loop to its head
/// are taken away; what is left may hold further loops. Of several such items the head is the one
/// nearest to `first`, or else the one that gathers the fewest links (which keeps a stage that every
/// failure leads to at the end): whichever way takes fewer links away.
pub(super) fn back_links(items: usize, links: &[Link], first: Option<usize>) -> BTreeSet<usize> {
    let outgoing = outgoing(items, links);
    let far = distances(links, &outgoing, first);
    let mut gathers = vec![0_i64; items];
    for link in links {
        gathers[link.to] += 1;
        gathers[link.from] -= 1;
    }
    let nearest = taken_away(links, &outgoing, |item| (0, far[item]));
    let fewest = taken_away(links, &outgoing, |item| (gathers[item], far[item]));
    if fewest.len() < nearest.len() { fewest } else { nearest }
}

/// [`back_links`], the head being the entered item for which `key` is least.
fn taken_away<K: Ord>(
    links: &[Link],
    outgoing: &[Vec<usize>],
    key: impl Fn(usize) -> K,
) -> BTreeSet<usize> {
    let items = outgoing.len();
    let mut back = BTreeSet::new();
    // Which items are looked at together: those with the same number. Each round takes the head out
    // of every group, so that there are at most as many rounds as items.
    let mut groups = vec![Some(0); items];
    for _ in 0..items {
        let loops = loops(links, outgoing, &groups);
        if loops.is_empty() {
            break;
        }
        let mut next = vec![None; items];
        for (number, members) in loops.iter().enumerate() {
            members.iter().for_each(|item| next[*item] = Some(number));
        }
        let mut is_entered = vec![false; items];
        for link in links.iter().filter(|link| next[link.from] != next[link.to]) {
            is_entered[link.to] = true;
        }
        for members in &loops {
            let head = members.iter().copied().min_by_key(|item| (!is_entered[*item], key(*item)));
            if let Some(head) = head {
                let inside = members.iter().flat_map(|item| &outgoing[*item]);
                back.extend(inside.filter(|number| links[**number].to == head));
                next[head] = None;
            }
        }
        groups = next;
    }
    back
}

/// Each item's place in a walk outwards from `first`, link by link, then from the others.
fn distances(links: &[Link], outgoing: &[Vec<usize>], first: Option<usize>) -> Vec<usize> {
    let mut far = vec![usize::MAX; outgoing.len()];
    let mut met = 0;
    for root in first.into_iter().chain(0..outgoing.len()) {
        let mut open = VecDeque::from([root]);
        while let Some(item) = open.pop_front() {
            if far[item] == usize::MAX {
                far[item] = met;
                met += 1;
                open.extend(outgoing[item].iter().map(|number| links[*number].to));
            }
        }
    }
    far
}

/// The items that lie on loops with each other, two at least, within the groups that there are:
/// strongly connected components (Tarjan 1972, without recursion).
fn loops(links: &[Link], outgoing: &[Vec<usize>], groups: &[Option<usize>]) -> Vec<Vec<usize>> {
    const NEVER: usize = usize::MAX;
    let items = groups.len();
    let (mut met, mut low) = (vec![NEVER; items], vec![NEVER; items]);
    let mut is_open = vec![false; items];
    let (mut open, mut found, mut count) = (Vec::new(), Vec::new(), 0);
    for root in (0..items).filter(|item| groups[*item].is_some()) {
        let mut way = if met[root] == NEVER { vec![(root, 0)] } else { Vec::new() };
        while let Some((item, walked)) = way.last_mut() {
            let item = *item;
            if *walked == 0 {
                (met[item], low[item]) = (count, count);
                count += 1;
                open.push(item);
                is_open[item] = true;
            }
            if let Some(number) = outgoing[item].get(*walked) {
                *walked += 1;
                let to = links[*number].to;
                if groups[to] != groups[item] {
                    continue;
                }
                if met[to] == NEVER {
                    way.push((to, 0));
                } else if is_open[to] {
                    low[item] = low[item].min(met[to]);
                }
                continue;
            }
            way.pop();
            if let Some((before, _)) = way.last() {
                low[*before] = low[*before].min(low[item]);
            }
            if low[item] == met[item] {
                let begin = open.iter().rposition(|other| *other == item).unwrap_or(0);
                let members = open.split_off(begin);
                members.iter().for_each(|member| is_open[*member] = false);
                if members.len() > 1 {
                    found.push(members);
                }
            }
        }
    }
    found
}

/// By item: the links that leave it for another item, in order.
fn outgoing(items: usize, links: &[Link]) -> Vec<Vec<usize>> {
    let mut outgoing = vec![Vec::new(); items];
    for (number, link) in links.iter().enumerate().filter(|(_, link)| link.from != link.to) {
        outgoing[link.from].push(number);
    }
    outgoing
}

/// A layer for every item, so that every link leads from a layer to a later one, `back` turned.
pub(super) fn ranks(items: usize, links: &[Link], back: &BTreeSet<usize>) -> Vec<usize> {
    let mut above: Vec<Vec<usize>> = vec![Vec::new(); items];
    let mut below: Vec<Vec<usize>> = vec![Vec::new(); items];
    for (number, link) in links.iter().enumerate().filter(|(_, link)| link.from != link.to) {
        let (top, bottom) =
            if back.contains(&number) { (link.to, link.from) } else { (link.from, link.to) };
        below[top].push(bottom);
        above[bottom].push(top);
    }
    let sorted = sorted(&above, &below);
    let mut ranks = vec![0; items];
    for item in &sorted {
        ranks[*item] = earliest(&above[*item], &ranks);
    }
    for _ in 0..ROUNDS_MAX {
        let mut is_settled = true;
        for item in sorted.iter().rev() {
            // The sum of the lengths is least at one end of where an item can be.
            let rank = match below[*item].iter().map(|other| ranks[*other] - STEP).min() {
                Some(latest) if below[*item].len() > above[*item].len() => latest,
                _ => earliest(&above[*item], &ranks),
            };
            is_settled &= rank == ranks[*item];
            ranks[*item] = rank;
        }
        if is_settled {
            break;
        }
    }
    let least = ranks.iter().copied().min().unwrap_or(0);
    ranks.iter().map(|rank| rank - least).collect()
}

fn earliest(above: &[usize], ranks: &[usize]) -> usize {
    above.iter().map(|other| ranks[*other] + STEP).max().unwrap_or(0)
}

/// Items such that each comes after all above it.
fn sorted(above: &[Vec<usize>], below: &[Vec<usize>]) -> Vec<usize> {
    let mut missing: Vec<usize> = above.iter().map(Vec::len).collect();
    let mut sorted: Vec<usize> = (0..above.len()).filter(|item| missing[*item] == 0).collect();
    let mut next = 0;
    while let Some(item) = sorted.get(next).copied() {
        next += 1;
        for other in &below[item] {
            missing[*other] -= 1;
            if missing[*other] == 0 {
                sorted.push(*other);
            }
        }
    }
    debug_assert_eq!(sorted.len(), above.len(), "the back links leave no loop");
    sorted
}
