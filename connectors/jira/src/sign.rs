//! The small line by which our block, and a comment of ours, is known again.

use connector_api::Marker;

/// What the line in a block says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sign {
    /// The marker of the ticket.
    Of(Marker),
    /// Ours, of a ticket that we did not make.
    Plain,
}

const PLAIN: &str = "poam:block";
const COMMENT: &str = "poam-comment:";

impl Sign {
    pub(crate) fn marker(self) -> Option<Marker> {
        match self {
            Self::Of(marker) => Some(marker),
            Self::Plain => None,
        }
    }
}

/// The line of a block.
pub(crate) fn write(marker: Option<&Marker>) -> String {
    marker.map_or_else(|| PLAIN.to_owned(), Marker::line)
}

/// Reads the line of a block; none if this is another line.
pub(crate) fn read(line: &str) -> Option<Sign> {
    let line = line.trim();
    if line == PLAIN { Some(Sign::Plain) } else { Marker::parse(line).map(Sign::Of) }
}

/// The line of a comment.
pub(crate) fn write_comment(marker: &str) -> String {
    format!("{COMMENT}{marker}")
}

/// Reads the line of a comment.
pub(crate) fn read_comment(line: &str) -> Option<String> {
    let marker = line.trim().strip_prefix(COMMENT)?;
    (!marker.is_empty() && !marker.contains(char::is_whitespace)).then(|| marker.to_owned())
}
