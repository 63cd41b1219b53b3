//! Laws of text: what was read and is written again changes nothing, and what is not ours is carried as it came.

#![allow(clippy::expect_used, reason = "tests")]

use connector_api::Marker;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::markdown::to_markdown;
use crate::markup::from_markdown;
use crate::{adf, ticket, wiki};

fn marker() -> Marker {
    Marker { installation: "site-1".to_owned(), link: "0123456789abcdef0123456789abcdef".to_owned() }
}

/// A text with our block as older releases signed it: with the marker.
fn signed(fresh: &Value) -> Value {
    let text = fresh.to_string();
    // The last one is the line; text before it may say the same.
    let (before, after) = text.rsplit_once("poam:block").expect("a line");
    serde_json::from_str(&format!("{before}{}{after}", marker().line())).expect("JSON as before")
}

fn through_adf(block: &str) -> String {
    let (description, found) = adf::read_description(&signed(&adf::fresh(block)));
    assert_eq!(found, Some(marker()));
    description.block.expect("the block that was just written")
}

fn through_wiki(block: &str) -> String {
    let (description, found) = wiki::read_description(&signed(&wiki::fresh(block)));
    assert_eq!(found, Some(marker()));
    description.block.expect("the block that was just written")
}

#[test]
fn blocks_as_the_bridge_writes_them_read_back_as_they_were() {
    let blocks = [
        "Serves **V-12** and **V-13**.\n\n- Proof expected: a clean scan\n- Answer as in [the guide](https://poam.example/guide)\n\n**Due:** 2026-12-15",
        "Deadline 2026-12-20 (30 days; BOD 22-01)",
        "snake_case_name and 2 * 3 = 6, at <host> & co",
        "See https://poam.example/V-12 and [V-12](https://poam.example/items/V-12?a=1&b=2).",
        "first line\nsecond line",
        "- one\n- two\n  - two and a half\n- three",
        "**Due:** 2026-12-15 -> 2027-01-20, *not yet approved*",
        "[~5b10ac8d82e05b22cc7d4ef5] please answer `/poam why TEXT`",
        "C:\\temp\\new [x] {panel} #1 ~ | ! it's 100%",
        "1\\. is no list",
        "[~5b10:dana]: is that so?",
        "[x]: https://acme.example/",
    ];
    for block in blocks {
        assert_eq!(through_adf(block), block, "through ADF");
    }
    for block in &blocks[..8] {
        assert_eq!(through_wiki(block), *block, "through wiki text");
    }
}

#[test]
fn an_adf_document_of_a_person_reads_as_markdown() {
    let document = json!({"type": "doc", "version": 1, "content": [
        {"type": "paragraph", "content": [
            {"type": "text", "text": "/poam why "},
            {"type": "mention", "attrs": {"id": "5b10:dana", "text": "@Dana"}},
            {"type": "text", "text": " said so, see "},
            {"type": "inlineCard", "attrs": {"url": "https://acme.example/x"}},
            {"type": "text", "text": " "},
            {"type": "date", "attrs": {"timestamp": "1797292800000"}},
            {"type": "text", "text": " "},
            {"type": "status", "attrs": {"text": "LATE", "color": "red"}},
            {"type": "emoji", "attrs": {"shortName": ":smile:", "text": "\u{1F604}"}},
        ]},
        {"type": "blockquote", "content": [
            {"type": "paragraph", "content": [{"type": "text", "text": "/poam approve"}]},
        ]},
        {"type": "codeBlock", "attrs": {"language": "sh"}, "content": [{"type": "text", "text": "/poam approve"}]},
        {"type": "table", "content": [{"type": "tableRow", "content": [
            {"type": "tableCell", "content": [{"type": "paragraph", "content": [{"type": "text", "text": "a"}]}]},
            {"type": "tableCell", "content": [{"type": "paragraph", "content": [{"type": "text", "text": "b"}]}]},
        ]}]},
        {"type": "mediaSingle", "content": [{"type": "media", "attrs": {"id": "1", "type": "file"}}]},
        {"type": "paragraph", "content": [
            {"type": "text", "text": "code", "marks": [{"type": "code"}]},
            {"type": "text", "text": " and a "},
            {"type": "text", "text": "bad link", "marks": [{"type": "link", "attrs": {"href": "javascript:alert(1)"}}]},
        ]},
    ]});
    assert_eq!(
        to_markdown(&adf::read_nodes(&document)),
        "/poam why [~5b10:dana] said so, see https://acme.example/x 2026-12-15 LATE\u{1F604}\n\n> /poam approve\n\n\
         ```sh\n/poam approve\n```\n\na | b\n\n`code` and a bad link"
    );
}

