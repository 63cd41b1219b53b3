//! People in the trackers, and the ledger of all that anybody did.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use connector_api::fake::{Act, FakeSite, FakeTicket};
use connector_api::{Account, TicketState};
use connector_github::fake::FakeGithub;
use connector_jira::fake::FakeJira;
use poam::clock::{Clock, ManualClock};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use crate::bed::{PROJECT, REPO, account, day};

/// One of the two sites.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Site {
    Github,
    Jira,
}

/// What somebody did, in the order of all deeds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Deed {
    pub(crate) order: u64,
    pub(crate) at: DateTime<Utc>,
    pub(crate) what: Done,
}

/// What somebody did to a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Done {
    Title(String),
    Due(Option<NaiveDate>),
    State(TicketState),
    Assignee(Option<String>),
    Outside(String),
    Label(String, bool),
    /// A comment came or was changed: id, and what it says.
    Said(String, String),
    /// A file: name.
    File(String),
    Deleted,
}

/// A ticket, by site and immutable id.
pub(crate) type Key = (Site, String);

#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) deeds: BTreeMap<Key, Vec<Deed>>,
    /// Tickets that somebody cloned, marker and all.
    pub(crate) clones: BTreeSet<Key>,
    order: u64,
}

impl Ledger {
    pub(crate) fn next(&mut self) -> u64 {
        self.order += 1;
        self.order
    }
}

struct State {
    rng: StdRng,
    ledger: Ledger,
    token: u32,
}

/// People, on both sites.
pub(crate) struct People {
    github: FakeGithub,
    jira: FakeJira,
    clock: Arc<ManualClock>,
    state: Mutex<State>,
}

const WHO: [&str; 3] = ["ada", "grace", "mallory"];

