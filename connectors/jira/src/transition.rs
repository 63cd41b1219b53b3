//! Brings a ticket into a state through its workflow.
//!
//! The target is a status of a configured name, else any that reads as the state. Where no transition leads there
//! at once, the workflow is walked: by the way that is known, else by trying what is open, and never through a
//! status of category `done` that is not the target.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use connector_api::{Error, ErrorKind, Result, StateChange, StatusCategory, Ticket, TicketState};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::memory::Place;
use crate::request::Call;
use crate::state::{category_of, fitting, rank, satisfied, usual_resolution};
use crate::wire::Transition;
use crate::{FieldValues, Jira, adf, wiki, wire};

/// How many statuses we go through at most.
const HOPS: usize = 8;

impl Jira {
    /// Brings the ticket into a state, and reads it back.
    pub(crate) async fn change_state(&self, ticket: Ticket, change: &StateChange) -> Result<Ticket> {
        match self.move_to(&ticket, change).await? {
            Moved::Not => Ok(ticket),
            moved @ (Moved::AsOffered | Moved::ByMemory) => {
                self.settled(self.after(&ticket).await?, change, moved).await
            }
        }
    }

    /// Moves the ticket into a state without looking what became of it.
    pub(crate) async fn move_to(&self, ticket: &Ticket, change: &StateChange) -> Result<Moved> {
        if satisfied(&ticket.status, change) {
            return Ok(Moved::Not);
        }
        self.learn_site().await?;
        let what = format!("change the state of {}", ticket.reference.key);
        let mut walk = Walk { ticket, change, what: &what, moved: false, remembered: false };
        self.walk(&mut walk).await?;
        Ok(if walk.remembered { Moved::ByMemory } else { Moved::AsOffered })
    }

    /// The ticket as it is after a move, which is made again where the ids that were remembered meant something else.
    pub(crate) async fn settled(&self, after: Ticket, change: &StateChange, moved: Moved) -> Result<Ticket> {
        if moved != Moved::ByMemory || satisfied(&after.status, change) {
            return Ok(after);
        }
        self.memory().transitions.clear();
        self.move_to(&after, change).await.map_err(Error::outcome_unknown)?;
        self.after(&after).await
    }

    /// Goes from status to status until the ticket has arrived.
    async fn walk(&self, walk: &mut Walk<'_>) -> Result<()> {
        let from = &walk.ticket.status.name;
        let mut here = from.clone();
        let mut map = Map::new();
        for _ in 0..HOPS {
            let step = self.step(walk, &here, &mut map).await;
            match step.map_err(|e| if walk.moved { e.outcome_unknown() } else { e })? {
                Step::Arrived => return Ok(()),
                Step::At(status) => here = status,
            }
            walk.moved = true;
        }
        let why = format!("no way of at most {HOPS} transitions leads there from `{from}`");
        Err(Error::new(walk.what, ErrorKind::Invalid(why)).outcome_unknown())
    }

    /// One transition. What is remembered of the workflow may be outdated: on a refusal it is asked for anew, once.
    async fn step(&self, walk: &mut Walk<'_>, here: &str, map: &mut Map) -> Result<Step> {
        let mut fresh = false;
        loop {
            let (open, remembered) = self.transitions(walk, here, fresh).await?;
            map.insert(here.to_owned(), open.clone());
            let refused = |why| Err(Error::new(walk.what, ErrorKind::Invalid(why)));
            let Some((transition, last)) = self.choose(walk, here, map) else {
                if remembered {
                    fresh = true;
                    continue;
                }
                return refused(no_way(here, &open, walk.change));
            };
            let body = if last {
                match self.fill(&transition, walk.change) {
                    Ok(body) => body,
                    Err(_) if remembered => {
                        fresh = true;
                        continue;
                    }
                    Err(why) => return refused(why),
                }
            } else {
                json!({"transition": {"id": transition.id}})
            };
            let id = &walk.ticket.reference.id;
            let template = self.api("/issue/{id}/transitions");
            let call = Call::write(walk.what, Method::POST, &template, &[id]).body(body);
            let answer = self.send(call).await?;
            if answer.status == StatusCode::BAD_REQUEST && remembered {
                fresh = true;
                continue;
            }
            if answer.status == StatusCode::BAD_REQUEST {
                let said = answer.refusal().text();
                return refused(format!(
                    "transition `{}` is refused: {said}; {}",
                    transition.name,
                    offer(here, &open)
                ));
            }
            answer.success()?;
            walk.remembered |= remembered;
            return Ok(if last { Step::Arrived } else { Step::At(transition.to.name) });
        }
    }