#[test]
fn a_panel_that_people_moved_is_found_and_replaced_where_it_stands() {
    let mut raw = signed(&adf::fresh("Old."));
    let panel = raw["content"][0].take();
    let raw = json!({"type": "doc", "version": 1, "content": [
        {"type": "expand", "attrs": {"title": "POA&M"}, "content": [panel]},
        {"type": "paragraph", "content": [{"type": "text", "text": "theirs"}]},
    ]});
    let spliced = adf::splice(&raw, "New.");
    assert_eq!(spliced["content"][0]["content"][0]["type"], "panel");
    let (description, found) = adf::read_description(&spliced);
    assert_eq!(description.block.as_deref(), Some("New."));
    assert_eq!(found, Some(marker()));
    assert!(!description.outside.contains("New."), "{}", description.outside);
    assert!(description.outside.contains("theirs"));
}

#[test]
fn a_panel_of_other_people_is_theirs() {
    let raw = json!({"type": "doc", "version": 1, "content": [
        {"type": "panel", "attrs": {"panelType": "warning"}, "content": [
            {"type": "paragraph", "content": [{"type": "text", "text": "poam: see the wiki"}]},
        ]},
    ]});
    let (description, found) = adf::read_description(&raw);
    assert_eq!((description.block, found), (None, None));
    let spliced = adf::splice(&raw, "Ours.");
    assert_eq!(spliced["content"][0], raw["content"][0]);
    assert_eq!(
        adf::read_description(&spliced).0.block.as_deref(),
        Some("Ours."),
        "known without a marker too"
    );
}

#[test]
fn a_comment_gives_its_marker_and_hides_it() {
    for (cloud, text) in [(true, "Why?\n\n- one"), (false, "Why?\n\n- one"), (true, ""), (false, "")] {
        let line = crate::sign::write_comment("question-41");
        let body = if cloud {
            adf::document_signed(text, &line)
        } else {
            Value::String(wiki::document_signed(text, &line))
        };
        let comment: crate::wire::Comment = serde_json::from_value(json!({
            "id": "1", "author": {"accountId": "a"}, "body": body, "created": "2026-11-22T10:00:00.000+0000",
        }))
        .expect("a comment");
        let read = ticket::comment(&comment);
        assert_eq!(read.marker.as_deref(), Some("question-41"));
        assert_eq!(read.body, text);
    }
}

/// Words and marks that could be taken for something else.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        5 => "[a-zA-Z0-9]{1,8}",
        3 => r"[ -~]{1,6}",
        1 => "\\PC{1,4}",
        1 => Just("https://acme.example/a_b?x=1&y=(2)".to_owned()),
        1 => Just("[~5b10:dana]".to_owned()),
        1 => Just("**bold**".to_owned()),
        1 => Just("[text](https://acme.example/)".to_owned()),
        1 => Just("\n- item ".to_owned()),
        1 => Just("\n\n".to_owned()),
        1 => Just("\n".to_owned()),
        1 => Just("poam:block".to_owned()),
    ]
}

fn any_text() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..12).prop_map(|pieces| pieces.join(" "))
}

/// A block in its plainest form: paragraphs and lists of plain words, bold ones and links.
fn plain_block() -> impl Strategy<Value = String> {
    let word = || {
        prop_oneof![
            6 => "[a-zA-Z0-9]{1,8}",
            1 => "[a-z]{1,6}".prop_map(|word| format!("**{word}**")),
            1 => "[a-z]{1,6}".prop_map(|word| format!("[{word}](https://acme.example/{word})")),
        ]
    };
    let line = move || prop::collection::vec(word(), 1..6).prop_map(|words| words.join(" "));
    let list = prop::collection::vec(line(), 1..4).prop_map(|items| format!("- {}", items.join("\n- ")));
    // Two lists in a row would be one.
    (prop::collection::vec((line(), prop::option::of(list)), 1..4)).prop_map(|parts| {
        let parts = parts.into_iter().flat_map(|(line, list)| [Some(line), list]).flatten();
        parts.collect::<Vec<_>>().join("\n\n")
    })
}

fn marks() -> impl Strategy<Value = Value> {
    prop::sample::subsequence(
        vec![
            json!({"type": "strong"}),
            json!({"type": "em"}),
            json!({"type": "link", "attrs": {"href": "https://acme.example/(x)"}}),
            json!({"type": "textColor", "attrs": {"color": "#97a0af"}}),
        ],
        0..3,
    )
    .prop_map(Value::Array)
}

