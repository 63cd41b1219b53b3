//! Atlassian Document Format: the rich text of Jira Cloud.
//!
//! Our block is one `panel` node. Whatever else a document holds is carried as the JSON that came, in its order.

use chrono::DateTime;
use connector_api::{Description, Marker};
use serde_json::{Value, json};

use crate::markdown::{to_markdown, to_plain};
use crate::markup::{Inline, Node, Style, from_markdown, safe_url, tidy};
use crate::sign;

/// A whole document of Markdown.
pub(crate) fn document(markdown: &str) -> Value {
    json!({"type": "doc", "version": 1, "content": nodes_to_adf(&from_markdown(markdown), false)})
}

/// A whole document of Markdown that ends in a small line of text.
pub(crate) fn document_signed(markdown: &str, line: &str) -> Value {
    let mut content = nodes_to_adf(&from_markdown(markdown), false);
    content.push(small_line(line));
    json!({"type": "doc", "version": 1, "content": content})
}

/// A document that holds our block alone.
pub(crate) fn fresh(block: &str) -> Value {
    json!({"type": "doc", "version": 1, "content": [panel(block, None)]})
}

/// Reads a document as text.
pub(crate) fn read_nodes(document: &Value) -> Vec<Node> {
    tidy(blocks(content(document)))
}

/// Reads a description: our block, what stands outside it, and the marker in it.
pub(crate) fn read_description(raw: &Value) -> (Description, Option<Marker>) {
    let mut found = None;
    let outside = without_panel(raw, &mut found);
    let outside = to_plain(&tidy(blocks(content(&outside))));
    let (block, marker) = match found {
        Some(panel) => {
            let marker = content(&panel).iter().find_map(|node| sign::read(&node_text(node))?.marker());
            let inner: Vec<Value> = content(&panel)
                .iter()
                .filter(|node| sign::read(&node_text(node)).is_none())
                .cloned()
                .collect();
            (Some(to_markdown(&tidy(blocks(&inner)))), marker)
        }
        None => (None, None),
    };
    (Description { raw: raw.clone(), block, outside }, marker)
}

/// Puts `block` where our panel is, or behind all the rest where there is none.
/// A marker in the old one's line stays.
pub(crate) fn splice(raw: &Value, block: &str) -> Value {
    if content(raw).is_empty() {
        return fresh(block);
    }
    let mut document = raw.clone();
    let new = panel(block, read_description(raw).1.as_ref());
    if let Some(old) = find_panel(&mut document) {
        *old = new;
    } else if let Some(content) = document.get_mut("content").and_then(Value::as_array_mut) {
        content.push(new);
    }
    document
}

/// Our panel as it stands in a document.
#[cfg(feature = "fakes")]
pub(crate) fn panel_of(raw: &Value) -> Option<Value> {
    let mut found = None;
    without_panel(raw, &mut found);
    found
}

fn panel(block: &str, marker: Option<&Marker>) -> Value {
    let mut content = nodes_to_adf(&from_markdown(block), true);
    content.push(small_line(&sign::write(marker)));
    json!({"type": "panel", "attrs": {"panelType": "info"}, "content": content})
}

fn small_line(text: &str) -> Value {
    let marks = json!([{"type": "subsup", "attrs": {"type": "sub"}}]);
    json!({"type": "paragraph", "content": [{"type": "text", "text": text, "marks": marks}]})
}

/// Our panel, wherever people moved it to.
fn find_panel(node: &mut Value) -> Option<&mut Value> {
    if is_panel(node) {
        return Some(node);
    }
    node.get_mut("content")?.as_array_mut()?.iter_mut().find_map(find_panel)
}

fn is_panel(node: &Value) -> bool {
    node["type"] == "panel" && content(node).iter().any(|inner| sign::read(&node_text(inner)).is_some())
}

/// The document without our panel, which is put into `found`.
fn without_panel(node: &Value, found: &mut Option<Value>) -> Value {
    let mut copy = node.clone();
    let Some(inner) = copy.get_mut("content").and_then(Value::as_array_mut) else { return copy };
    let mut kept = Vec::with_capacity(inner.len());
    for child in inner.iter() {
        if found.is_none() && is_panel(child) {
            *found = Some(child.clone());
        } else {
            kept.push(without_panel(child, found));
        }
    }
    *inner = kept;
    copy
}

