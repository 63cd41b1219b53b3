//! Makes many tickets at once: fifty to a request, each with an outcome of its own.

use std::collections::{BTreeMap, VecDeque};

use connector_api::{Error, ErrorKind, Made, NewTicket, Outcome, Result};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::create::Draft;
use crate::request::{Answer, Call, Refusal, kind_of};
use crate::{Jira, wire};

/// Jira's limit for issues in one request.
const PER_REQUEST: usize = 50;
const WHAT: &str = "create tickets";

/// One of the tickets that were asked for, by its place among them.
type Entry<'a> = (usize, Draft<'a>);

/// What became of one of a request.
enum Fate {
    Made(Made),
    /// Refused for something that it can be made without; nothing was made.
    Again,
    Failed(Error),
}

impl Jira {
    pub(crate) async fn create_tickets(&self, new: &[NewTicket]) -> Vec<Result<Made>> {
        let mut waiting: VecDeque<Entry<'_>> = new.iter().map(Draft::new).enumerate().collect();
        let mut answers: BTreeMap<usize, Result<Made>> = BTreeMap::new();
        let mut stopped: Option<Error> = None;
        while !waiting.is_empty() {
            if let Some(error) = &stopped {
                answers.extend(waiting.drain(..).map(|(at, _)| (at, Err(unsent(error)))));
                break;
            }
            let one_by_one = self.memory().no_bulk_create || waiting.len() == 1;
            let count = if one_by_one { 1 } else { waiting.len().min(PER_REQUEST) };
            let mut some: Vec<Entry<'_>> = waiting.drain(..count).collect();
            if one_by_one {
                stopped = self.make_alone(some, &mut answers).await;
                continue;
            }
            match self.send_many(&mut some).await {
                Ok(Some(fates)) => {
                    for ((at, draft), fate) in some.into_iter().zip(fates) {
                        match fate {
                            Fate::Made(made) => drop(answers.insert(at, Ok(made))),
                            Fate::Failed(error) => drop(answers.insert(at, Err(error))),
                            Fate::Again => waiting.push_back((at, draft)),
                        }
                    }
                }
                // Nothing was made: they go again, by another way.
                Ok(None) => some.into_iter().rev().for_each(|entry| waiting.push_front(entry)),
                // Refused as a whole, perhaps for one of them: each is to have its own answer.
                Err(Error { kind: ErrorKind::Invalid(_), outcome: Outcome::NotDone, .. }) => {
                    stopped = self.make_alone(some, &mut answers).await;
                }
                Err(error) => {
                    stopped = Some(error.clone()).filter(stops_all);
                    answers.extend(some.into_iter().map(|(at, _)| (at, Err(error.clone()))));
                }
            }
        }
        answers.into_values().collect()
    }

    /// Makes each by itself; gives what holds back all the others.
    async fn make_alone(
        &self,
        entries: Vec<Entry<'_>>,
        answers: &mut BTreeMap<usize, Result<Made>>,
    ) -> Option<Error> {
        let mut stopped: Option<Error> = None;
        for (at, mut draft) in entries {
            let made = match &stopped {
                Some(error) => Err(unsent(error)),
                None => self.create_ticket(&mut draft).await,
            };
            stopped = stopped.or_else(|| made.as_ref().err().filter(|error| stops_all(error)).cloned());
            answers.insert(at, made);
        }
        stopped
    }

    /// One request; none where the site does not take it as it is, and another way was noted.
    async fn send_many(&self, entries: &mut [Entry<'_>]) -> Result<Option<Vec<Fate>>> {
        self.learn_address().await?;
        let had_properties = !self.memory().no_properties;
        let bodies: Vec<Value> = entries.iter().map(|(_, draft)| self.draft_body(draft)).collect();
        let call = Call::write(WHAT, Method::POST, &self.api("/issue/bulk"), &[]);
        let answer = self.send(call.body(json!({"issueUpdates": bodies}))).await?;
        let said = answer.refusal().text().to_lowercase();
        if answer.status == StatusCode::NOT_IMPLEMENTED && had_properties && said.contains("propert") {
            self.memory().no_properties = true;
            return Ok(None);
        }
        if answer.lacks_call() || answer.status == StatusCode::PAYLOAD_TOO_LARGE {
            tracing::debug!(status = %answer.status, "this site makes issues one by one");
            self.memory().no_bulk_create = true;
            return Ok(None);
        }
        self.fates(&answer, entries, had_properties).map(Some)
    }

    /// What became of each entry. Errors name their place in the request; the issues that were made stand in the
    /// order of the others. An answer that does not add up tells nothing.
    fn fates(&self, answer: &Answer, entries: &mut [Entry<'_>], had_properties: bool) -> Result<Vec<Fate>> {
        let refused = answer.status == StatusCode::BAD_REQUEST;
        let read: wire::CreatedMany = match serde_json::from_slice(&answer.body) {
            Ok(read) if refused || answer.status.is_success() => read,
            Err(e) if answer.status.is_success() => {
                return Err(answer.call.broken(format!("its answer is not what the API gives: {e}")));
            }
            // Refused as a whole.
            _ => return Err(answer.error()),
        };
        let mut errors: BTreeMap<usize, wire::CreateError> =
            read.errors.into_iter().map(|error| (error.at, error)).collect();
        let in_range = errors.keys().all(|at| *at < entries.len());
        if !in_range || errors.len() + read.issues.len() != entries.len() {
            let (made, failed) = (read.issues.len(), errors.len());
            let why = format!("{made} issues and {failed} errors for {} entries", entries.len());
            return Err(answer.call.broken(why));
        }
        let mut made = read.issues.iter();
        let mut fates = Vec::with_capacity(entries.len());
        for (at, (_, draft)) in entries.iter_mut().enumerate() {
            fates.push(match errors.remove(&at) {
                Some(error) => self.failed(&error, draft, had_properties),
                None => match made.next() {
                    Some(created) => Fate::Made(self.made(created, draft)),
                    None => return Err(answer.call.broken("an issue is missing")),
                },
            });
        }
        Ok(fates)
    }

    fn failed(&self, error: &wire::CreateError, draft: &mut Draft<'_>, had_properties: bool) -> Fate {
        let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
        let refusal: Refusal = serde_json::from_value(error.said.clone()).unwrap_or_default();
        if self.drop_refused(status, &refusal, draft, had_properties) {
            return Fate::Again;
        }
        let said = refusal.text();
        let said = if said.is_empty() { format!("HTTP {}", status.as_u16()) } else { said };
        Fate::Failed(match kind_of(status, &said) {
            Some(kind) => Error::new(draft.what(), kind),
            // A server error, of which nobody knows how far it came.
            None => Error::new(draft.what(), ErrorKind::Unavailable(said)).outcome_unknown(),
        })
    }
}

/// What holds back one request holds back the next, which is never sent.
fn unsent(error: &Error) -> Error {
    Error { outcome: Outcome::NotDone, ..error.clone() }
}

/// Whether the next request would fail the same way.
fn stops_all(error: &Error) -> bool {
    match error.kind {
        ErrorKind::RateLimited { .. } | ErrorKind::Unavailable(_) | ErrorKind::Auth(_) => true,
        ErrorKind::Forbidden(_)
        | ErrorKind::NotFound
        | ErrorKind::Conflict
        | ErrorKind::Invalid(_)
        | ErrorKind::Unsupported(_)
        | ErrorKind::TooLarge { .. } => false,
    }
}
