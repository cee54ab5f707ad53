//! One of the cast: its process, while it has one, and what is to become of it.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use facefleet_e2e::{Ended, Etcd, Process, Program, Service};
use facefleet_service::clock;
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

use crate::cast::{Input, Role, Stage};
use crate::error::Error;
use crate::lives::Life;
use crate::proc;
use crate::tally::{Summary, Tally};

/// How long whoever was asked to end may take: a worker's grace time of 10 s, and some for a machine that is busy.
const LEAVE_TIME: Duration = Duration::from_secs(15);

/// One of the cast.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) role: Role,
    /// Where a client writes what became of its frames.
    summary: PathBuf,
    state: State,
}

#[derive(Debug)]
enum State {
    Up {
        process: Process,
        life: Life,
        /// When the process goes on, if it is stopped.
        paused_until: Option<Instant>,
    },
    /// The process was asked to end.
    Leaving {
        process: Process,
        life: Life,
        since: Instant,
        back_at: Instant,
    },
    Away {
        until: Instant,
    },
}

/// What came of looking after somebody.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// A life that is over.
    pub(crate) life: Option<Life>,
    /// What should not be.
    pub(crate) problem: Option<String>,
}

impl Member {
    /// Starts it.
    pub(crate) fn start(name: String, role: Role, stage: &Stage) -> Result<Member, Error> {
        let summary = stage.path().join(format!("{name}.summary.json"));
        let mut member = Member { name, role, summary, state: State::Away { until: clock::now() } };
        member.appear(stage)?;
        Ok(member)
    }

    fn appear(&mut self, stage: &Stage) -> Result<(), Error> {
        let process = match self.role {
            Role::Etcd => Etcd::process(stage.etcd.expect("it is in the cast"), &stage.etcd_data())?,
            Role::Master { number, .. } => {
                let store = stage.etcd.map_or_else(|| "memory".to_owned(), |etcd| format!("etcd://{etcd}"));
                Service::master_with(stage.masters[number], &["--store", &store])?.process
            }
            Role::Worker { .. } => Service::worker(&self.name, stage.master_list())?.process,
            Role::Client { input, args, .. } => {
                // What was there belongs to the run before.
                let _ = fs::remove_file(&self.summary);
                let mut command = Program::Client.command()?;
                command.current_dir(stage.path()).arg("run").arg(stage.input(input));
                command.args(["--master", &stage.master_list(), "--summary"]).arg(&self.summary).args(args);
                Process::start(&self.name, command)?
            }
        };
        self.state = State::Up { process, life: Life::new(&self.name, clock::now()), paused_until: None };
        Ok(())
    }

    /// Whether something can be done to it now.
    pub(crate) fn is_at_work(&self) -> bool {
        self.at_work_since().is_some()
    }

    /// When it was started, if it is not stopped.
    pub(crate) fn at_work_since(&self) -> Option<Instant> {
        match &self.state {
            State::Up { life, paused_until: None, .. } => Some(life.started),
            _ => None,
        }
    }

    /// Notes what it holds now.
    pub(crate) fn sample(&mut self, now: Instant) {
        let (State::Up { process, life, .. } | State::Leaving { process, life, .. }) = &mut self.state else { return };
        if let Some(held) = proc::Held::by(process.id()) {
            life.add(held, now);
        }
    }

    /// Kills it; it comes back then.
    pub(crate) fn kill(&mut self, back_at: Instant) -> Result<Option<Life>, Error> {
        match std::mem::replace(&mut self.state, State::Away { until: back_at }) {
            State::Up { mut process, life, .. } => {
                process.kill();
                match proc::state(process.id()) {
                    None => Ok(Some(life)),
                    Some(_) => Err(Error::NoEffect { name: self.name.clone(), awaited: "gone" }),
                }
            }
            other => {
                self.state = other;
                Ok(None)
            }
        }
    }

    /// Stops it until then.
    pub(crate) fn pause(&mut self, until: Instant) -> Result<(), Error> {
        if let State::Up { process, paused_until, .. } = &mut self.state {
            send(&self.name, process, Signal::SIGSTOP)?;
            *paused_until = Some(until);
        }
        Ok(())
    }

    /// Whether it is stopped, as Linux sees it. It takes a moment.
    pub(crate) fn is_stopped(&self) -> bool {
        matches!(&self.state, State::Up { process, .. } if proc::state(process.id()) == Some('T'))
    }

