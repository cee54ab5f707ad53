//! The state of the display: the newest view, the history that it does not contain, and the position of the user. Pure.

use std::collections::VecDeque;

use facefleet_proto::view::{ClusterView, DecisionView, MAX_DECISIONS};

use super::feed::News;

/// How many past values of frames per second are kept: one for each column of a wide terminal.
const MAX_RATES: usize = 512;

/// A part of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Workers,
    Streams,
    Decisions,
}

impl Part {
    /// All parts, from top to bottom.
    pub(super) const ALL: [Part; 3] = [Part::Workers, Part::Streams, Part::Decisions];
}

/// The commands that keys stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    End,
    NextPart,
    PartBefore,
    Up(usize),
    Down(usize),
}

/// Everything that is drawn.
pub(super) struct Screen {
    /// The addresses of the masters that are asked.
    pub(super) masters: String,
    pub(super) has_colour: bool,
    /// The newest view; None before the first one.
    pub(super) view: Option<ClusterView>,
    /// Why no views arrive at the moment, if they do not.
    pub(super) away: Option<String>,
    /// The newest decisions, oldest first.
    pub(super) decisions: VecDeque<DecisionView>,
    /// Frames per second of the whole cluster in each view, oldest first.
    pub(super) rates: VecDeque<f32>,
    /// The part that the user has selected.
    pub(super) part: Part,
    /// The first visible row of each part.
    scrolled: [usize; Part::ALL.len()],
}

impl Screen {
    /// Creates the screen before the first view.
    pub(super) fn new(masters: String, has_colour: bool) -> Screen {
        Screen {
            masters,
            has_colour,
            view: None,
            away: None,
            decisions: VecDeque::new(),
            rates: VecDeque::new(),
            part: Part::Workers,
            scrolled: [0; Part::ALL.len()],
        }
    }

    /// Updates the state with news from the feed.
    pub(super) fn take(&mut self, news: News) {
        let view = match news {
            News::Away { master, why } => {
                return self.away = Some(format!("waiting for the master at {master}: {why}"));
            }
            News::First(view) => {
                // The first view contains all decisions, and a master that was restarted numbers them from 1 again.
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

    /// Executes the command of a key. `rows_shown` is the number of visible rows of the selected part.
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

    /// Returns how many rows a part has.
    pub(super) fn rows(&self, part: Part) -> usize {
        let of = |count: fn(&ClusterView) -> usize| self.view.as_ref().map_or(0, count);
        match part {
            Part::Workers => of(|view| view.workers.len()),
            Part::Streams => of(|view| view.streams.len()),
            Part::Decisions => self.decisions.len(),
        }
    }

    /// Returns the first visible row of a part that has room for `room` rows.
    pub(super) fn first(&self, part: Part, room: usize) -> usize {
        self.scrolled[part as usize].min(self.rows(part).saturating_sub(room))
    }
}