/// A paragraph as an editor may leave it.
fn paragraph() -> impl Strategy<Value = Value> {
    let text = (r"[ -~]{1,12}|\PC{1,4}", marks())
        .prop_map(|(text, marks)| json!({"type": "text", "text": text, "marks": marks}));
    let inline = prop_oneof![
        4 => text,
        1 => Just(json!({"type": "hardBreak"})),
        1 => Just(json!({"type": "mention", "attrs": {"id": "5b10:dana", "text": "@Dana"}})),
        1 => Just(json!({"type": "inlineCard", "attrs": {"url": "https://acme.example/x"}})),
    ];
    prop::collection::vec(inline, 0..6).prop_map(|content| json!({"type": "paragraph", "content": content}))
}

/// A node of any kind, known or not.
fn node() -> impl Strategy<Value = Value> {
    let unknown = ("[a-z]{3,9}", "[ -~]{0,12}").prop_map(|(kind, text)| {
        json!({"type": format!("x-{kind}"), "attrs": {"localId": text, "n": [1, 2.5, null]}, "future": {"a": true}})
    });
    let media = Just(json!({"type": "mediaSingle", "attrs": {"layout": "center"}, "content": [
        {"type": "media", "attrs": {"id": "6e7c", "type": "file", "collection": ""}},
    ]}));
    prop_oneof![paragraph(), unknown, media]
}

proptest! {
    #[test]
    fn a_plain_block_reads_back_as_it_was(block in plain_block()) {
        prop_assert_eq!(through_adf(&block), block.clone());
        prop_assert_eq!(through_wiki(&block), block);
    }

    #[test]
    fn any_block_settles_when_it_is_written_again(text in any_text()) {
        let once = through_adf(&text);
        prop_assert_eq!(through_adf(&once), once);
    }

    #[test]
    fn any_block_settles_in_wiki_text_too(text in any_text()) {
        let once = through_wiki(&text);
        prop_assert_eq!(through_wiki(&once), once);
    }

    #[test]
    fn nothing_is_lost_of_the_words(words in prop::collection::vec("[a-zA-Z0-9]{1,9}", 1..12), marks in any_text()) {
        let text = format!("{}\n\n{marks}", words.join(" "));
        let read = through_adf(&text);
        prop_assert!(read.starts_with(&words.join(" ")), "{}", read);
    }

    #[test]
    fn writing_what_was_read_changes_nothing(paragraphs in prop::collection::vec(paragraph(), 0..4)) {
        let mut raw = signed(&adf::fresh("x"));
        let mut content = paragraphs;
        content.push(raw["content"][0]["content"][1].take());
        raw["content"][0]["content"] = Value::Array(content);
        let block = adf::read_description(&raw).0.block.expect("our panel");
        let again = adf::read_description(&adf::splice(&raw, &block)).0.block;
        prop_assert_eq!(again, Some(block));
    }

    #[test]
    fn what_is_not_ours_is_carried_as_it_came(
        before in prop::collection::vec(node(), 0..4),
        after in prop::collection::vec(node(), 0..4),
        old in plain_block(),
        new in plain_block(),
    ) {
        let panel = signed(&adf::fresh(&old))["content"][0].take();
        let mut content = before.clone();
        content.push(panel);
        content.extend(after.clone());
        let raw = json!({"type": "doc", "version": 1, "content": content});
        let spliced = adf::splice(&raw, &new);
        let nodes = spliced["content"].as_array().expect("a document");
        prop_assert_eq!(&nodes[..before.len()], &before[..]);
        prop_assert_eq!(&nodes[before.len() + 1..], &after[..]);
        let (description, found) = adf::read_description(&spliced);
        prop_assert_eq!(description.block, Some(new));
        prop_assert_eq!(found, Some(marker()));
        prop_assert_eq!(description.outside, adf::read_description(&raw).0.outside);
    }

    #[test]
    fn wiki_text_outside_the_panel_is_carried_as_it_came(before in "[ -z\n]{0,40}", after in "[ -z\n]{0,40}", new in plain_block()) {
        let raw = format!("{before}{}{after}", wiki::fresh("old").as_str().expect("text"));
        let spliced = wiki::splice(&Value::String(raw), &new);
        let spliced = spliced.as_str().expect("text");
        prop_assert!(spliced.starts_with(&before) && spliced.ends_with(&after), "{}", spliced);
    }

    #[test]
    fn markdown_is_a_fixed_point_of_itself(text in any_text()) {
        let once = to_markdown(&from_markdown(&text));
        prop_assert_eq!(to_markdown(&from_markdown(&once)), once);
    }
}
