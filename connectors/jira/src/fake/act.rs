//! People's hands on the fake, as in Jira's own pages.

use chrono::NaiveDate;
use connector_api::fake::Act;
use connector_api::{Account, TicketState};
use serde_json::Value;

use super::site::{Attachment, Issue, Site};
use super::workflow::open;
use crate::{adf, wiki};

type Outcome = Result<(), String>;

impl Site {
    pub(super) fn act(&mut self, by: &Account, ticket: &str, act: Act) -> Outcome {
        self.meet(by);
        let id = ticket.parse().map_err(|_| format!("{ticket} is no issue id"))?;
        let issue = self.issues.get(&id).ok_or_else(|| format!("there is no issue {ticket}"))?;
        let cloud = self.cloud();
        match act {
            Act::Retitle(title) => self.change(id, by, |issue| issue.summary = title),
            Act::SetDue(due) => self.set_due(id, by, due)?,
            Act::SetState(state) => self.set_state(id, by, state)?,
            Act::Assign(to) => {
                if let Some(account) = &to {
                    self.meet(account);
                }
                self.change(id, by, |issue| issue.assignee = to);
            }
            Act::AddLabel(label) => {
                if label.contains(char::is_whitespace) {
                    return Err(format!("the label '{label}' contains spaces"));
                }
                self.change(id, by, |issue| {
                    issue.labels.insert(label);
                });
            }
            Act::RemoveLabel(label) => self.change(id, by, |issue| {
                issue.labels.remove(&label);
            }),
            Act::ReplaceText(text) => {
                let description = rich(cloud, &text);
                self.change(id, by, |issue| issue.description = description);
            }
            Act::EditOutside(text) => {
                let description = beside_block(cloud, issue, &text);
                self.change(id, by, |issue| issue.description = description);
            }
            Act::Comment(text) => {
                self.add_comment(id, by, rich(cloud, &text));
            }
            Act::EditComment(comment, text) => {
                let number = comment.parse().map_err(|_| format!("{comment} is no comment id"))?;
                self.edit_comment(id, number, by, rich(cloud, &text)).ok_or("there is no such comment")?;
            }
            Act::DeleteComment(comment) => {
                let number = comment.parse().map_err(|_| format!("{comment} is no comment id"))?;
                self.delete_comment(id, number).ok_or("there is no such comment")?;
            }
            Act::Attach { name, bytes } => {
                let (attachment, author, created) = (self.next_id(), by.clone(), self.time());
                let attachment = Attachment { id: attachment, name, bytes, author, created };
                self.change(id, by, |issue| issue.attachments.push(attachment));
            }
            Act::CloseByPullRequest(..) => return Err("Jira has no pull requests".to_owned()),
            Act::Move(project) => {
                let target = self
                    .projects
                    .get_mut(&project)
                    .ok_or_else(|| format!("there is no project {project}"))?;
                target.issued += 1;
                let key = format!("{project}-{}", target.issued);
                self.change(id, by, |issue| {
                    let former = std::mem::replace(&mut issue.key, key);
                    issue.former_keys.push(former);
                    issue.project = project;
                });
            }
            Act::Delete => self.delete(id, by),
        }
        Ok(())
    }

    fn set_due(&mut self, id: u64, by: &Account, due: Option<NaiveDate>) -> Outcome {
        let Some(issue) = self.issues.get(&id) else { return Ok(()) };
        let field = self.projects.get(&issue.project).and_then(|project| project.due_field.clone());
        match field.as_deref() {
            Some("duedate") => self.change(id, by, |issue| issue.due = due),
            Some(field) => {
                let field = field.to_owned();
                let value = due.map_or(Value::Null, |day| Value::String(day.to_string()));
                self.change(id, by, |issue| {
                    issue.custom.insert(field, value);
                });
            }
            None => {
                let block = self.block(issue).ok_or("the ticket has no block with a due line")?;
                let edited = due_line(&block, due).ok_or("the block has no due line")?;
                let raw = &issue.description;
                let description =
                    if self.cloud() { adf::splice(raw, &edited) } else { wiki::splice(raw, &edited) };
                self.change(id, by, |issue| issue.description = description);
            }
        }
        Ok(())
    }

    fn set_state(&mut self, id: u64, by: &Account, state: TicketState) -> Outcome {
        let (status, resolution) = match state {
            TicketState::Open => ("To Do", None),
            TicketState::InProgress => ("In Progress", None),
            TicketState::Blocked => ("Blocked", None),
            TicketState::Done => ("Done", Some("Done".to_owned())),
            TicketState::Dropped => ("Done", Some("Won't Do".to_owned())),
        };
        let Some(issue) = self.issues.get(&id) else { return Ok(()) };
        if issue.status == status && issue.resolution == resolution {
            return Ok(());
        }
        let ways = self.projects.get(&issue.project).map(|project| open(project, issue)).unwrap_or_default();
        let way = ways.into_iter().find(|way| way.to == status);
        let way =
            way.ok_or_else(|| format!("the workflow does not lead from {} to {status}", issue.status))?;
        self.transit(id, by, way, resolution, |_| {});
        Ok(())
    }

    pub(super) fn read(&self, raw: &Value) -> (connector_api::Description, Option<connector_api::Marker>) {
        if self.cloud() { adf::read_description(raw) } else { wiki::read_description(raw) }
    }

    pub(super) fn block(&self, issue: &Issue) -> Option<String> {
        self.read(&issue.description).0.block
    }
}

/// What a person types into a text field.
pub(super) fn rich(cloud: bool, text: &str) -> Value {
    if text.trim().is_empty() {
        Value::Null
    } else if cloud {
        adf::document(text)
    } else {
        Value::String(text.to_owned())
    }
}

/// `text` before our block, which stays as it is, in place of whatever else stood around it.
fn beside_block(cloud: bool, issue: &Issue, text: &str) -> Value {
    let (raw, text) = (&issue.description, rich(cloud, text));
    if cloud {
        let panel = adf::panel_of(raw);
        match (text, panel) {
            (Value::Null, Some(panel)) => {
                serde_json::json!({"type": "doc", "version": 1, "content": [panel]})
            }
            (mut document, Some(panel)) => {
                if let Some(content) = document["content"].as_array_mut() {
                    content.push(panel);
                }
                document
            }
            (document, None) => document,
        }
    } else {
        let panel = wiki::panel_of(raw.as_str().unwrap_or_default());
        let parts = [text.as_str(), panel];
        let parts: Vec<&str> = parts.into_iter().flatten().collect();
        Value::String(parts.join("\n\n"))
    }
}

/// The block with another date in its due line: the first line that begins with `Due`, whatever its marks.
fn due_line(block: &str, due: Option<NaiveDate>) -> Option<String> {
    let mut found = false;
    let mut lines = Vec::new();
    for line in block.lines() {
        let words = line.trim_start_matches(['-', '*', ' ']).to_lowercase();
        if found || !words.starts_with("due") {
            lines.push(line.to_owned());
            continue;
        }
        found = true;
        let written = |at: &usize| {
            let text = line.get(*at..*at + 10);
            let text = text.filter(|text| text.bytes().all(|b| b == b'-' || b.is_ascii_digit()));
            text.is_some_and(|text| text.parse::<NaiveDate>().is_ok())
        };
        let at = (0..line.len()).find(written);
        let day = due.map_or_else(|| "none".to_owned(), |day| day.to_string());
        lines.push(match at {
            Some(at) => format!("{}{day}{}", &line[..at], &line[at + 10..]),
            None => format!("{} {day}", line.trim_end().trim_end_matches("none").trim_end()),
        });
    }
    found.then(|| lines.join("\n"))
}
