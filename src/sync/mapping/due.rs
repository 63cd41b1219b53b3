//! The due date as a ticket shows it. Pure.

use chrono::NaiveDate;
use connector_api::Ticket;
use connector_api::due::{DueLine, due_line};

use super::super::text::one_line;

/// Most characters that are quoted of a due line.
const LINE_MAX: usize = 120;

/// The due date as the ticket shows it, and why it cannot be read if it cannot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketDue {
    /// The date; none where it is cleared or absent.
    pub date: Option<NaiveDate>,
    /// Whether the ticket shows anything that can be taken: an absent or unreadable line is put right instead.
    pub readable: bool,
    /// What is wrong with the line.
    pub problem: Option<String>,
}

/// Where the due date lives: a field of the ticket, else the block's line.
pub fn ticket_due(field: bool, ticket: &Ticket) -> TicketDue {
    let fine = |date| TicketDue { date, readable: true, problem: None };
    let bad = |problem: Option<String>| TicketDue { date: None, readable: false, problem };
    if field {
        return fine(ticket.due);
    }
    match due_line(ticket.description.block.as_deref()) {
        DueLine::Date(date) => fine(Some(date)),
        DueLine::Cleared => fine(None),
        DueLine::Absent => bad(None),
        DueLine::Unreadable(text) => {
            let text = one_line(&text, LINE_MAX);
            bad(Some(format!("the due line says {text:?}, which is no date such as 2026-11-30")))
        }
        DueLine::Several(lines) => {
            let lines = one_line(&lines.join(", "), LINE_MAX);
            bad(Some(format!("there are several due lines: {lines}")))
        }
    }
}
