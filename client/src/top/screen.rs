//! What is looked at: the newest view, what it leaves out of those before it, and where the reader is. Pure.

use std::collections::VecDeque;

use facefleet_proto::view::{ClusterView, DecisionView, MAX_DECISIONS};

use super::feed::News;

/// Views of which the frames a second are kept: as wide as a terminal can be.
const MAX_RATES: usize = 512;

/// A part of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Workers,
    Streams,
    Decisions,
}

impl Part {
    /// From top to bottom.
    pub(super) const ALL: [Part; 3] = [Part::Workers, Part::Streams, Part::Decisions];
}

/// What somebody wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    End,
    NextPart,
    PartBefore,
    Up(usize),
    Down(usize),
}

/// All that there is to draw.
pub(super) struct Screen {
    /// The masters that are asked.
    pub(super) masters: String,
    pub(super) has_colour: bool,
    /// None before the first.
    pub(super) view: Option<ClusterView>,
    /// Why no view comes.
    pub(super) away: Option<String>,
    /// The newest decisions, oldest first.
    pub(super) decisions: VecDeque<DecisionView>,
    /// Frames a second of the whole cluster in each view, oldest first.
    pub(super) rates: VecDeque<f32>,
    /// Which part the reader is in.
    pub(super) part: Part,
    /// The first row that is shown of each part.
    scrolled: [usize; Part::ALL.len()],
}

impl Screen {
    /// Nothing is known yet.
    pub(super) fn new(masters: String, has_colour: bool) -> Screen {
        let (view, away, decisions, rates) = Default::default();
        Screen { masters, has_colour, view, away, decisions, rates, part: Part::Workers, scrolled: [0; 3] }
    }

    /// Takes in what is new.
    pub(super) fn take(&mut self, news: News) {
        let view = match news {
            News::Away { master, why } => {
                return self.away = Some(format!("waiting for the master at {master}: {why}"));
            }
            News::First(view) => {
                // It comes with all there are, and another life of the master numbers its own anew.
                self.decisions.clear();
                view
            }
            News::Next(view) => view,
        };
        self.away = None;
        let mut view = *view;
        self.decisions.extend(view.decisions.drain(..));
        let too_many = self.decisions.len().saturating_sub(MAX_DECISIONS);
        self.decisions.drain(..too_many);
        self.rates.push_back(view.workers.iter().map(|worker| worker.frames_per_s).sum());
        let too_many = self.rates.len().saturating_sub(MAX_RATES);
        self.rates.drain(..too_many);
        self.view = Some(view);
    }

    /// Does what a key says, where so many rows of the reader's part are on the screen.
    pub(super) fn press(&mut self, key: Key, rows_shown: usize) {
        let part = self.part as usize;
        let last = self.rows(self.part).saturating_sub(rows_shown);
        let next = |by: usize| Part::ALL[(part + by) % Part::ALL.len()];
        match key {
            Key::End => {}
            Key::NextPart => self.part = next(1),
            Key::PartBefore => self.part = next(Part::ALL.len() - 1),
            Key::Up(rows) => self.scrolled[part] = self.scrolled[part].min(last).saturating_sub(rows),
            Key::Down(rows) => self.scrolled[part] = self.scrolled[part].saturating_add(rows).min(last),
        }
    }

    /// How many rows a part has.
    pub(super) fn rows(&self, part: Part) -> usize {
        let of = |count: fn(&ClusterView) -> usize| self.view.as_ref().map_or(0, count);
        match part {
            Part::Workers => of(|view| view.workers.len()),
            Part::Streams => of(|view| view.streams.len()),
            Part::Decisions => self.decisions.len(),
        }
    }

    /// The first row that is shown of a part that has room for so many.
    pub(super) fn first(&self, part: Part, room: usize) -> usize {
        self.scrolled[part as usize].min(self.rows(part).saturating_sub(room))
    }
}