    /// The transitions that are open at `here`, and whether that is from memory.
    async fn transitions(&self, walk: &Walk<'_>, here: &str, fresh: bool) -> Result<(Vec<Transition>, bool)> {
        let place = self.place(walk.ticket, here);
        if let Some(place) = place.as_ref().filter(|_| !fresh)
            && let Some(known) = self.memory().transitions.get(place)
        {
            return Ok((known.clone(), true));
        }
        let template = self.api("/issue/{id}/transitions");
        let call = Call::read(walk.what, Method::GET, &template, &[&walk.ticket.reference.id])
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

    /// What is known of the transitions out of a status: from this walk, or from others before.
    fn known(&self, walk: &Walk<'_>, status: &str, map: &Map) -> Option<Vec<Transition>> {
        map.get(status).cloned().or_else(|| {
            let place = self.place(walk.ticket, status)?;
            self.memory().transitions.get(&place).cloned()
        })
    }

    /// The transition to take, and whether it is the last one: a configured name at once, else by a known way,
    /// else whatever fits, else towards a status of which nothing is known yet.
    fn choose(&self, walk: &Walk<'_>, here: &str, map: &Map) -> Option<(Transition, bool)> {
        let (open, change) = (map.get(here)?, walk.change);
        let ranked = open.iter().filter_map(|t| Some((rank(t, change)?, t)));
        let direct = ranked.min_by_key(|(rank, _)| *rank);
        let named = |t: &Transition| rank(t, change).is_some_and(|rank| rank < change.names.len());
        if let Some((_, transition)) = direct.filter(|(_, t)| named(t)) {
            return Some((transition.clone(), true));
        }
        let leads_there = |known: Option<&[Transition]>| known.is_some_and(|known| known.iter().any(named));
        if let Some(first) = self.way(walk, here, map, leads_there) {
            return Some((first, false));
        }
        if let Some((_, transition)) = direct {
            return Some((transition.clone(), true));
        }
        // Trying makes sense only where other statuses may offer something else.
        let closed_otherwise = change.to == TicketState::Dropped
            && open.iter().any(|t| category_of(&t.to) == StatusCategory::Done);
        if closed_otherwise || open.iter().all(|t| t.is_global) {
            return None;
        }
        let fits = |known: Option<&[Transition]>| {
            known.is_none_or(|known| known.iter().any(|t| rank(t, change).is_some()))
        };
        self.way(walk, here, map, fits).map(|first| (first, false))
    }

    /// The first step of the shortest way to a status of whose transitions `goal` is true.
    fn way(
        &self,
        walk: &Walk<'_>,
        here: &str,
        map: &Map,
        goal: impl Fn(Option<&[Transition]>) -> bool,
    ) -> Option<Transition> {
        let mut met = BTreeSet::from([here.to_owned()]);
        let mut queue: VecDeque<(Option<Transition>, String)> = VecDeque::from([(None, here.to_owned())]);
        while let Some((first, at)) = queue.pop_front() {
            let known = self.known(walk, &at, map);
            if first.is_some() && goal(known.as_deref()) {
                return first;
            }
            let mut next = known.unwrap_or_default();
            next.retain(passable);
            next.sort_by_key(|t| away(category_of(&t.to), fitting(walk.change.to)));
            for transition in next {
                let to = transition.to.name.clone();
                if met.insert(to.clone()) {
                    queue.push_back((first.clone().or(Some(transition)), to));
                }
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

/// A change of state under way.
struct Walk<'a> {
    ticket: &'a Ticket,
    change: &'a StateChange,
    what: &'a str,
    /// Whether a transition was made already.
    moved: bool,
    /// Whether one was made whose id was remembered, not just read.
    remembered: bool,
}

/// How a ticket came into the state that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moved {
    /// It stood there already.
    Not,
    /// By transitions that were just offered.
    AsOffered,
    /// By transitions that were remembered, so that it may stand elsewhere.
    ByMemory,
}

/// The transitions out of each status, as this walk met them.
type Map = BTreeMap<String, Vec<Transition>>;

/// Where one transition brought the ticket.
enum Step {
    Arrived,
    /// In this status, on the way.
    At(String),
}

/// Whether a transition may be taken on the way: to a status that is not closed, and without being asked for fields.
fn passable(transition: &Transition) -> bool {
    let asks = transition.fields.values().any(|meta| meta.required && !meta.has_default_value);
    !asks && category_of(&transition.to) != StatusCategory::Done
}

/// How far a category is from the one that is sought; of equals, the first is tried first.
fn away(of: StatusCategory, sought: StatusCategory) -> u8 {
    match (of, sought) {
        (StatusCategory::Todo, StatusCategory::Todo)
        | (StatusCategory::InProgress, StatusCategory::InProgress | StatusCategory::Done) => 0,
        (StatusCategory::Todo | StatusCategory::InProgress | StatusCategory::Done, _) => 1,
    }
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