    /// Asks it to end, as a person (SIGINT) or the system (SIGTERM) does. It comes back then.
    pub(crate) fn ask_to_end(&mut self, signal: Signal, now: Instant, back_at: Instant) -> Result<(), Error> {
        match std::mem::replace(&mut self.state, State::Away { until: back_at }) {
            State::Up { process, life, paused_until } => {
                send(&self.name, &process, signal)?;
                if paused_until.is_some() {
                    send(&self.name, &process, Signal::SIGCONT)?;
                }
                self.state = State::Leaving { process, life, since: now, back_at };
            }
            other => self.state = other,
        }
        Ok(())
    }

    /// Whether it has no process.
    pub(crate) fn is_away(&self) -> bool {
        matches!(self.state, State::Away { .. })
    }

    /// Looks at who has ended and lets whoever is stopped go on.
    pub(crate) fn look_after(&mut self, tally: &mut Tally, now: Instant) -> Result<News, Error> {
        match std::mem::replace(&mut self.state, State::Away { until: now }) {
            State::Up { process, life, .. } if proc::has_ended(process.id()) => {
                Ok(News { problem: self.ended(process.end()?, None, tally), life: Some(life) })
            }
            State::Up { process, life, paused_until: Some(until) } if now >= until => {
                send(&self.name, &process, Signal::SIGCONT)?;
                self.state = State::Up { process, life, paused_until: None };
                Ok(News::default())
            }
            State::Leaving { process, life, since, back_at } if proc::has_ended(process.id()) => {
                self.state = State::Away { until: back_at };
                Ok(News { problem: self.ended(process.end()?, Some(life.age(since)), tally), life: Some(life) })
            }
            State::Leaving { mut process, life, since, .. } if now >= since + LEAVE_TIME => {
                process.kill();
                let problem = format!("{} was asked to end and did not within {} s", self.name, LEAVE_TIME.as_secs());
                Ok(News { problem: Some(problem), life: Some(life) })
            }
            other => {
                self.state = other;
                Ok(News::default())
            }
        }
    }

    /// Starts whoever is due.
    pub(crate) fn come_back(&mut self, stage: &Stage, now: Instant) -> Result<(), Error> {
        match self.state {
            State::Away { until } if now >= until => self.appear(stage),
            _ => Ok(()),
        }
    }

    /// What is wrong with how it ended. `asked_at` is how old it was when it was asked to.
    fn ended(&self, ended: Ended, asked_at: Option<Duration>, tally: &mut Tally) -> Option<String> {
        let Ended { code, signal, stderr, .. } = ended;
        // A client ends by the signal that it is asked with, once its outputs are complete.
        let was_interrupted = asked_at.is_some() && signal == Some(Signal::SIGINT as i32);
        let problem = match self.role {
            // It ends by the signal that it is asked with.
            Role::Etcd if asked_at.is_some() => None,
            Role::Master { .. } | Role::Worker { .. } if asked_at.is_some() && code == Some(0) => None,
            Role::Etcd | Role::Master { .. } | Role::Worker { .. } => Some(format!("it ended with {code:?}")),
            Role::Client { input: Input::Endless, .. } if asked_at.is_none() => {
                Some(format!("it ended by itself with {code:?}"))
            }
            // The file is made before there is anything to write into it.
            Role::Client { .. } => match fs::read_to_string(&self.summary).unwrap_or_default() {
                // Whoever is interrupted before the first frame leaves no summary.
                text if text.is_empty() && was_interrupted => None,
                text => match serde_json::from_str::<Summary>(&text) {
                    Ok(summary) => tally.add(if was_interrupted { Some(0) } else { code }, &summary).err(),
                    Err(error) => {
                        Some(format!("there is no summary ({error}), and it ended with {code:?}, signal {signal:?}"))
                    }
                },
            },
        };
        let said = || stderr[stderr.len().saturating_sub(5)..].join("\n    ");
        problem.map(|problem| format!("{}: {problem}; the last that it said:\n    {}", self.name, said()))
    }
}

fn send(name: &str, process: &Process, signal: Signal) -> Result<(), Error> {
    let id = Pid::from_raw(process.id().cast_signed());
    signal::kill(id, signal).map_err(|source| Error::Fault { name: name.to_owned(), done: signal.as_str(), source })
}
