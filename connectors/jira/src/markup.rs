//! Text as this crate thinks of it, between Markdown, which the bridge speaks, and the two forms that Jira has:
//! ADF on Cloud, wiki text on Data Center.
//!
//! A mention reads `[~ID]` in Markdown, as in Jira's own notation, ID being the account's id. A bare URL is a link.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "the parser's events; those of no use here are passed over"
)]

use std::borrow::Cow;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// A block of text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    Paragraph(Vec<Inline>),
    /// Level 1 to 6.
    Heading(u8, Vec<Inline>),
    List {
        ordered: bool,
        items: Vec<Vec<Node>>,
    },
    Quote(Vec<Node>),
    Code {
        language: Option<String>,
        text: String,
    },
    Rule,
}

/// A piece of a line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Inline {
    Text(String, Style),
    /// A new line within a paragraph.
    Break,
    /// An account, by its id.
    Mention(String),
}

/// How a piece of text looks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Style {
    pub(crate) strong: bool,
    pub(crate) em: bool,
    pub(crate) code: bool,
    pub(crate) link: Option<String>,
}

impl Style {
    pub(crate) fn linked(url: &str) -> Self {
        Self { link: Some(url.to_owned()), ..Self::default() }
    }
}

/// Whether a link may be written: what a browser would run is not.
pub(crate) fn safe_url(url: &str) -> bool {
    let lower = url.to_ascii_lowercase();
    ["https://", "http://", "mailto:"].iter().any(|scheme| lower.starts_with(scheme))
}

/// Reads Markdown. HTML in it is taken as the text it looks like.
pub(crate) fn from_markdown(text: &str) -> Vec<Node> {
    let text = without_definitions(text);
    let mut reader = Reader { events: Parser::new_ext(&text, Options::empty()), style: Style::default() };
    tidy(reader.blocks())
}

/// The text with each `[word]: rest` escaped: as definitions of links they would vanish.
fn without_definitions(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    loop {
        let parser = Parser::new_ext(&text, Options::empty());
        let mut starts: Vec<usize> =
            parser.reference_definitions().iter().map(|(_, definition)| definition.span.start).collect();
        if starts.is_empty() {
            return text;
        }
        starts.sort_unstable();
        let mut escaped = text.into_owned();
        for start in starts.into_iter().rev() {
            let at = escaped[start..].find('[').map_or(start, |ahead| start + ahead);
            escaped.insert(at, '\\');
        }
        text = Cow::Owned(escaped);
    }
}

struct Reader<'a> {
    events: Parser<'a>,
    style: Style,
}

impl Reader<'_> {
    /// Reads blocks to the end of the block that encloses them.
    fn blocks(&mut self) -> Vec<Node> {
        let mut nodes = Vec::new();
        let mut loose = Vec::new();
        while let Some(event) = self.events.next() {
            // The text of a tight list item comes without a paragraph around it.
            if self.inline(&event, &mut loose) {
                continue;
            }
            if !loose.is_empty() {
                nodes.push(Node::Paragraph(std::mem::take(&mut loose)));
            }
            match event {
                Event::Start(Tag::Paragraph) => nodes.push(Node::Paragraph(self.line())),
                Event::Start(Tag::Heading { level, .. }) => {
                    nodes.push(Node::Heading(level as u8, self.line()));
                }
                Event::Start(Tag::List(first)) => {
                    nodes.push(Node::List { ordered: first.is_some(), items: self.items() });
                }
                Event::Start(Tag::BlockQuote(_)) => nodes.push(Node::Quote(self.blocks())),
                Event::Start(Tag::CodeBlock(kind)) => nodes.push(self.code(&kind)),
                Event::Start(Tag::HtmlBlock) => {
                    let text = self.verbatim();
                    nodes.push(Node::Paragraph(vec![Inline::Text(text, Style::default())]));
                }
                Event::Rule => nodes.push(Node::Rule),
                Event::End(_) => break,
                _ => {}
            }
        }
        if !loose.is_empty() {
            nodes.push(Node::Paragraph(loose));
        }
        nodes
    }

    fn items(&mut self) -> Vec<Vec<Node>> {
        let mut items = Vec::new();
        while let Some(event) = self.events.next() {
            match event {
                Event::Start(Tag::Item) => items.push(self.blocks()),
                Event::End(_) => break,
                _ => {}
            }
        }
        items
    }

    fn code(&mut self, kind: &pulldown_cmark::CodeBlockKind<'_>) -> Node {
        let language = match kind {
            pulldown_cmark::CodeBlockKind::Fenced(name) if !name.is_empty() => Some(name.to_string()),
            _ => None,
        };
        let text = self.verbatim();
        Node::Code { language, text: text.strip_suffix('\n').unwrap_or(&text).to_owned() }
    }

    fn verbatim(&mut self) -> String {
        let mut text = String::new();
        for event in self.events.by_ref() {
            match event {
                Event::Text(part) | Event::Html(part) => text.push_str(&part),
                Event::End(_) => break,
                _ => {}
            }
        }
        text
    }

    /// Reads pieces to the end of the paragraph or heading.
    fn line(&mut self) -> Vec<Inline> {
        let mut pieces = Vec::new();
        while let Some(event) = self.events.next() {
            if matches!(event, Event::End(TagEnd::Paragraph | TagEnd::Heading(_))) {
                break;
            }
            self.inline(&event, &mut pieces);
        }
        pieces
    }

    /// Takes an event that belongs into a line; false if it does not.
    fn inline(&mut self, event: &Event<'_>, pieces: &mut Vec<Inline>) -> bool {
        match event {
            Event::Text(text) | Event::InlineHtml(text) => {
                pieces.push(Inline::Text(text.to_string(), self.style.clone()));
            }
            Event::Code(text) => {
                pieces.push(Inline::Text(text.to_string(), Style { code: true, ..self.style.clone() }));
            }
            Event::SoftBreak | Event::HardBreak => pieces.push(Inline::Break),
            Event::Start(Tag::Strong) => self.style.strong = true,
            Event::End(TagEnd::Strong) => self.style.strong = false,
            Event::Start(Tag::Emphasis) => self.style.em = true,
            Event::End(TagEnd::Emphasis) => self.style.em = false,
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                self.style.link = safe_url(dest_url).then(|| dest_url.to_string());
            }
            Event::End(TagEnd::Link | TagEnd::Image) => self.style.link = None,
            _ => return false,
        }
        true
    }
}