impl People {
    pub(crate) fn new(seed: u64, github: FakeGithub, jira: FakeJira, clock: Arc<ManualClock>) -> Arc<Self> {
        let state = State { rng: StdRng::seed_from_u64(seed ^ 0x9e0), ledger: Ledger::default(), token: 0 };
        Arc::new(Self { github, jira, clock, state: Mutex::new(state) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn with_ledger<T>(&self, see: impl FnOnce(&mut Ledger) -> T) -> T {
        see(&mut self.lock().ledger)
    }

    pub(crate) fn site(&self, site: Site) -> &dyn FakeSite {
        match site {
            Site::Github => &self.github,
            Site::Jira => &self.jira,
        }
    }

    pub(crate) fn account(site: Site, who: &str) -> Account {
        match site {
            Site::Github => account(who, who),
            Site::Jira => account(&format!("557058:{who}"), who),
        }
    }

    /// Tickets that the bridge made.
    pub(crate) fn tickets(&self) -> Vec<(Site, FakeTicket)> {
        let clones = self.with_ledger(|ledger| ledger.clones.clone());
        [Site::Github, Site::Jira]
            .into_iter()
            .flat_map(|site| self.site(site).tickets().into_iter().map(move |ticket| (site, ticket)))
            .filter(|(site, ticket)| !clones.contains(&(*site, ticket.id.clone())))
            .collect()
    }

    /// Somebody does something to some ticket. `between` a read and a write nobody clones one.
    pub(crate) fn act(&self, between: bool) -> String {
        let tickets = self.tickets();
        let picked = tickets.choose(&mut self.lock().rng).cloned();
        let Some((site, ticket)) = picked else { return "nobody has a ticket".to_owned() };
        let who = *WHO.choose(&mut self.lock().rng).unwrap_or(&"ada");
        let (act, done) = self.choose(site, &ticket, who, between);
        let shown = format!("{who} on {site:?} {}: {act:?}", ticket.key);
        let Some(act) = act else { return format!("{who} clones {site:?} {}", ticket.key) };
        let by = Self::account(site, who);
        match self.site(site).act(&by, &ticket.id, act) {
            Err(why) => format!("{shown} is refused: {why}"),
            Ok(()) => {
                for what in done.into_iter().filter(|what| is_news(&ticket, what)) {
                    self.wrote(site, &ticket.id, what);
                }
                shown
            }
        }
    }

    fn wrote(&self, site: Site, ticket: &str, what: Done) {
        let what = match what {
            // The id of a new comment is known only now.
            Done::Said(id, text) if id.is_empty() => {
                let now = self.site(site).tickets().into_iter().find(|t| t.id == ticket);
                let id = now.and_then(|t| t.comments.last().map(|c| c.id.clone())).unwrap_or_default();
                Done::Said(id, text)
            }
            // GitHub gives what is closed no other reason.
            Done::State(state) => {
                let now = self.site(site).tickets().into_iter().find(|t| t.id == ticket);
                if now.is_none_or(|now| now.state != state) {
                    return;
                }
                Done::State(state)
            }
            other => other,
        };
        let at = self.clock.now();
        let mut state = self.lock();
        let order = state.ledger.next();
        let deeds = state.ledger.deeds.entry((site, ticket.to_owned())).or_default();
        deeds.push(Deed { order, at, what });
    }

    fn choose(&self, site: Site, ticket: &FakeTicket, who: &str, between: bool) -> (Option<Act>, Vec<Done>) {
        let token = {
            let mut state = self.lock();
            state.token += 1;
            state.token
        };
        let draw = self.lock().rng.random_range(0..100);
        let one = |act: Act, done: Done| (Some(act), vec![done]);
        match draw {
            0..=11 => {
                let title = self.title(ticket, token);
                one(Act::Retitle(title.clone()), Done::Title(title))
            }
            12..=30 => {
                let due = self.due();
                one(Act::SetDue(due), Done::Due(due))
            }
            31..=46 => {
                let state = *[
                    TicketState::Open,
                    TicketState::InProgress,
                    TicketState::InProgress,
                    TicketState::Blocked,
                    TicketState::Done,
                    TicketState::Done,
                    TicketState::Dropped,
                ]
                .choose(&mut self.lock().rng)
                .unwrap_or(&TicketState::Open);
                one(Act::SetState(state), Done::State(state))
            }
            47..=52 => {
                let to = [Some("ada"), Some("grace"), Some("mallory"), None];
                let to = to.choose(&mut self.lock().rng).copied().flatten();
                let to = to.map(|who| Self::account(site, who));
                let id = to.as_ref().map(|account| account.id.clone());
                one(Act::Assign(to), Done::Assignee(id))
            }
            53..=56 => {
                let name =
                    *["team-a", "urgent", "poam", "blocked"].choose(&mut self.lock().rng).unwrap_or(&"poam");
                let there = ticket.labels.contains(name);
                let act =
                    if there { Act::RemoveLabel(name.to_owned()) } else { Act::AddLabel(name.to_owned()) };
                one(act, Done::Label(name.to_owned(), !there))
            }
            57..=62 => {
                let text = format!("Notes {token} of the team.\n\nSee the runbook, step {token}.");
                one(Act::EditOutside(text.clone()), Done::Outside(text))
            }
            63..=64 => {
                let text = format!("Everything anew {token}.");
                one(Act::ReplaceText(text.clone()), Done::Outside(text))
            }
            65..=86 => {
                let text = self.saying(site, ticket, token);
                one(Act::Comment(text.clone()), Done::Said(String::new(), text))
            }
            87..=90 => self.edit_comment(site, ticket, who, token),
            91..=93 if site == Site::Jira => {
                let name = format!("scan-{token}.txt");
                let bytes = format!("clean {token}").into_bytes().into();
                one(Act::Attach { name: name.clone(), bytes }, Done::File(name))
            }
            94 if site == Site::Jira => one(Act::Delete, Done::Deleted),
            95 if !between => {
                self.clone_ticket(site, ticket);
                (None, Vec::new())
            }
            _ => {
                let text = format!("Looking at it, {token}.");
                one(Act::Comment(text.clone()), Done::Said(String::new(), text))
            }
        }
    }

    fn title(&self, ticket: &FakeTicket, token: u32) -> String {
        let prefix = ticket.title.split_once(']').map(|(head, _)| format!("{head}] ")).unwrap_or_default();
        match self.lock().rng.random_range(0..4) {
            0 => format!("Renamed by hand {token}"),
            1 => format!("{prefix}Größe prüfen \u{1f512} {token}"),
            _ => format!("{prefix}Reworded {token}"),
        }
    }

    pub(crate) fn due(&self) -> Option<NaiveDate> {
        let from = day("2026-04-01");
        let days = [0, 7, 14, 14, 30, 31, 60, 90, -7];
        let mut state = self.lock();
        if state.rng.random_ratio(1, 12) {
            return None;
        }
        days.choose(&mut state.rng).map(|days| from + TimeDelta::days(*days))
    }

    fn saying(&self, site: Site, ticket: &FakeTicket, token: u32) -> String {
        let due = self.due().unwrap_or(day("2026-05-05"));
        let person = match site {
            Site::Github => "@grace",
            Site::Jira => "557058:grace",
        };
        let question = ticket.comments.iter().rev().find(|comment| comment.body.contains("Why?"));
        let draw = self.lock().rng.random_range(0..22);
        match draw {
            0..=4 => format!("/poam why the vendor ships late {token}"),
            5 | 6 => format!("/poam move {due} more load than planned {token}"),
            7 | 8 => format!("/poam blocked waiting for access {token}"),
            9 => "/poam unblocked".to_owned(),
            10 | 11 => format!("/poam evidence the rescan {token} is clean"),
            12..=14 => "/poam approve".to_owned(),
            15 => format!("/poam reject that is too late {token}"),
            16 => format!("/poam owner {person}"),
            17 => "/poam status".to_owned(),
            18 => format!("/poam frobnicate {token}"),
            19 => "/poam why short".to_owned(),
            _ => match question {
                Some(question) => {
                    let quoted: String = question.body.lines().map(|line| format!("> {line}\n")).collect();
                    format!("{quoted}\nThe change window was moved {token}.")
                }
                None => format!("Any news? {token}"),
            },
        }
    }

    /// Somebody changes a comment: their own, or somebody's into a command.
    fn edit_comment(
        &self,
        site: Site,
        ticket: &FakeTicket,
        who: &str,
        token: u32,
    ) -> (Option<Act>, Vec<Done>) {
        let old = self.clock.now() - TimeDelta::seconds(2);
        let human = ticket.comments.iter().filter(|c| c.marker.is_none() && c.created < old);
        let human: Vec<_> = human.collect();
        let picked = human.choose(&mut self.lock().rng).map(|c| (c.id.clone(), c.author.id.clone()));
        let own = picked.as_ref().is_some_and(|(_, author)| *author == Self::account(site, who).id);
        let text = match picked {
            Some(_) if own => format!("/poam why the reason was forgotten {token}"),
            Some(_) => format!("/poam why forged by somebody else {token}"),
            None => format!("Nothing to add {token}."),
        };
        match picked {
            Some((id, _)) => (Some(Act::EditComment(id.clone(), text.clone())), vec![Done::Said(id, text)]),
            None => (Some(Act::Comment(text.clone())), vec![Done::Said(String::new(), text)]),
        }
    }

    /// A clone carries the text and the labels, and with them the marker.
    fn clone_ticket(&self, site: Site, ticket: &FakeTicket) {
        let by = Self::account(site, "ada");
        let project = match site {
            Site::Github => REPO,
            Site::Jira => PROJECT,
        };
        let title = format!("CLONE - {}", ticket.title);
        let Ok(id) = self.site(site).open_by_hand(&by, project, &title, &ticket.text) else { return };
        for label in &ticket.labels {
            drop(self.site(site).act(&by, &id, Act::AddLabel(label.clone())));
        }
        self.lock().ledger.clones.insert((site, id));
    }
}

/// Whether a deed changes anything.
fn is_news(before: &FakeTicket, what: &Done) -> bool {
    match what {
        Done::Title(title) => before.title != *title,
        Done::Assignee(id) => before.assignee.as_ref().map(|account| &account.id) != id.as_ref(),
        Done::State(state) => before.state != *state,
        Done::Due(_)
        | Done::Outside(_)
        | Done::Label(..)
        | Done::Said(..)
        | Done::File(_)
        | Done::Deleted => true,
    }
}
