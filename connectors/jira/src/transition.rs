//! Brings a ticket into a state through its workflow.
//!
//! The target is a status of a configured name, else any that reads as the state. Where no transition leads there
//! at once, the workflow is walked: by the way that is known, else by trying what is open, and never through a
//! status of category `done` that is not the target.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use connector_api::{Error, ErrorKind, Result, StateChange, Status, StatusCategory, Ticket, TicketState};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::memory::Place;
use crate::request::Call;
use crate::ticket::category;
use crate::wire::Transition;
use crate::{FieldValues, Jira, adf, wiki, wire};

/// How many statuses we go through at most.
const HOPS: usize = 5;

/// Names of resolutions that fit where the configuration names none.
const FIXED: [&str; 4] = ["Done", "Fixed", "Resolved", "Completed"];
const DROPPED: [&str; 7] =
    ["Won't Do", "Won't Fix", "Wont Do", "Declined", "Duplicate", "Cannot Reproduce", "Cancelled"];
/// Parts of status names that tell as much.
const DROPPED_STATUS: [&str; 8] =
    ["won't", "wont", "cancel", "declin", "reject", "duplicate", "abandon", "not planned"];
const BLOCKED_STATUS: [&str; 4] = ["block", "hold", "imped", "stuck"];

fn tells(name: &str, parts: &[&str]) -> bool {
    let name = name.to_lowercase();
    parts.iter().any(|part| name.contains(part))
}

fn same(a: &str, b: &str) -> bool {
    a.trim().to_lowercase() == b.trim().to_lowercase()
}

/// The category that a state's statuses have.
fn fitting(state: TicketState) -> StatusCategory {
    match state {
        TicketState::Open => StatusCategory::Todo,
        TicketState::InProgress | TicketState::Blocked => StatusCategory::InProgress,
        TicketState::Done | TicketState::Dropped => StatusCategory::Done,
    }
}

fn category_of(status: &wire::Status) -> StatusCategory {
    status.category.as_ref().map_or(StatusCategory::Todo, |c| category(&c.key))
}

/// Whether the ticket stands where it should already.
fn satisfied(status: &Status, change: &StateChange) -> bool {
    let named = change.names.iter().any(|name| same(name, &status.name));
    let in_category = change.names.is_empty() && status.category == fitting(change.to);
    let resolution = status.resolution.as_deref();
    match change.to {
        TicketState::Open | TicketState::InProgress => {
            named || in_category && !tells(&status.name, &BLOCKED_STATUS)
        }
        TicketState::Blocked => named || in_category && tells(&status.name, &BLOCKED_STATUS),
        TicketState::Done => {
            let dropped = resolution.is_some_and(|r| DROPPED.iter().any(|name| same(name, r)));
            (named || in_category && !tells(&status.name, &DROPPED_STATUS)) && !dropped
        }
        TicketState::Dropped => match (&change.resolution, resolution) {
            (Some(wanted), Some(set)) => (named || in_category) && same(wanted, set),
            (Some(_), None) => named && tells(&status.name, &DROPPED_STATUS),
            (None, set) => {
                named || in_category && set.is_some_and(|r| DROPPED.iter().any(|name| same(name, r)))
            }
        },
    }
}

/// How well a transition's end fits; lower is better, none if it does not.
fn rank(transition: &Transition, change: &StateChange) -> Option<usize> {
    let name = &transition.to.name;
    // What is dropped must read so afterwards: by its resolution or by its status.
    let tellable = |meta| change.resolution.is_some() || usual_resolution(meta, change.to).is_some();
    let reads_dropped =
        transition.fields.get("resolution").is_some_and(tellable) || tells(name, &DROPPED_STATUS);
    if let Some(at) = change.names.iter().position(|wanted| same(wanted, name)) {
        let trusted = change.to != TicketState::Dropped || reads_dropped || change.resolution.is_none();
        return trusted.then_some(at);
    }
    let fits = category_of(&transition.to) == fitting(change.to)
        && match change.to {
            TicketState::Open => true,
            TicketState::InProgress => !tells(name, &BLOCKED_STATUS),
            TicketState::Blocked => tells(name, &BLOCKED_STATUS),
            TicketState::Done => !tells(name, &DROPPED_STATUS),
            TicketState::Dropped => reads_dropped,
        };
    fits.then_some(change.names.len())
}

impl Jira {
    pub(crate) async fn change_state(&self, ticket: Ticket, change: &StateChange) -> Result<Ticket> {
        if satisfied(&ticket.status, change) {
            return Ok(ticket);
        }
        let what = format!("change the state of {}", ticket.reference.key);
        let mut here = ticket.status.name.clone();
        let mut been = BTreeSet::new();
        let mut moved = false;
        for _ in 0..HOPS {
            been.insert(here.clone());
            let step = self.step(&ticket, &here, change, &been, &what).await;
            match step.map_err(|e| if moved { e.outcome_unknown() } else { e })? {
                Step::Arrived => return self.after(&ticket).await,
                Step::At(status) => here = status,
            }
            moved = true;
        }
        let why = format!("no way of at most {HOPS} transitions leads there from `{}`", ticket.status.name);
        Err(Error::new(what, ErrorKind::Invalid(why)).outcome_unknown())
    }