/// Brings text into the one form that survives being written and read again.
pub(crate) fn tidy(nodes: Vec<Node>) -> Vec<Node> {
    let mut tidied: Vec<Node> = Vec::new();
    for node in nodes {
        let node = match node {
            Node::Paragraph(pieces) => Node::Paragraph(tidy_line(pieces)),
            Node::Heading(level, pieces) => Node::Heading(level.clamp(1, 6), one_line(tidy_line(pieces))),
            Node::List { ordered, items } => Node::List {
                ordered,
                items: items.into_iter().map(tidy).filter(|item| !item.is_empty()).collect(),
            },
            Node::Quote(inner) => Node::Quote(tidy(inner)),
            Node::Code { language, text } => Node::Code { language, text },
            Node::Rule => Node::Rule,
        };
        match (&node, tidied.last_mut()) {
            (Node::Paragraph(pieces) | Node::Heading(_, pieces), _) if pieces.is_empty() => {}
            (Node::List { items, .. }, _) if items.is_empty() => {}
            (Node::Quote(inner), _) if inner.is_empty() => {}
            // Two lists or quotes in a row would be read back as one.
            (Node::List { ordered, items }, Some(Node::List { ordered: before, items: earlier }))
                if ordered == before =>
            {
                earlier.extend(items.iter().cloned());
            }
            (Node::Quote(inner), Some(Node::Quote(earlier))) => {
                earlier.extend(inner.iter().cloned());
                *earlier = tidy(std::mem::take(earlier));
            }
            _ => tidied.push(node),
        }
    }
    tidied
}

fn one_line(pieces: Vec<Inline>) -> Vec<Inline> {
    let spaced = |piece| match piece {
        Inline::Break => Inline::Text(" ".to_owned(), Style::default()),
        Inline::Text(..) | Inline::Mention(_) => piece,
    };
    tidy_line(pieces.into_iter().map(spaced).collect())
}

fn tidy_line(pieces: Vec<Inline>) -> Vec<Inline> {
    let mut found = Vec::new();
    for piece in merge(split_lines(pieces)) {
        match piece {
            Inline::Text(text, style) if !style.code && style.link.is_none() => {
                find_marks(&text, &style, &mut found);
            }
            piece @ (Inline::Text(..) | Inline::Break | Inline::Mention(_)) => found.push(piece),
        }
    }
    let mut bare = Vec::new();
    for piece in found {
        match piece {
            // White space at the edge of bold text cannot be written in Markdown.
            Inline::Text(text, style) if !style.code && (style.strong || style.em) => {
                let inner = text.trim();
                let plain = Style { strong: false, em: false, ..style.clone() };
                let start = text.len() - text.trim_start().len();
                let end = text.trim_end().len().max(start);
                bare.push(Inline::Text(text[..start].to_owned(), plain.clone()));
                bare.push(Inline::Text(inner.to_owned(), style));
                bare.push(Inline::Text(text[end..].to_owned(), plain));
            }
            piece @ (Inline::Text(..) | Inline::Break | Inline::Mention(_)) => bare.push(piece),
        }
    }
    trim(merge(bare))
}

