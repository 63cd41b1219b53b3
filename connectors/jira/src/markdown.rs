//! Writes Markdown so that reading it gives the same text again, and with as few escapes as that allows.

use crate::markup::{Inline, Node, Style, from_markdown};

/// Writes Markdown.
pub(crate) fn to_markdown(nodes: &[Node]) -> String {
    let parts: Vec<String> = nodes.iter().map(block).collect();
    parts.join("\n\n")
}

/// The text as it reads when every mark is left out.
pub(crate) fn to_plain(nodes: &[Node]) -> String {
    let part = |node: &Node| match node {
        Node::Paragraph(pieces) | Node::Heading(_, pieces) => plain_line(pieces),
        Node::List { items, .. } => {
            let item = |item: &Vec<Node>| format!("- {}", to_plain(item).replace('\n', "\n  "));
            items.iter().map(item).collect::<Vec<_>>().join("\n")
        }
        Node::Quote(inner) => to_plain(inner),
        Node::Code { text, .. } => text.clone(),
        Node::Rule => "---".to_owned(),
    };
    nodes.iter().map(part).collect::<Vec<_>>().join("\n\n")
}

/// The text of a line without its marks.
pub(crate) fn plain_line(pieces: &[Inline]) -> String {
    let mut out = String::new();
    for piece in pieces {
        match piece {
            Inline::Text(text, _) => out.push_str(text),
            Inline::Break => out.push('\n'),
            Inline::Mention(id) => out.extend(["[~", id, "]"]),
        }
    }
    out
}

fn block(node: &Node) -> String {
    match node {
        Node::Paragraph(pieces) => line(pieces),
        Node::Heading(level, pieces) => format!("{} {}", "#".repeat(usize::from(*level)), line(pieces)),
        Node::List { ordered, items } => {
            let mut lines = Vec::new();
            for (n, item) in items.iter().enumerate() {
                let sign = if *ordered { format!("{}. ", n + 1) } else { "- ".to_owned() };
                lines.push(format!("{sign}{}", indent(&item_text(item), sign.len())));
            }
            lines.join("\n")
        }
        Node::Quote(inner) => {
            let text = to_markdown(inner);
            let quoted: Vec<String> = text.lines().map(|l| format!("> {l}").trim_end().to_owned()).collect();
            quoted.join("\n")
        }
        Node::Code { language, text } => {
            let fence = "`".repeat(longest_run(text, '`').max(2) + 1);
            format!("{fence}{}\n{text}\n{fence}", language.as_deref().unwrap_or_default())
        }
        Node::Rule => "---".to_owned(),
    }
}

/// A list within an item follows its text at once, so that the list stays tight.
fn item_text(item: &[Node]) -> String {
    let mut out = String::new();
    for (n, node) in item.iter().enumerate() {
        if n > 0 {
            out.push_str(if matches!(node, Node::List { .. }) { "\n" } else { "\n\n" });
        }
        out.push_str(&block(node));
    }
    out
}

fn indent(text: &str, by: usize) -> String {
    let mut lines = text.lines();
    let mut out = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        out.push('\n');
        if !line.is_empty() {
            out.push_str(&" ".repeat(by));
            out.push_str(line);
        }
    }
    out
}

/// How carefully a line is written: the first way that reads back the same is taken.
#[derive(Clone, Copy, PartialEq)]
enum Care {
    /// As it is.
    None,
    /// With what could be a mark escaped.
    Escaped,
    /// Escaped, without marks.
    Bare,
}

fn line(pieces: &[Inline]) -> String {
    let same =
        |text: &str| matches!(from_markdown(text).as_slice(), [Node::Paragraph(read)] if read == pieces);
    for care in [Care::None, Care::Escaped] {
        let text = write(pieces, care);
        if same(&text) {
            return text;
        }
    }
    // Its marks cannot be written where they are. What is left without them is written as it reads.
    let bare = write(pieces, Care::Bare);
    match from_markdown(&bare).as_slice() {
        [Node::Paragraph(read)] if read != pieces => line(read),
        _ => bare,
    }
}

fn write(pieces: &[Inline], care: Care) -> String {
    let mut out = String::new();
    for piece in pieces {
        match piece {
            Inline::Break => out.push('\n'),
            Inline::Mention(id) => out.extend(["[~", id, "]"]),
            Inline::Text(text, _) if care == Care::Bare => {
                out.push_str(&escape(text, out.is_empty() || out.ends_with('\n')));
            }
            Inline::Text(text, style) => {
                let at_start = out.is_empty() || out.ends_with('\n');
                let text = piece_text(text, style, care, at_start);
                out.push_str(&text);
            }
        }
    }
    out
}

fn piece_text(text: &str, style: &Style, care: Care, at_start: bool) -> String {
    let inner = if style.code {
        let tick = "`".repeat(longest_run(text, '`') + 1);
        let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
        format!("{tick}{pad}{text}{pad}{tick}")
    } else if care == Care::None || (style.link.as_deref() == Some(text)) {
        text.to_owned()
    } else {
        escape(text, at_start)
    };
    let mark = match (style.strong, style.em) {
        (true, true) => "***",
        (true, false) => "**",
        (false, true) => "*",
        (false, false) => "",
    };
    match &style.link {
        Some(url) if url == text && !style.code => match care {
            Care::None => format!("{mark}{url}{mark}"),
            Care::Escaped | Care::Bare => format!("{mark}<{url}>{mark}"),
        },
        Some(url) if url.contains(['(', ')', ' ', '\\']) || url.is_empty() => {
            format!("[{mark}{inner}{mark}](<{}>)", url.replace('>', "%3E").replace('<', "%3C"))
        }
        Some(url) => format!("[{mark}{inner}{mark}]({url})"),
        None => format!("{mark}{inner}{mark}"),
    }
}

fn escape(text: &str, at_start: bool) -> String {
    let mut out = String::new();
    let mut digits_only = at_start;
    for (n, c) in text.chars().enumerate() {
        let leading = at_start && n == 0;
        let mark = matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '&' | '#' | '!' | '|' | '~');
        let list = digits_only && n > 0 && matches!(c, '.' | ')');
        if mark || list || (leading && matches!(c, '-' | '+' | '=')) {
            out.push('\\');
        }
        digits_only &= c.is_ascii_digit();
        out.push(c);
    }
    out
}

fn longest_run(text: &str, of: char) -> usize {
    text.split(|c| c != of).map(str::len).max().unwrap_or(0)
}
