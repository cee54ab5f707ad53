//! The loop: who is there, what each holds, what is done to whom.

use std::time::{Duration, Instant};

use facefleet_e2e::comes_true;
use facefleet_service::clock;
use nix::sys::signal::Signal;
use prerequisites::ETCD;

use crate::Args;
use crate::cast::{Role, Stage, cast};
use crate::error::Error;
use crate::faults::{Chance, Fault, Plan};
use crate::member::{Member, News};
use crate::proc;
use crate::results::{Notes, Results};
use crate::routes::Routes;
use crate::tally::Tally;

/// Time between two looks at everybody.
const LOOK: Duration = Duration::from_millis(50);
/// Time between two samples of what everybody holds.
const SAMPLE: Duration = Duration::from_secs(1);
/// How long a signal may take to be seen, and processes that were left alone to end.
const EFFECT: Duration = Duration::from_secs(5);
/// How long masters may take to know all workers again, when nothing happens to anybody any more. A worker that stays with
/// a master which is cut off leaves it after 10 s.
const CALM: Duration = Duration::from_secs(40);

/// Everything that happens.
struct Soak {
    stage: Stage,
    members: Vec<Member>,
    /// None: there is one master.
    routes: Option<Routes>,
    /// From then on, steady members are left alone.
    steady_from: Instant,
    notes: Notes,
}

/// Runs it all and prints what came of it. False: not what should.
pub(crate) fn run(args: &Args) -> Result<bool, Error> {
    let seed = args.seed.unwrap_or_else(|| clock::unix_us() % 1_000_000);
    let total = Duration::from_secs(60) * args.minutes;
    println!("{} minutes with seed {seed}", args.minutes);
    let masters = usize::from(args.masters);
    let cast = cast(masters);
    let mut soak = Soak::start(masters, &cast, total)?;
    let start = clock::now();
    let mut chance = Chance::new(seed, masters);
    let mut plan = chance.plan();
    let (mut next_fault, mut next_sample, mut next_word) = (start + plan.after, start, Duration::from_secs(60));
    loop {
        let now = clock::now();
        let elapsed = now.saturating_duration_since(start);
        if elapsed >= total {
            break;
        }
        soak.look_after_all(now)?;
        soak.let_all_come_back(now)?;
        if now >= next_sample {
            soak.members.iter_mut().for_each(|member| member.sample(now));
            next_sample += SAMPLE;
        }
        if now >= next_fault {
            soak.do_fault(plan, now)?;
            plan = chance.plan();
            next_fault = now + plan.after;
        }
        if elapsed >= next_word {
            soak.say(elapsed);
            next_word += Duration::from_secs(60);
        }
        pause();
    }
    soak.calm_down()?;
    soak.end()?;
    let results = Results::new(args.minutes, seed, cast, soak.notes);
    print!("{results}");
    if let Some(path) = &args.json {
        results.write(path)?;
    }
    Ok(results.is_well())
}

impl Soak {
    fn start(masters: usize, cast: &[(String, Role)], total: Duration) -> Result<Soak, Error> {
        if masters > 1 && !ETCD.starts() {
            return Err(Error::NoEtcd);
        }
        let stage = Stage::new(masters)?;
        let members = cast.iter().map(|(name, role)| Member::start(name.clone(), *role, &stage));
        let members = members.collect::<Result<_, _>>()?;
        let routes = (masters > 1).then(|| Routes::ask(&stage.masters)).transpose()?;
        Ok(Soak { stage, members, routes, steady_from: clock::now() + total / 3, notes: Notes::default() })
    }

    fn look_after_all(&mut self, now: Instant) -> Result<(), Error> {
        for member in &mut self.members {
            let News { life, problem } = member.look_after(&mut self.notes.frames, now)?;
            self.notes.lives.extend(life);
            if let Some(problem) = &problem {
                eprintln!("{problem}");
            }
            self.notes.problems.extend(problem);
        }
        Ok(())
    }

    /// Starts whoever has been away for long enough.
    fn let_all_come_back(&mut self, now: Instant) -> Result<(), Error> {
        self.members.iter_mut().try_for_each(|member| member.come_back(&self.stage, now))
    }

