//! The loop: who is there, what each holds, what is done to whom.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use facefleet_e2e::comes_true;
use facefleet_service::clock;
use nix::sys::signal::Signal;

use crate::Args;
use crate::cast::{CAST, Stage};
use crate::error::Error;
use crate::faults::{Chance, Fault, Plan};
use crate::lives::Life;
use crate::member::{Member, News};
use crate::proc;
use crate::results::Results;
use crate::tally::Tally;

/// Time between two looks at everybody.
const LOOK: Duration = Duration::from_millis(50);
/// Time between two samples of what everybody holds.
const SAMPLE: Duration = Duration::from_secs(1);
/// How long a signal may take to be seen, and processes that were left alone to end.
const EFFECT: Duration = Duration::from_secs(5);
/// Ports that Linux gives to nobody by itself, so that the master's is still free when it comes back.
const PORTS: std::ops::Range<u16> = 20_000..30_000;

/// Everything that happens.
struct Soak {
    stage: Stage,
    master: SocketAddr,
    members: Vec<Member>,
    lives: Vec<Life>,
    tally: Tally,
    done: BTreeMap<Fault, u32>,
    /// Faults whose target was away already, or was to be left alone.
    skipped: u32,
    problems: Vec<String>,
}

/// Runs it all and prints what came of it. False: not what should.
pub(crate) fn run(args: &Args) -> Result<bool, Error> {
    let seed = args.seed.unwrap_or_else(|| clock::unix_us() % 1_000_000);
    let total = Duration::from_secs(60) * args.minutes;
    println!("{} minutes with seed {seed}", args.minutes);
    let mut soak = Soak::start()?;
    let start = clock::now();
    let mut chance = Chance::new(seed);
    let mut plan = chance.plan();
    let (mut next_fault, mut next_sample, mut next_word) = (start + plan.after, start, Duration::from_secs(60));
    let master_is_left_alone = start + total / 3;
    loop {
        let now = clock::now();
        let elapsed = now.saturating_duration_since(start);
        if elapsed >= total {
            break;
        }
        soak.look_after_all(now, true)?;
        if now >= next_sample {
            soak.members.iter_mut().for_each(|member| member.sample(now));
            next_sample += SAMPLE;
        }
        if now >= next_fault {
            soak.do_fault(plan, now < master_is_left_alone, now)?;
            plan = chance.plan();
            next_fault = now + plan.after;
        }
        if elapsed >= next_word {
            soak.say(elapsed);
            next_word += Duration::from_secs(60);
        }
        pause();
    }
    soak.end()?;
    let Soak { lives, tally, done, skipped, problems, .. } = soak;
    let results = Results::new(args.minutes, seed, &lives, tally, &done, skipped, problems);
    print!("{results}");
    if let Some(path) = &args.json {
        results.write(path)?;
    }
    Ok(results.is_well())
}

impl Soak {
    fn start() -> Result<Soak, Error> {
        let (stage, master) = (Stage::new()?, free_port()?);
        let members = CAST.into_iter().map(|(name, role)| Member::start(name, role, &stage, master));
        let members = members.collect::<Result<_, _>>()?;
        let (lives, tally, done, problems) = Default::default();
        Ok(Soak { stage, master, members, lives, tally, done, skipped: 0, problems })
    }

    fn look_after_all(&mut self, now: Instant, goes_on: bool) -> Result<(), Error> {
        for member in &mut self.members {
            let News { life, problem } = member.look_after(&mut self.tally, now)?;
            self.lives.extend(life);
            if let Some(problem) = &problem {
                eprintln!("{problem}");
            }
            self.problems.extend(problem);
            if goes_on {
                member.come_back(&self.stage, self.master, now)?;
            }
        }
        Ok(())
    }

    /// Does a fault, unless its target is away.
    fn do_fault(&mut self, plan: Plan, master_too: bool, now: Instant) -> Result<(), Error> {
        let Plan { fault, target, absence, after: _ } = plan;
        let mut fitting: Vec<&mut Member> = self.members.iter_mut().filter(|member| fault.fits(&member.role)).collect();
        let target = target % fitting.len();
        let member = &mut *fitting[target];
        if !member.is_at_work() || (fault == Fault::RestartMaster && !master_too) {
            self.skipped += 1;
            return Ok(());
        }
        let back_at = now + absence;
        match fault {
            Fault::KillWorker | Fault::RestartMaster | Fault::KillClient => self.lives.extend(member.kill(back_at)?),
            Fault::PauseWorker => {
                member.pause(back_at)?;
                if !comes_true(EFFECT, || member.is_stopped()) {
                    return Err(Error::NoEffect { name: member.name.into(), awaited: "stopped" });
                }
            }
            Fault::DrainWorker => member.ask_to_end(Signal::SIGTERM, now, back_at)?,
            Fault::InterruptClient => member.ask_to_end(Signal::SIGINT, now, back_at)?,
        }
        *self.done.entry(fault).or_default() += 1;
        Ok(())
    }

    /// Ends everybody: clients as by Ctrl-C, then the others as the system does.
    fn end(&mut self) -> Result<(), Error> {
        for (turn, signal) in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGTERM].into_iter().enumerate() {
            let now = clock::now();
            for member in self.members.iter_mut().filter(|member| member.role.turn_to_end() == turn) {
                member.ask_to_end(signal, now, now)?;
            }
            while self.members.iter().any(|member| member.role.turn_to_end() == turn && !member.is_away()) {
                self.look_after_all(clock::now(), false)?;
                pause();
            }
        }
        let folder = self.stage.path();
        if !comes_true(EFFECT, || proc::running_in(folder).is_empty()) {
            self.problems.push(format!("left behind: {}", proc::running_in(folder).join(", ")));
        }
        Ok(())
    }

    fn say(&self, elapsed: Duration) {
        let faults: u32 = self.done.values().sum();
        let Tally { runs, sent, .. } = self.tally;
        let problems = self.problems.len();
        let minutes = elapsed.as_secs() / 60;
        eprintln!("{minutes} min: {faults} faults, {runs} runs ended with {sent} frames, {problems} problems");
    }
}

fn free_port() -> Result<SocketAddr, Error> {
    let all = PORTS.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let free = { all }.find(|address| TcpListener::bind(address).is_ok());
    free.ok_or(Error::NoPort { least: PORTS.start, most: PORTS.end })
}

#[expect(clippy::disallowed_methods, reason = "the pace of looking at processes, which announce nothing")]
fn pause() {
    std::thread::sleep(LOOK);
}
