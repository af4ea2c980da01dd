//! A graph with edges of several kinds, and its cycles.

use std::{collections::VecDeque, fmt};

/// Why one operation lies before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// One reads what the other wrote.
    Wr,
    /// One writes after the other.
    Ww,
    /// One process does both.
    Process,
    /// One ended before the other began.
    Realtime,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wr => "wr",
            Self::Ww => "ww",
            Self::Process => "process",
            Self::Realtime => "realtime",
        })
    }
}

/// Of each class so many cycles are shown.
const CYCLES_MOST: usize = 10;

/// Vertices are numbers from 0.
pub(super) struct Graph {
    edges: Vec<(u32, u32, Kind)>,
    /// Where the edges of a vertex begin; one more than there are vertices.
    first: Vec<usize>,
}

impl Graph {
    pub(super) fn new(vertices: usize) -> Self {
        Self { edges: Vec::new(), first: vec![0; vertices + 1] }
    }

    pub(super) fn add(&mut self, from: u32, to: u32, kind: Kind) {
        if from != to {
            self.edges.push((from, to, kind));
        }
    }

    /// Ends the adding of edges.
    pub(super) fn seal(&mut self) {
        self.edges.sort_unstable();
        self.edges.dedup();
        let mut at = 0;
        for (vertex, first) in (0_u32..).zip(&mut self.first) {
            while self.edges.get(at).is_some_and(|(from, ..)| *from < vertex) {
                at += 1;
            }
            *first = at;
        }
    }

    fn edges_of(&self, vertex: u32) -> &[(u32, u32, Kind)] {
        let at = vertex as usize;
        let bounds = self.first.get(at).zip(self.first.get(at + 1));
        bounds.and_then(|(first, end)| self.edges.get(*first..*end)).unwrap_or_default()
    }

    fn vertices(&self) -> u32 {
        u32::try_from(self.first.len() - 1).unwrap_or(u32::MAX)
    }

    /// For each vertex the number of its strongly connected component, where that has a cycle, or
    /// nothing where none has. (Tarjan's algorithm without recursion.)
    pub(super) fn components(&self, among: &[Kind]) -> Option<Vec<Option<u32>>> {
        let mut search = Search::new(self.first.len() - 1);
        for root in 0..self.vertices() {
            search.from(self, root, among);
        }
        search.has_cycle.then_some(search.component)
    }

    /// Short cycles with an edge of one kind, among edges of some kinds, one for each component.
    pub(super) fn cycles(&self, with: Kind, among: &[Kind]) -> Vec<Vec<(u32, Kind)>> {
        let Some(components) = self.components(among) else { return Vec::new() };
        let component = |vertex: u32| components.get(vertex as usize).copied().flatten();
        let mut done = std::collections::BTreeSet::new();
        let mut cycles = Vec::new();
        for (from, to, kind) in self.edges.iter().filter(|(.., kind)| *kind == with) {
            let (Some(own), true) = (component(*from), component(*from) == component(*to)) else {
                continue;
            };
            if cycles.len() >= CYCLES_MOST || done.contains(&own) {
                continue;
            }
            let inside = |vertex: u32| component(vertex) == Some(own);
            if let Some(mut back) = self.path(*to, *from, among, inside) {
                back.insert(0, (*from, *kind));
                cycles.push(back);
                done.insert(own);
            }
        }
        cycles
    }

    /// The shortest way, each vertex with the kind of the edge that leaves it, without the end.
    fn path(
        &self,
        from: u32,
        to: u32,
        among: &[Kind],
        inside: impl Fn(u32) -> bool,
    ) -> Option<Vec<(u32, Kind)>> {
        let mut came: std::collections::BTreeMap<u32, (u32, Kind)> = [].into();
        let mut queue = VecDeque::from([from]);
        while let Some(vertex) = queue.pop_front() {
            for (_, next, kind) in self.edges_of(vertex) {
                if !among.contains(kind) || !inside(*next) || *next == from {
                    continue;
                }
                if came.contains_key(next) {
                    continue;
                }
                came.insert(*next, (vertex, *kind));
                queue.push_back(*next);
            }
            if came.contains_key(&to) {
                break;
            }
        }
        let mut path = Vec::new();
        let mut at = to;
        while at != from {
            let (before, kind) = came.get(&at)?;
            path.insert(0, (*before, *kind));
            at = *before;
        }
        Some(path)
    }
}

/// The state of Tarjan's algorithm.
struct Search {
    /// From 1, in the order of discovery; 0 is not discovered.
    index: Vec<u32>,
    /// The lowest index that is known to be reached.
    low: Vec<u32>,
    is_on_stack: Vec<bool>,
    component: Vec<Option<u32>>,
    stack: Vec<u32>,
    /// What is being looked at, with the number of its edges that are done.
    path: Vec<(u32, usize)>,
    discovered: u32,
    has_cycle: bool,
}

impl Search {
    fn new(vertices: usize) -> Self {
        Self {
            index: vec![0; vertices],
            low: vec![0; vertices],
            is_on_stack: vec![false; vertices],
            component: vec![None; vertices],
            stack: Vec::new(),
            path: Vec::new(),
            discovered: 0,
            has_cycle: false,
        }
    }

    fn from(&mut self, graph: &Graph, root: u32, among: &[Kind]) {
        if at(&self.index, root) == 0 {
            self.discover(root);
        }
        while let Some((vertex, done)) = self.path.last_mut() {
            let vertex = *vertex;
            let edge = graph.edges_of(vertex).get(*done).copied();
            *done += 1;
            match edge {
                Some((_, next, kind)) if among.contains(&kind) => {
                    if at(&self.index, next) == 0 {
                        self.discover(next);
                    } else if at(&self.is_on_stack, next) {
                        let low = at(&self.index, next);
                        self.reaches(vertex, low);
                    }
                }
                Some(_) => {}
                None => self.leave(vertex),
            }
        }
    }

    fn discover(&mut self, vertex: u32) {
        self.discovered += 1;
        set(&mut self.index, vertex, self.discovered);
        set(&mut self.low, vertex, self.discovered);
        set(&mut self.is_on_stack, vertex, true);
        self.stack.push(vertex);
        self.path.push((vertex, 0));
    }

    fn reaches(&mut self, vertex: u32, low: u32) {
        let low = low.min(at(&self.low, vertex));
        set(&mut self.low, vertex, low);
    }

    fn leave(&mut self, vertex: u32) {
        self.path.pop();
        let low = at(&self.low, vertex);
        if let Some((above, _)) = self.path.last() {
            self.reaches(*above, low);
        }
        if low != at(&self.index, vertex) {
            return;
        }
        let begin = self.stack.iter().rposition(|on| *on == vertex).unwrap_or(0);
        let members = self.stack.split_off(begin);
        let is_cycle = members.len() > 1;
        self.has_cycle |= is_cycle;
        for member in members {
            set(&mut self.is_on_stack, member, false);
            if is_cycle {
                set(&mut self.component, member, Some(low));
            }
        }
    }
}

fn at<T: Copy + Default>(of: &[T], vertex: u32) -> T {
    of.get(vertex as usize).copied().unwrap_or_default()
}

fn set<T>(of: &mut [T], vertex: u32, value: T) {
    if let Some(place) = of.get_mut(vertex as usize) {
        *place = value;
    }
}
