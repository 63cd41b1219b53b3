//! Wiki text: the rich text of Jira Data Center.
//!
//! Our block stands between `{panel:title=poam}` and `{panel}`; all other text stays as it came.

use connector_api::{Description, Marker};
use serde_json::Value;

use crate::markdown::to_markdown;
use crate::markup::{Inline, Node, Style, from_markdown, safe_url, tidy};
use crate::sign;

const OPEN: &str = "{panel:title=poam}";
const CLOSE: &str = "{panel}";

/// Markdown as wiki text.
pub(crate) fn document(markdown: &str) -> String {
    to_wiki(&from_markdown(markdown))
}

/// Markdown as wiki text that ends in a small line.
pub(crate) fn document_signed(markdown: &str, line: &str) -> String {
    format!("{}\n\n~{line}~", document(markdown))
}

/// A text that holds our block alone.
pub(crate) fn fresh(block: &str) -> Value {
    Value::String(panel(block, None))
}

/// Reads a description: our block, what stands outside it, and the marker in it.
pub(crate) fn read_description(raw: &Value) -> (Description, Option<Marker>) {
    let text = raw.as_str().unwrap_or_default();
    let Some((before, inner, after)) = cut(text) else {
        return (Description { raw: raw.clone(), block: None, outside: text.trim().to_owned() }, None);
    };
    let mut marker = None;
    let mut lines = Vec::new();
    for line in inner.lines() {
        match sign::read(unsmall(line)) {
            Some(sign) => marker = sign.marker().or(marker),
            None => lines.push(line),
        }
    }
    let outside = [before.trim(), after.trim()].join("\n\n").trim().to_owned();
    let block = to_markdown(&from_wiki(&lines.join("\n")));
    (Description { raw: raw.clone(), block: Some(block), outside }, marker)
}

/// Puts `block` where our panel is, or behind all the rest where there is none.
/// A marker in the old one's line stays.
pub(crate) fn splice(raw: &Value, block: &str) -> Value {
    let text = raw.as_str().unwrap_or_default();
    let panel = panel(block, read_description(raw).1.as_ref());
    Value::String(match cut(text) {
        Some((before, _, after)) => format!("{before}{panel}{after}"),
        None if text.trim().is_empty() => panel,
        None => format!("{}\n\n{panel}", text.trim_end()),
    })
}

/// The line without the marks that make it small.
pub(crate) fn unsmall(line: &str) -> &str {
    let line = line.trim();
    line.strip_prefix('~').and_then(|inner| inner.strip_suffix('~')).unwrap_or(line)
}

/// Our panel as it stands in a text.
#[cfg(feature = "fakes")]
pub(crate) fn panel_of(text: &str) -> Option<&str> {
    let (before, inner, _) = cut(text)?;
    text.get(before.len()..before.len() + OPEN.len() + inner.len() + CLOSE.len())
}

fn panel(block: &str, marker: Option<&Marker>) -> String {
    format!("{OPEN}\n{}\n\n~{}~\n{CLOSE}", document(block), sign::write(marker))
}

fn cut(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once(OPEN)?;
    let (inner, after) = rest.split_once(CLOSE)?;
    Some((before, inner, after))
}

// ---- writing

pub(crate) fn to_wiki(nodes: &[Node]) -> String {
    let parts: Vec<String> = nodes.iter().map(|node| block(node, "")).collect();
    parts.join("\n\n")
}

fn block(node: &Node, bullets: &str) -> String {
    match node {
        Node::Paragraph(pieces) => line(pieces),
        Node::Heading(level, pieces) => format!("h{level}. {}", line(pieces)),
        Node::List { ordered, items } => {
            let bullets = format!("{bullets}{}", if *ordered { '#' } else { '*' });
            items.iter().map(|item| item_text(item, &bullets)).collect::<Vec<_>>().join("\n")
        }
        Node::Quote(inner) => format!("{{quote}}\n{}\n{{quote}}", to_wiki(inner)),
        Node::Code { language, text } => {
            let name = language.as_ref().map(|name| format!(":{name}")).unwrap_or_default();
            format!("{{code{name}}}\n{text}\n{{code}}")
        }
        Node::Rule => "----".to_owned(),
    }
}

/// An item is one line, then the lists within it; other blocks in it go on in its line.
fn item_text(item: &[Node], bullets: &str) -> String {
    let mut text = String::new();
    let mut lists = String::new();
    for node in item {
        match node {
            Node::List { .. } => {
                lists.push('\n');
                lists.push_str(&block(node, bullets));
            }
            Node::Paragraph(pieces) | Node::Heading(_, pieces) => {
                if !text.is_empty() {
                    text.push('\n');
                }
                text.push_str(&line(pieces));
            }
            Node::Quote(_) | Node::Code { .. } | Node::Rule => {
                let plain = crate::markdown::to_plain(std::slice::from_ref(node));
                if !text.is_empty() {
                    text.push('\n');
                }
                text.push_str(&line(&[Inline::Text(plain.replace('\n', " "), Style::default())]));
            }
        }
    }
    format!("{bullets} {text}{lists}")
}