fn content(node: &Value) -> &[Value] {
    node["content"].as_array().map_or(&[], Vec::as_slice)
}

fn node_text(node: &Value) -> String {
    match node["type"].as_str() {
        Some("paragraph") => content(node).iter().filter_map(|n| n["text"].as_str()).collect(),
        _ => String::new(),
    }
}

// ---- reading

fn blocks(nodes: &[Value]) -> Vec<Node> {
    let mut out = Vec::new();
    let mut loose = Vec::new();
    for node in nodes {
        let kind = node["type"].as_str().unwrap_or_default();
        if !is_block(kind, node) {
            inline(node, &mut loose);
            continue;
        }
        if !loose.is_empty() {
            out.push(Node::Paragraph(std::mem::take(&mut loose)));
        }
        match kind {
            "paragraph" => out.push(Node::Paragraph(line(node))),
            "heading" => {
                let level = node["attrs"]["level"].as_u64().and_then(|l| u8::try_from(l).ok()).unwrap_or(1);
                out.push(Node::Heading(level, line(node)));
            }
            "bulletList" | "orderedList" | "taskList" | "decisionList" => {
                let items = content(node).iter().map(|item| blocks(content(item))).collect();
                out.push(Node::List { ordered: kind == "orderedList", items });
            }
            "blockquote" => out.push(Node::Quote(blocks(content(node)))),
            "codeBlock" => {
                let language = node["attrs"]["language"].as_str().map(str::to_owned);
                let text = content(node).iter().filter_map(|n| n["text"].as_str()).collect();
                out.push(Node::Code { language, text });
            }
            "rule" => out.push(Node::Rule),
            "tableRow" => out.push(Node::Paragraph(row(node))),
            "expand" | "nestedExpand" => {
                if let Some(title) = node["attrs"]["title"].as_str() {
                    out.push(Node::Paragraph(vec![Inline::Text(title.to_owned(), Style::default())]));
                }
                out.extend(blocks(content(node)));
            }
            // Whatever else encloses text is seen through.
            _ => out.extend(blocks(content(node))),
        }
    }
    if !loose.is_empty() {
        out.push(Node::Paragraph(loose));
    }
    out
}

fn is_block(kind: &str, node: &Value) -> bool {
    !matches!(kind, "text" | "hardBreak" | "mention" | "emoji" | "inlineCard" | "date" | "status")
        && (node.get("content").is_some() || matches!(kind, "rule" | "paragraph" | "heading" | "codeBlock"))
}

fn row(node: &Value) -> Vec<Inline> {
    let mut pieces = Vec::new();
    for cell in content(node) {
        if !pieces.is_empty() {
            pieces.push(Inline::Text(" | ".to_owned(), Style::default()));
        }
        let text = to_plain(&tidy(blocks(content(cell)))).replace('\n', " ");
        pieces.push(Inline::Text(text, Style::default()));
    }
    pieces
}

fn line(node: &Value) -> Vec<Inline> {
    let mut pieces = Vec::new();
    for inner in content(node) {
        inline(inner, &mut pieces);
    }
    pieces
}

fn inline(node: &Value, out: &mut Vec<Inline>) {
    let attrs = &node["attrs"];
    let plain = |text: &str| Inline::Text(text.to_owned(), Style::default());
    match node["type"].as_str().unwrap_or_default() {
        "text" => out.push(Inline::Text(node["text"].as_str().unwrap_or_default().to_owned(), style(node))),
        "hardBreak" => out.push(Inline::Break),
        "mention" => match attrs["id"].as_str() {
            Some(id) => out.push(Inline::Mention(id.to_owned())),
            None => out.push(plain(attrs["text"].as_str().unwrap_or_default())),
        },
        "inlineCard" | "blockCard" | "embedCard" => {
            let url = attrs["url"].as_str().unwrap_or_default();
            out.push(Inline::Text(url.to_owned(), Style::linked(url)));
        }
        "date" => out.push(plain(&date(attrs).unwrap_or_default())),
        "emoji" => {
            out.push(plain(attrs["text"].as_str().or(attrs["shortName"].as_str()).unwrap_or_default()));
        }
        _ => out.push(plain(attrs["text"].as_str().unwrap_or_default())),
    }
}