    /// One transition. What is remembered of the workflow may be outdated: on a refusal it is asked for anew, once.
    async fn step(
        &self,
        ticket: &Ticket,
        here: &str,
        change: &StateChange,
        been: &BTreeSet<String>,
        what: &str,
    ) -> Result<Step> {
        let mut fresh = false;
        loop {
            let (open, remembered) = self.transitions(ticket, here, fresh, what).await?;
            let chosen = self.choose(ticket, &open, change, been);
            let Some((transition, last)) = chosen else {
                if remembered {
                    fresh = true;
                    continue;
                }
                return Err(Error::new(what, ErrorKind::Invalid(no_way(here, &open, change))));
            };
            let body = if last {
                match self.fill(&transition, change) {
                    Ok(body) => body,
                    Err(_) if remembered => {
                        fresh = true;
                        continue;
                    }
                    Err(why) => return Err(Error::new(what, ErrorKind::Invalid(why))),
                }
            } else {
                json!({"transition": {"id": transition.id}})
            };
            let id = &ticket.reference.id;
            let template = self.api("/issue/{id}/transitions");
            let call = Call::write(what, Method::POST, &template, &[id]).ticket(id).body(body);
            let answer = self.send(call).await?;
            if answer.status == StatusCode::BAD_REQUEST && remembered {
                fresh = true;
                continue;
            }
            if answer.status == StatusCode::BAD_REQUEST {
                let said = answer.refusal().text();
                let why =
                    format!("transition `{}` is refused: {said}; {}", transition.name, offer(here, &open));
                return Err(Error::new(what, ErrorKind::Invalid(why)));
            }
            answer.success()?;
            return Ok(if last { Step::Arrived } else { Step::At(transition.to.name) });
        }
    }

    /// The transitions that are open at `here`, and whether that is from memory.
    async fn transitions(
        &self,
        ticket: &Ticket,
        here: &str,
        fresh: bool,
        what: &str,
    ) -> Result<(Vec<Transition>, bool)> {
        let place = self.place(ticket, here);
        if let Some(place) = place.as_ref().filter(|_| !fresh)
            && let Some(known) = self.memory().transitions.get(place)
        {
            return Ok((known.clone(), true));
        }
        let template = self.api("/issue/{id}/transitions");
        let call = Call::read(what, Method::GET, &template, &[&ticket.reference.id])
            .query("expand", "transitions.fields");
        let answer: wire::Transitions = self.send(call).await?.json()?;
        if let Some(place) = place {
            self.memory().transitions.insert(place, answer.transitions.clone());
        }
        Ok((answer.transitions, false))
    }

    /// Where the ticket stands; none while its type is unknown, since ids of transitions differ by type.
    fn place(&self, ticket: &Ticket, status: &str) -> Option<Place> {
        let issue_type = self.memory().types.get(&ticket.reference.id).cloned()?;
        Some(Place { project: ticket.reference.project.clone(), issue_type, status: status.to_owned() })
    }

    /// The transition to take and whether it is the last one.
    fn choose(
        &self,
        ticket: &Ticket,
        open: &[Transition],
        change: &StateChange,
        been: &BTreeSet<String>,
    ) -> Option<(Transition, bool)> {
        let ranked = open.iter().filter_map(|t| Some((rank(t, change)?, t)));
        let direct = ranked.min_by_key(|(rank, _)| *rank);
        if let Some((rank, transition)) = direct
            && rank < change.names.len()
        {
            return Some((transition.clone(), true));
        }
        // A named status that is known to be reachable goes before one that merely fits.
        let known = self.known_way(ticket, open, change, been);
        if let Some(first) = known {
            return Some((first, false));
        }
        if let Some((_, transition)) = direct {
            return Some((transition.clone(), true));
        }
        // Trying makes sense only where other statuses may offer something else.
        let towards = fitting(change.to);
        let closed_otherwise = change.to == TicketState::Dropped
            && open.iter().any(|t| category_of(&t.to) == StatusCategory::Done);
        if closed_otherwise || open.iter().all(|t| t.is_global) {
            return None;
        }
        let mut next: Vec<&Transition> = open.iter().filter(|t| passable(t, been)).collect();
        next.sort_by_key(|t| match (category_of(&t.to), towards) {
            (StatusCategory::Todo, StatusCategory::Todo)
            | (StatusCategory::InProgress, StatusCategory::InProgress | StatusCategory::Done) => 0,
            (StatusCategory::Todo | StatusCategory::InProgress | StatusCategory::Done, _) => 1,
        });
        next.first().map(|t| ((*t).clone(), false))
    }