fn line(pieces: &[Inline]) -> String {
    let same = |text: &str| matches!(from_wiki(text).as_slice(), [Node::Paragraph(read)] if read == pieces);
    for escaped in [false, true] {
        let text = write(pieces, escaped, true);
        if same(&text) {
            return text;
        }
    }
    // Its marks cannot be written where they are. What is left without them is written as it reads.
    let bare = write(pieces, true, false);
    match from_wiki(&bare).as_slice() {
        [Node::Paragraph(read)] if read != pieces => line(read),
        _ => bare,
    }
}

fn write(pieces: &[Inline], escaped: bool, marks: bool) -> String {
    let mut out = String::new();
    for piece in pieces {
        match piece {
            Inline::Break => out.push('\n'),
            Inline::Mention(id) => out.extend(["[~", id, "]"]),
            Inline::Text(text, style) => {
                let inner = if escaped && style.link.as_deref() != Some(text) {
                    escape(text, out.is_empty() || out.ends_with('\n'))
                } else {
                    text.clone()
                };
                if !marks {
                    out.push_str(&inner);
                    continue;
                }
                let mut inner = if style.code { format!("{{{{{inner}}}}}") } else { inner };
                match &style.link {
                    Some(url) if url == text && escaped => inner = format!("[{url}]"),
                    Some(url) if url == text => {}
                    Some(url) => inner = format!("[{inner}|{url}]"),
                    None => {}
                }
                if style.em {
                    inner = format!("_{inner}_");
                }
                if style.strong {
                    inner = format!("*{inner}*");
                }
                out.push_str(&inner);
            }
        }
    }
    out
}

fn escape(text: &str, at_start: bool) -> String {
    let mut out = String::new();
    for (n, c) in text.chars().enumerate() {
        // `h1. ` and `bq. ` too mean something where a line begins.
        let leading = at_start && (n == 0 && matches!(c, '-' | '#' | '~') || n == 2 && c == '.');
        if leading || matches!(c, '\\' | '*' | '_' | '[' | ']' | '{' | '}' | '|') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

// ---- reading

/// Reads wiki text.
pub(crate) fn from_wiki(text: &str) -> Vec<Node> {
    let text = text.replace("\r\n", "\n");
    let lines: Vec<&str> = text.lines().collect();
    tidy(read_blocks(&lines))
}

fn read_blocks(lines: &[&str]) -> Vec<Node> {
    let mut nodes = Vec::new();
    let mut at = 0;
    while let Some(&first) = lines.get(at) {
        let trimmed = first.trim();
        if trimmed.is_empty() {
            at += 1;
        } else if let Some((inner, next)) =
            fenced(lines, at, "code").or_else(|| fenced(lines, at, "noformat"))
        {
            let language = trimmed.strip_prefix("{code:").and_then(|rest| rest.split('}').next());
            nodes.push(Node::Code { language: language.map(str::to_owned), text: inner.join("\n") });
            at = next;
        } else if let Some((inner, next)) = fenced(lines, at, "quote") {
            nodes.push(Node::Quote(read_blocks(&inner)));
            at = next;
        } else if let Some(quoted) = trimmed.strip_prefix("bq. ") {
            nodes.push(Node::Quote(vec![Node::Paragraph(inline(quoted))]));
            at += 1;
        } else if let Some((level, title)) = heading(trimmed) {
            nodes.push(Node::Heading(level, inline(title)));
            at += 1;
        } else if trimmed == "----" {
            nodes.push(Node::Rule);
            at += 1;
        } else if bullet(first).is_some() {
            let mut items = Vec::new();
            while let Some(&line) = lines.get(at).filter(|line| !line.trim().is_empty()) {
                match (bullet(line), items.last_mut()) {
                    (Some((sign, text)), _) => items.push((sign.to_owned(), text.to_owned())),
                    // A line without a bullet goes on in the item before it.
                    (None, Some((_, text))) => {
                        text.push('\n');
                        text.push_str(line);
                    }
                    (None, None) => break,
                }
                at += 1;
            }
            nodes.extend(lists(&items, 1));
        } else {
            let start = at;
            at += 1;
            while lines.get(at).is_some_and(|line| goes_on(lines, at, line)) {
                at += 1;
            }
            nodes.push(Node::Paragraph(inline(&lines[start..at].join("\n"))));
        }
    }
    nodes
}

fn goes_on(lines: &[&str], at: usize, line: &str) -> bool {
    let line = line.trim();
    !(line.is_empty()
        || line == "----"
        || line.starts_with("bq. ")
        || heading(line).is_some()
        || bullet(line).is_some()
        || ["code", "noformat", "quote"].iter().any(|name| fenced(lines, at, name).is_some()))
}

/// The lines between `{name}` here and the next `{name}`, and where to go on.
fn fenced<'a>(lines: &[&'a str], at: usize, name: &str) -> Option<(Vec<&'a str>, usize)> {
    let first = lines.get(at)?.trim();
    let close = format!("{{{name}}}");
    if first != close && !(first.starts_with(&format!("{{{name}:")) && first.ends_with('}')) {
        return None;
    }
    let length = lines[at + 1..].iter().position(|line| line.trim() == close)?;
    Some((lines[at + 1..at + 1 + length].to_vec(), at + length + 2))
}