fn date(attrs: &Value) -> Option<String> {
    let timestamp = &attrs["timestamp"];
    let millis = timestamp.as_i64().or_else(|| timestamp.as_str()?.parse().ok())?;
    Some(DateTime::from_timestamp_millis(millis)?.format("%Y-%m-%d").to_string())
}

fn style(node: &Value) -> Style {
    let mut style = Style::default();
    for mark in node["marks"].as_array().into_iter().flatten() {
        match mark["type"].as_str().unwrap_or_default() {
            "strong" => style.strong = true,
            "em" => style.em = true,
            "code" => style.code = true,
            "link" => {
                let href = mark["attrs"]["href"].as_str().filter(|href| safe_url(href));
                style.link = href.map(str::to_owned);
            }
            _ => {}
        }
    }
    style
}

// ---- writing

/// In a panel no quotes may stand, nor lists in lists of quotes: their content is written plainly.
fn nodes_to_adf(nodes: &[Node], in_panel: bool) -> Vec<Value> {
    let mut out = Vec::new();
    for node in nodes {
        match node {
            Node::Paragraph(pieces) => out.push(json!({"type": "paragraph", "content": line_to_adf(pieces)})),
            Node::Heading(level, pieces) => out
                .push(json!({"type": "heading", "attrs": {"level": level}, "content": line_to_adf(pieces)})),
            Node::List { ordered, items } => {
                let kind = if *ordered { "orderedList" } else { "bulletList" };
                let items: Vec<Value> = items.iter().map(|item| list_item(item)).collect();
                out.push(json!({"type": kind, "content": items}));
            }
            Node::Quote(inner) if in_panel => out.extend(nodes_to_adf(inner, true)),
            Node::Quote(inner) => {
                out.push(json!({"type": "blockquote", "content": nodes_to_adf(&no_headings(inner), true)}));
            }
            Node::Code { language, text } => {
                let mut node = json!({"type": "codeBlock", "attrs": {}});
                if let Some(language) = language {
                    node["attrs"]["language"] = json!(language);
                }
                if !text.is_empty() {
                    node["content"] = json!([{"type": "text", "text": text}]);
                }
                out.push(node);
            }
            Node::Rule => out.push(json!({"type": "rule"})),
        }
    }
    out
}

fn list_item(item: &[Node]) -> Value {
    let item: Vec<Node> = no_headings(item).into_iter().filter(|node| *node != Node::Rule).collect();
    let mut content = nodes_to_adf(&item, true);
    // An item begins with a paragraph, even an empty one.
    if content.first().is_none_or(|first| first["type"] != "paragraph" && first["type"] != "codeBlock") {
        content.insert(0, json!({"type": "paragraph", "content": []}));
    }
    json!({"type": "listItem", "content": content})
}

fn no_headings(nodes: &[Node]) -> Vec<Node> {
    let plain = |node: &Node| match node {
        Node::Heading(_, pieces) => Node::Paragraph(pieces.clone()),
        Node::Paragraph(_) | Node::List { .. } | Node::Quote(_) | Node::Code { .. } | Node::Rule => {
            node.clone()
        }
    };
    nodes.iter().map(plain).collect()
}

fn line_to_adf(pieces: &[Inline]) -> Vec<Value> {
    pieces.iter().map(piece_to_adf).collect()
}

fn piece_to_adf(piece: &Inline) -> Value {
    match piece {
        Inline::Break => json!({"type": "hardBreak"}),
        Inline::Mention(id) => json!({"type": "mention", "attrs": {"id": id}}),
        Inline::Text(text, style) => {
            let mut marks = Vec::new();
            if let Some(url) = &style.link {
                marks.push(json!({"type": "link", "attrs": {"href": url}}));
            }
            // Code goes with links alone.
            if style.code {
                marks.push(json!({"type": "code"}));
            } else {
                if style.strong {
                    marks.push(json!({"type": "strong"}));
                }
                if style.em {
                    marks.push(json!({"type": "em"}));
                }
            }
            let mut node = json!({"type": "text", "text": text});
            if !marks.is_empty() {
                node["marks"] = Value::Array(marks);
            }
            node
        }
    }
}
