//! The lines of a comment, each with whether it is the author's own words.

use std::ops::Range;

use pulldown_cmark::{Event, Options, Parser, Tag};

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The author's words, or blank.
    Own,
    /// Somebody's words: the line begins with `>`.
    Quoted,
    /// Code: fenced, indented by four, or an inline span that began on a line before.
    Code,
    /// HTML, perhaps a comment that nobody sees.
    Hidden,
}

/// One line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    /// As written, without its end.
    pub(super) text: &'a str,
    /// What it is.
    pub(super) kind: Kind,
}

/// The lines of `body`.
///
/// A line that follows a quoted one without `>` counts as the author's own, though Markdown would draw it into the
/// quote: people forget the blank line. A line indented by four counts as code even where Markdown would draw it into
/// the paragraph before.
pub(super) fn lines(body: &str) -> Vec<Line<'_>> {
    let mut code = Cover::default();
    let mut hidden = Cover::default();
    for (event, range) in Parser::new_ext(body, Options::empty()).into_offset_iter() {
        if matches!(event, Event::Start(Tag::CodeBlock(_)) | Event::Code(_)) {
            code.ranges.push(range);
        } else if matches!(event, Event::Start(Tag::HtmlBlock) | Event::Html(_) | Event::InlineHtml(_)) {
            hidden.ranges.push(range);
        }
    }
    let mut offset = 0;
    let mut lines = Vec::new();
    for whole in body.split_inclusive('\n') {
        let text = whole.trim_end_matches(['\n', '\r']);
        let words = text.trim_start();
        let indent = &text[..text.len() - words.len()];
        let start = offset + indent.len();
        let (in_code, in_hidden) = (code.covers(start), hidden.covers(start));
        let kind = if words.starts_with('>') {
            Kind::Quoted
        } else if in_code || !words.is_empty() && (indent.contains('\t') || indent.chars().count() >= 4) {
            Kind::Code
        } else if in_hidden {
            Kind::Hidden
        } else {
            Kind::Own
        };
        lines.push(Line { text, kind });
        offset += whole.len();
    }
    lines
}

/// Ranges in the order of their starts, asked about rising places.
#[derive(Default)]
struct Cover {
    ranges: Vec<Range<usize>>,
    next: usize,
    until: usize,
}

impl Cover {
    fn covers(&mut self, place: usize) -> bool {
        while let Some(range) = self.ranges.get(self.next).filter(|range| range.start <= place) {
            self.until = self.until.max(range.end);
            self.next += 1;
        }
        place < self.until
    }
}
