//! The command `top`: shows a working cluster in a terminal.
//!
//! `feed` receives a view from a master once a second. `screen` is the state of the display (pure). `draw` renders that state
//! for a terminal of any size (pure except for the terminal's buffer), with the texts of `columns` and `decision`.

mod columns;
mod decision;
mod draw;
mod feed;
mod screen;

use std::{env, io, thread};

use facefleet_service::address::HostPorts;
use facefleet_service::shutdown;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use screen::{Key, Screen};

/// How many views, and how many keys, may wait to be handled. Their senders wait when it is full.
const WAITING: usize = 16;

/// Shows the cluster of these masters until the user quits. If no master answers, they are asked again.
///
/// # Errors
/// Fails if stdout is not a terminal, or if the terminal returns an error.
pub(crate) async fn run(masters: HostPorts) -> io::Result<()> {
    let stop = shutdown::on_signal()?;
    let (send_news, mut news) = mpsc::channel(WAITING);
    let mut screen = Screen::new(masters.to_string(), has_colour());
    let _feed = AbortOnDropHandle::new(tokio::spawn(feed::run(masters, send_news)));
    let mut terminal = Terminal::take()?;
    let mut events = events();
    loop {
        let size = terminal.0.draw(|frame| draw::draw(&screen, frame))?.area;
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            Some(news) = news.recv() => screen.take(news),
            event = events.recv() => match event.transpose()?.as_ref().and_then(key) {
                Some(Key::End) => return Ok(()),
                Some(key) => screen.press(key, draw::rows(&screen, size)),
                // The size of the terminal may have changed, so the screen is drawn again.
                None => {}
            },
        }
    }
}

/// Returns whether colours may be used, by the convention of <https://no-color.org>.
fn has_colour() -> bool {
    env::var_os("NO_COLOR").is_none_or(|no| no.is_empty())
}

/// The terminal in raw mode. It is restored on drop and on panic.
struct Terminal(DefaultTerminal);

impl Terminal {
    fn take() -> io::Result<Terminal> {
        ratatui::try_init().map(Terminal)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// Starts a thread that reads the events of the terminal. It ends with the process, because nothing else can interrupt a
/// read.
fn events() -> mpsc::Receiver<io::Result<Event>> {
    let (sender, receiver) = mpsc::channel(WAITING);
    thread::spawn(move || {
        loop {
            let event = event::read();
            let is_last = event.is_err();
            if sender.blocking_send(event).is_err() || is_last {
                return;
            }
        }
    });
    receiver
}

/// Translates a key to a command of the screen.
fn key(event: &Event) -> Option<Key> {
    let Event::Key(KeyEvent { code, modifiers, kind: KeyEventKind::Press | KeyEventKind::Repeat, .. }) = event else {
        return None;
    };
    Some(match code {
        KeyCode::Char('c' | 'd') if modifiers.contains(KeyModifiers::CONTROL) => Key::End,
        KeyCode::Char('q') | KeyCode::Esc => Key::End,
        KeyCode::Tab | KeyCode::Right => Key::NextPart,
        KeyCode::BackTab | KeyCode::Left => Key::PartBefore,
        KeyCode::Down | KeyCode::Char('j') => Key::Down(1),
        KeyCode::Up | KeyCode::Char('k') => Key::Up(1),
        KeyCode::PageDown => Key::Down(10),
        KeyCode::PageUp => Key::Up(10),
        KeyCode::Home => Key::Up(usize::MAX),
        KeyCode::End => Key::Down(usize::MAX),
        _ => return None,
    })
}
