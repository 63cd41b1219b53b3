//! Which value of a conflict stands: said with a reason, and carried out in the register with the same decision.

use super::super::{Change, Conflict, ItemNumber, MilestoneNumber, Resolution, Subject};
use super::{Command, Draft, KEEPERS, Refusal, gather, import};

impl Draft<'_> {
    pub(super) fn resolve_conflict(&mut self, number: u32, keep: &str, reason: &str) -> Result<(), Refusal> {
        let what = format!("resolve conflict {number}");
        let Some(conflict) = self.register.conflicts.get(&number).cloned() else {
            return Err(Refusal::new(what, "there is no such conflict"));
        };
        let mut because = Vec::new();
        gather(&mut because, self.needs(&what, KEEPERS));
        if conflict.resolved.is_some() {
            because.push("it is resolved already".to_owned());
        }
        let reason = reason.trim();
        if reason.is_empty() {
            because.push("it needs a reason".to_owned());
        }
        let follows = match (keep, &conflict.subject) {
            ("register" | "tracker", Subject::Milestone(milestone)) => {
                self.kept_in_milestone(*milestone, &conflict, keep == "tracker", reason)
            }
            ("register", _) => Ok(None),
            ("tracker", Subject::Item(item)) => self.kept_in_item(item, &conflict, reason),
            ("tracker", Subject::Tracker(_) | Subject::Connection(_) | Subject::System) => {
                Err("there is no other side to keep".to_owned())
            }
            (other, _) => Err(format!("{other:?} is no side: register or tracker")),
        };
        let follows = follows.unwrap_or_else(|why| {
            because.push(why);
            None
        });
        Refusal::unless_none(what, because)?;
        if let Some(command) = follows {
            self.take(&command)?;
        }
        let resolution = Resolution {
            by: self.by.actor.shown(),
            at: self.by.now,
            keep: keep.to_owned(),
            reason: reason.to_owned(),
        };
        self.push(Change::ConflictResolved { number, resolution })
    }

    /// What carries out that a value stands which a milestone's ticket and the register disagreed on; none where the
    /// register says so already. The ticket follows with the next pass.
    fn kept_in_milestone(
        &self,
        number: MilestoneNumber,
        conflict: &Conflict,
        theirs: bool,
        reason: &str,
    ) -> Result<Option<Command>, String> {
        let value = if theirs { &conflict.theirs } else { &conflict.ours };
        match conflict.field.as_str() {
            // The register kept its own text.
            "title" if !theirs => Ok(None),
            "title" => {
                let prefix = format!("[{} {number}]", self.register.system.id);
                let text = value.trim().strip_prefix(&prefix).unwrap_or(value).trim().to_owned();
                let reason = Some(reason.to_owned());
                Ok(Some(Command::Retext { milestone: number, text, reason }))
            }
            "assignee" if value.is_empty() && !theirs => {
                Err("the register named nobody, which takes no assignee away: take it away in the ticket"
                    .to_owned())
            }
            "assignee" => {
                let is = |account: &Option<String>| {
                    account.as_ref().is_some_and(|account| account.eq_ignore_ascii_case(value))
                };
                let person = self.by.people.values().find(|person| is(&person.github) || is(&person.jira));
                match person {
                    Some(person) => {
                        Ok(Some(Command::SetOwner { milestone: number, owner: Some(person.name.clone()) }))
                    }
                    None if value.is_empty() => {
                        Ok(Some(Command::SetOwner { milestone: number, owner: None }))
                    }
                    None => Err(format!("{value} is the account of no person of the register")),
                }
            }
            other => Err(format!("a conflict about {other} is decided in the register itself")),
        }
    }

    /// What carries out that an imported file's value stands: a milestone's text is worded anew, with the reason; a
    /// fact must be taken by an edit or a correction before.
    fn kept_in_item(
        &self,
        item: &ItemNumber,
        conflict: &Conflict,
        reason: &str,
    ) -> Result<Option<Command>, String> {
        let of_milestone =
            conflict.field.strip_prefix("milestone ").and_then(|rest| rest.strip_suffix(" text"));
        if let Some(number) = of_milestone.and_then(|number| number.parse().ok()) {
            let Some(milestone) = self.imported_milestone(item, number) else {
                return Err(format!("{item} has no imported milestone {number} any more"));
            };
            let (milestone, text) = (milestone.number, conflict.theirs.clone());
            return Ok(Some(Command::Retext { milestone, text, reason: Some(reason.to_owned()) }));
        }
        let known = self.register.items.get(item);
        let stands = known.and_then(|item| import::shown_fact(item, &conflict.field));
        if stands.as_ref() == Some(&conflict.theirs) {
            return Ok(None);
        }
        Err(format!(
            "{item} does not say {:?} there: take it by an edit or a correction first",
            conflict.theirs
        ))
    }
}