    /// The first step of the shortest known way to a status of a configured name.
    fn known_way(
        &self,
        ticket: &Ticket,
        open: &[Transition],
        change: &StateChange,
        been: &BTreeSet<String>,
    ) -> Option<Transition> {
        let mut met = been.clone();
        let mut queue: VecDeque<(Transition, String)> = VecDeque::new();
        for transition in open.iter().filter(|t| passable(t, been)) {
            if met.insert(transition.to.name.clone()) {
                queue.push_back((transition.clone(), transition.to.name.clone()));
            }
        }
        while let Some((first, at)) = queue.pop_front() {
            let place = self.place(ticket, &at)?;
            let known = self.memory().transitions.get(&place).cloned().unwrap_or_default();
            if known.iter().any(|t| rank(t, change).is_some_and(|rank| rank < change.names.len())) {
                return Some(first);
            }
            for transition in &known {
                if !passable(transition, &met) {
                    continue;
                }
                met.insert(transition.to.name.clone());
                queue.push_back((first.clone(), transition.to.name.clone()));
            }
        }
        None
    }

    /// The body of the transition that arrives: its fields, and the comment with it.
    fn fill(&self, transition: &Transition, change: &StateChange) -> std::result::Result<Value, String> {
        let mut fields: FieldValues = change
            .fields
            .iter()
            .filter(|(id, _)| transition.fields.contains_key(*id))
            .map(|(id, value)| (id.clone(), value.clone()))
            .collect();
        if let Some(meta) = transition.fields.get("resolution") {
            let closing = matches!(change.to, TicketState::Done | TicketState::Dropped);
            let wanted = match &change.resolution {
                Some(name) if closing => Some(name.clone()),
                _ if change.to == TicketState::Dropped || meta.required && closing => {
                    usual_resolution(meta, change.to)
                }
                _ => None,
            };
            if let Some(name) = wanted {
                fields.entry("resolution".to_owned()).or_insert_with(|| json!({"name": name}));
            }
        }
        let missing: Vec<String> = transition
            .fields
            .iter()
            .filter(|(id, meta)| meta.required && !meta.has_default_value && !fields.contains_key(*id))
            .map(|(id, meta)| meta.name.as_ref().map_or_else(|| id.clone(), |name| format!("{name} ({id})")))
            .collect();
        if !missing.is_empty() {
            return Err(format!(
                "transition `{}` demands {}: give them in the tracker's configuration",
                transition.name,
                missing.join(", ")
            ));
        }
        let mut body = json!({"transition": {"id": transition.id}});
        if !fields.is_empty() {
            body["fields"] = json!(fields);
        }
        if let Some(text) = &change.comment {
            let text = if self.cloud() { adf::document(text) } else { Value::String(wiki::document(text)) };
            body["update"] = json!({"comment": [{"add": {"body": text}}]});
        }
        Ok(body)
    }
}

/// Where one transition brought the ticket.
enum Step {
    Arrived,
    /// In this status, on the way.
    At(String),
}

/// Whether a status may be gone through: a new one, not closed, and reached without being asked for fields.
fn passable(transition: &Transition, been: &BTreeSet<String>) -> bool {
    let asks = transition.fields.values().any(|meta| meta.required && !meta.has_default_value);
    !asks && !been.contains(&transition.to.name) && category_of(&transition.to) != StatusCategory::Done
}

fn usual_resolution(meta: &wire::FieldMeta, state: TicketState) -> Option<String> {
    let usual: &[&str] = if state == TicketState::Done { &FIXED } else { &DROPPED };
    let allowed: BTreeMap<String, &str> = meta
        .allowed_values
        .iter()
        .filter_map(|value| value["name"].as_str())
        .map(|name| (name.to_lowercase(), name))
        .collect();
    usual.iter().find_map(|name| allowed.get(&name.to_lowercase())).map(|&name| name.to_owned())
}

fn no_way(here: &str, open: &[Transition], change: &StateChange) -> String {
    let wanted = match change.to {
        TicketState::Open => "open",
        TicketState::InProgress => "in progress",
        TicketState::Blocked => "blocked",
        TicketState::Done => "done",
        TicketState::Dropped => "dropped",
    };
    let names = if change.names.is_empty() {
        String::new()
    } else {
        format!(" (configured: {})", change.names.join(", "))
    };
    format!("no transition leads to a status that reads as {wanted}{names}; {}", offer(here, open))
}

fn offer(here: &str, open: &[Transition]) -> String {
    if open.is_empty() {
        return format!("from `{here}` our account is offered no transition at all");
    }
    let list: Vec<String> = open.iter().map(|t| format!("`{}` to `{}`", t.name, t.to.name)).collect();
    format!("from `{here}` there are {}", list.join(", "))
}