fn split_lines(pieces: Vec<Inline>) -> Vec<Inline> {
    let mut out = Vec::new();
    for piece in pieces {
        match piece {
            Inline::Text(text, style) => {
                for (n, line) in text.split('\n').enumerate() {
                    if n > 0 {
                        out.push(Inline::Break);
                    }
                    let line: String = line
                        .chars()
                        .map(|c| if c == '\t' { ' ' } else { c })
                        .filter(|c| !c.is_control())
                        .collect();
                    let line = if style.code { line.trim().to_owned() } else { line };
                    out.push(Inline::Text(line, style.clone()));
                }
            }
            piece @ (Inline::Break | Inline::Mention(_)) => out.push(piece),
        }
    }
    out
}

fn merge(pieces: Vec<Inline>) -> Vec<Inline> {
    let mut out: Vec<Inline> = Vec::new();
    for piece in pieces {
        match (piece, out.last_mut()) {
            (Inline::Text(text, _), _) if text.is_empty() => {}
            (Inline::Text(text, style), Some(Inline::Text(before, same))) if style == *same => {
                before.push_str(&text);
            }
            (piece, _) => out.push(piece),
        }
    }
    out
}

/// Takes away white space and breaks at the edges of lines, which no form keeps.
fn trim(pieces: Vec<Inline>) -> Vec<Inline> {
    let mut out: Vec<Inline> = Vec::new();
    let at_start = |out: &Vec<Inline>| matches!(out.last(), None | Some(Inline::Break));
    for piece in pieces {
        match piece {
            Inline::Text(text, style) => {
                let text = if at_start(&out) { text.trim_start().to_owned() } else { text };
                if !text.is_empty() {
                    out.push(Inline::Text(text, style));
                }
            }
            Inline::Break => {
                trim_end(&mut out);
                if !at_start(&out) {
                    out.push(Inline::Break);
                }
            }
            Inline::Mention(id) => out.push(Inline::Mention(id)),
        }
    }
    trim_end(&mut out);
    while matches!(out.last(), Some(Inline::Break)) {
        out.pop();
        trim_end(&mut out);
    }
    out
}

fn trim_end(pieces: &mut Vec<Inline>) {
    while let Some(Inline::Text(text, _)) = pieces.last_mut() {
        let kept = text.trim_end().len();
        text.truncate(kept);
        if !text.is_empty() {
            break;
        }
        pieces.pop();
    }
}

/// Finds bare URLs and mentions in plain text.
fn find_marks(text: &str, style: &Style, out: &mut Vec<Inline>) {
    let mut rest = text;
    let mut plain = String::new();
    while let Some(next) = rest.chars().next() {
        let at_word = !plain.ends_with(|c: char| c.is_alphanumeric());
        if let Some((id, after)) = mention(rest) {
            out.push(Inline::Text(std::mem::take(&mut plain), style.clone()));
            out.push(Inline::Mention(id));
            rest = after;
        } else if let Some(url) = bare_url(rest).filter(|_| at_word) {
            out.push(Inline::Text(std::mem::take(&mut plain), style.clone()));
            out.push(Inline::Text(url.to_owned(), Style { link: Some(url.to_owned()), ..style.clone() }));
            rest = &rest[url.len()..];
        } else {
            plain.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    out.push(Inline::Text(plain, style.clone()));
}

fn mention(text: &str) -> Option<(String, &str)> {
    let (inner, after) = text.strip_prefix("[~")?.split_once(']')?;
    let id = inner.strip_prefix("accountid:").unwrap_or(inner);
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '_' | '.' | '@');
    (!id.is_empty() && id.chars().all(plain)).then(|| (id.to_owned(), after))
}

/// The URL that `text` begins with, without the punctuation that ends a sentence.
fn bare_url(text: &str) -> Option<&str> {
    if !(text.starts_with("https://") || text.starts_with("http://")) {
        return None;
    }
    let stop =
        |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '|' | '[' | ']' | '{' | '}' | '\\');
    let end = text.find(stop).unwrap_or(text.len());
    let url = text[..end].trim_end_matches(['.', ',', ';', ':', '!', '?', ')', '\'', '*', '_', '`', '~']);
    (url.len() > "https://".len()).then_some(url)
}