    /// Does a fault, unless its target is away or is to be left alone.
    fn do_fault(&mut self, plan: Plan, now: Instant) -> Result<(), Error> {
        let Plan { fault, target, absence, after: _ } = plan;
        let fitting: Vec<usize> = (0..self.members.len()).filter(|at| fault.fits(&self.members[*at].role)).collect();
        let target = fitting[target % fitting.len()];
        let is_left_alone = match self.members[target].role {
            Role::Master { steady, .. } => {
                (steady && now >= self.steady_from) || (self.routes.is_some() && !self.has_a_master_without(target))
            }
            Role::Etcd => !self.has_a_master_without(target),
            Role::Worker { .. } | Role::Client { .. } => false,
        };
        let member = &mut self.members[target];
        if !member.is_at_work() || is_left_alone {
            self.notes.faults_skipped += 1;
            return Ok(());
        }
        let back_at = now + absence;
        match fault {
            Fault::KillWorker | Fault::RestartMaster | Fault::KillClient | Fault::KillEtcd => {
                self.notes.lives.extend(member.kill(back_at)?);
            }
            Fault::PauseWorker | Fault::PauseMaster | Fault::PauseEtcd => {
                member.pause(back_at)?;
                if !comes_true(EFFECT, || member.is_stopped()) {
                    return Err(Error::NoEffect { name: member.name.clone(), awaited: "stopped" });
                }
            }
            Fault::DrainWorker => member.ask_to_end(Signal::SIGTERM, now, back_at)?,
            Fault::InterruptClient => member.ask_to_end(Signal::SIGINT, now, back_at)?,
        }
        *self.notes.faults.entry(fault).or_default() += 1;
        Ok(())
    }

    /// Whether a master but that one is at work and has given a route since it was started: one that has never seen etcd
    /// knows nobody, and a cluster of such ones gives no routes.
    fn has_a_master_without(&self, member: usize) -> bool {
        let others = self.members.iter().enumerate().filter(|(at, _)| *at != member).map(|(_, other)| other);
        others.filter_map(|other| Some((&other.role, other.at_work_since()?))).any(|(role, since)| match role {
            Role::Master { number, .. } => {
                self.routes.as_ref().is_some_and(|routes| routes.given_since(*number, since))
            }
            Role::Etcd | Role::Worker { .. } | Role::Client { .. } => false,
        })
    }

    /// Lets everybody come back, and sees whether all of several masters then know all workers.
    fn calm_down(&mut self) -> Result<(), Error> {
        let Some(routes) = self.routes.take() else { return Ok(()) };
        self.notes.routes = Some(routes.answers());
        let workers = self.members.iter().filter(|member| matches!(member.role, Role::Worker { .. })).count();
        let start = clock::now();
        loop {
            let now = clock::now();
            self.look_after_all(now)?;
            self.let_all_come_back(now)?;
            let doubts = routes.doubts(workers);
            if doubts.is_empty() {
                return Ok(());
            }
            if now.saturating_duration_since(start) > CALM {
                let late = |doubt| format!("{} s after the last fault {doubt}", CALM.as_secs());
                self.notes.problems.extend(doubts.into_iter().map(late));
                return Ok(());
            }
            pause();
        }
    }

    /// Ends everybody: clients as by Ctrl-C, then the others as the system does.
    fn end(&mut self) -> Result<(), Error> {
        let signals = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGTERM, Signal::SIGTERM];
        for (turn, signal) in signals.into_iter().enumerate() {
            let now = clock::now();
            for member in self.members.iter_mut().filter(|member| member.role.turn_to_end() == turn) {
                member.ask_to_end(signal, now, now)?;
            }
            while self.members.iter().any(|member| member.role.turn_to_end() == turn && !member.is_away()) {
                self.look_after_all(clock::now())?;
                pause();
            }
        }
        let folder = self.stage.path();
        if !comes_true(EFFECT, || proc::running_in(folder).is_empty()) {
            self.notes.problems.push(format!("left behind: {}", proc::running_in(folder).join(", ")));
        }
        Ok(())
    }

    fn say(&self, elapsed: Duration) {
        let faults: u32 = self.notes.faults.values().sum();
        let Tally { runs, sent, .. } = self.notes.frames;
        let problems = self.notes.problems.len();
        let minutes = elapsed.as_secs() / 60;
        eprintln!("{minutes} min: {faults} faults, {runs} runs ended with {sent} frames, {problems} problems");
    }
}

#[expect(clippy::disallowed_methods, reason = "the pace of looking at processes, which announce nothing")]
fn pause() {
    std::thread::sleep(LOOK);
}
