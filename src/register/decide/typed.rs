//! What people type, by command or in a plan file, has bounds: of length, of characters, of dates. What an import or a
//! ticket says is kept as it is.

use chrono::NaiveDate;

use super::super::policy::is_plausible;
use super::{Command, Refusal};

/// Most characters of a title.
const TITLE: usize = 500;
/// Most characters of a milestone's text.
const MILESTONE: usize = 2_000;
/// Most characters of any other text: as many as a cell of a workbook holds.
const TEXT: usize = 32_000;

/// What is typed in one command: each text with its field and the most characters it may have, and each date.
#[derive(Default)]
struct Typed<'a> {
    texts: Vec<(&'static str, &'a str, usize)>,
    dates: Vec<(&'static str, NaiveDate)>,
}

impl<'a> Typed<'a> {
    fn texts(mut self, all: impl IntoIterator<Item = (&'static str, &'a str)>) -> Self {
        self.texts.extend(all.into_iter().map(|(field, text)| (field, text, TEXT)));
        self
    }

    fn some(self, all: impl IntoIterator<Item = (&'static str, &'a Option<String>)>) -> Self {
        self.texts(all.into_iter().filter_map(|(field, text)| Some((field, text.as_deref()?))))
    }

    fn each(self, all: impl IntoIterator<Item = (&'static str, &'a [String])>) -> Self {
        let named = |(field, texts): (&'static str, &'a [String])| {
            texts.iter().map(move |text| (field, text.as_str()))
        };
        self.texts(all.into_iter().flat_map(named))
    }

    fn within(mut self, field: &'static str, text: &'a str, most: usize) -> Self {
        self.texts.push((field, text, most));
        self
    }

    fn dates(mut self, all: impl IntoIterator<Item = (&'static str, Option<NaiveDate>)>) -> Self {
        self.dates.extend(all.into_iter().filter_map(|(field, date)| Some((field, date?))));
        self
    }

    fn wrong(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for (field, text, most) in &self.texts {
            let long = text.chars().count();
            if long > *most {
                wrong.push(format!("{field} has {long} characters, and at most {most} are taken"));
            }
            let lines = text.replace("\r\n", "\n");
            if let Some(c) = lines.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
                wrong.push(format!("{field} has the control character U+{:04X}", u32::from(c)));
            }
        }
        for (field, date) in &self.dates {
            if !is_plausible(*date) {
                wrong.push(format!("{field} {date} is before 1990 or after 2200"));
            }
        }
        wrong
    }
}

/// Refuses a command for each text that is too long or has control characters, and each date that nobody can mean.
pub(super) fn check(command: &Command) -> Result<(), Refusal> {
    let wrong = typed(command).wrong();
    Refusal::unless_none("take what was typed", wrong)
}

fn typed(command: &Command) -> Typed<'_> {
    let typed = Typed::default();
    match command {
        Command::AddItem { facts, .. } => typed
            .within("title", &facts.title, TITLE)
            .texts([
                ("description", facts.description.as_str()),
                ("detector", &facts.detector),
                ("deviation rationale", &facts.deviation_rationale),
                ("risk statement", &facts.risk_statement),
                ("plan", &facts.plan),
                ("resources", &facts.resources),
                ("contact", &facts.contact),
                ("documents", &facts.documents),
                ("comments", &facts.comments),
            ])
            .some([("source id", &facts.source_id), ("vendor product", &facts.vendor_product)])
            .each([
                ("component", facts.components.as_slice()),
                ("CVE", &facts.cves),
                ("supporting team", &facts.supporting),
            ])
            .dates([
                ("detection date", facts.detected),
                ("scheduled completion", facts.scheduled),
                ("KEV date", facts.kev_due),
                ("vendor check-in", facts.vendor_checkin),
            ]),
        Command::EditItem { edit, .. } => typed
            .within("title", edit.title.as_deref().unwrap_or_default(), TITLE)
            .some([
                ("description", &edit.description),
                ("detector", &edit.detector),
                ("source id", &edit.source_id),
                ("risk statement", &edit.risk_statement),
                ("plan", &edit.plan),
                ("resources", &edit.resources),
                ("documents", &edit.documents),
                ("comments", &edit.comments),
            ])
            .each([
                ("component", edit.components.as_deref().unwrap_or_default()),
                ("CVE", edit.cves.as_deref().unwrap_or_default()),
                ("supporting team", edit.supporting.as_deref().unwrap_or_default()),
            ])
            .dates([("detection date", edit.detected), ("scheduled completion", edit.scheduled)]),
        Command::CorrectItem { field, to, reason, .. } => typed
            .within("value", to, if field == "title" { TITLE } else { TEXT })
            .texts([("reason", reason.as_str())]),
        Command::CorrectMilestone { to, reason, .. } => {
            typed.within("value", to, MILESTONE).texts([("reason", reason.as_str())])
        }
        Command::AddMilestone(new) => typed
            .within("text", &new.text, MILESTONE)
            .some([("reason for the wording", &new.allow_wording)])
            .dates([("due date", new.due)]),
        Command::Retext { text, reason, .. } => {
            typed.within("text", text, MILESTONE).some([("reason", reason)])
        }
        Command::SetDue { due, .. } => typed.dates([("due date", *due)]),
        // An edit found in a ticket is kept, whatever it says.
        Command::Propose(proposed) if proposed.settles => typed,
        Command::Propose(proposed) | Command::Move(proposed) => {
            typed.some([("reason", &proposed.rationale)]).dates([("due date", proposed.to)])
        }
        Command::Explain { text, .. } => typed.texts([("reason", text.as_str())]),
        Command::CloseItem { reason, .. } | Command::SetState { reason, .. } => {
            typed.some([("reason", reason)])
        }
        Command::Reject { reason, .. } | Command::ResolveConflict { reason, .. } => {
            typed.texts([("reason", reason.as_str())])
        }
        Command::Import(_)
        | Command::SetServes { .. }
        | Command::SetExpects { .. }
        | Command::SetOwner { .. }
        | Command::Transition(_)
        | Command::AddEvidence(_)
        | Command::GiveEvidence(_)
        | Command::SetBack { .. }
        | Command::Ticket { .. }
        | Command::TicketTitle { .. }
        | Command::SettleMove { .. }
        | Command::Unblock { .. }
        | Command::Approve { .. }
        | Command::Say { .. } => typed,
    }
}