fn heading(line: &str) -> Option<(u8, &str)> {
    let (level, title) = line.strip_prefix('h')?.split_once(". ")?;
    let level = level.parse().ok().filter(|level| (1..=6).contains(level))?;
    Some((level, title))
}

fn bullet(line: &str) -> Option<(&str, &str)> {
    let (sign, text) = line.trim_start().split_once(' ')?;
    let bullets = !sign.is_empty() && sign.chars().all(|c| matches!(c, '*' | '#')) || sign == "-";
    bullets.then_some((sign, text))
}

fn lists(items: &[(String, String)], depth: usize) -> Vec<Node> {
    let mut out: Vec<Node> = Vec::new();
    let mut at = 0;
    while let Some((sign, text)) = items.get(at) {
        let ordered = sign.chars().nth(depth - 1) == Some('#');
        let mut item = vec![Node::Paragraph(inline(text))];
        at += 1;
        let deeper = items[at..].iter().take_while(|(sign, _)| sign.len() > depth).count();
        item.extend(lists(&items[at..at + deeper], depth + 1));
        at += deeper;
        match out.last_mut() {
            Some(Node::List { ordered: same, items }) if *same == ordered => items.push(item),
            _ => out.push(Node::List { ordered, items: vec![item] }),
        }
    }
    out
}

fn inline(text: &str) -> Vec<Inline> {
    let mut out = Vec::new();
    pieces(text, &Style::default(), &mut out);
    out
}

fn pieces(text: &str, style: &Style, out: &mut Vec<Inline>) {
    let mut plain = String::new();
    let mut rest = text;
    let mut before = None;
    while let Some(c) = rest.chars().next() {
        let opened = before.is_none_or(|b: char| !b.is_alphanumeric());
        let found = match c {
            '{' => code(rest),
            '[' => link(rest),
            '*' | '_' if opened => emphasis(rest, c),
            _ => None,
        };
        if let Some((inner, link, strong, em, code, after)) = found {
            out.push(Inline::Text(std::mem::take(&mut plain), style.clone()));
            let style = Style {
                strong: style.strong || strong,
                em: style.em || em,
                code,
                link: link.map(str::to_owned).or_else(|| style.link.clone()),
            };
            if code || style.link.as_deref() == Some(inner) {
                out.push(Inline::Text(inner.to_owned(), style));
            } else {
                pieces(inner, &style, out);
            }
            before = Some(c);
            rest = after;
        } else if let Some(escaped) = escaped(rest) {
            plain.push(escaped);
            before = Some(escaped);
            rest = &rest[2..];
        } else {
            plain.push(c);
            before = Some(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    out.push(Inline::Text(plain, style.clone()));
}

/// The punctuation that a backslash takes its meaning from.
fn escaped(text: &str) -> Option<char> {
    text.strip_prefix('\\')?.chars().next().filter(char::is_ascii_punctuation)
}

/// What was found: its text, link, strong, em, code, and the text after it.
type Found<'a> = (&'a str, Option<&'a str>, bool, bool, bool, &'a str);

fn code(text: &str) -> Option<Found<'_>> {
    let (inner, after) = text.strip_prefix("{{")?.split_once("}}")?;
    (!inner.is_empty() && !inner.contains('\n')).then_some((inner, None, false, false, true, after))
}

fn link(text: &str) -> Option<Found<'_>> {
    let (inner, after) = split_unescaped(text.strip_prefix('[')?, ']')?;
    if inner.contains('\n') {
        return None;
    }
    if let Some((title, url)) = split_unescaped(inner, '|') {
        return safe_url(url).then_some((title, Some(url), false, false, false, after));
    }
    safe_url(inner).then_some((inner, Some(inner), false, false, false, after))
}

fn emphasis(text: &str, mark: char) -> Option<Found<'_>> {
    let (inner, after) = split_unescaped(text.strip_prefix(mark)?, mark)?;
    let fits = !inner.is_empty()
        && !inner.starts_with(char::is_whitespace)
        && !inner.ends_with(char::is_whitespace)
        && !inner.contains('\n')
        && !after.starts_with(char::is_alphanumeric);
    fits.then_some((inner, None, mark == '*', mark == '_', false, after))
}

fn split_unescaped(text: &str, at: char) -> Option<(&str, &str)> {
    let mut escaped = false;
    for (n, c) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == at {
            return Some((&text[..n], &text[n + c.len_utf8()..]));
        }
    }
    None
}
