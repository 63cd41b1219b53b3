//! Our block and our markers inside a Markdown text.
//!
//! The block stands between two HTML comments, which GitHub does not show. What stands outside them is the
//! engineers' own: it is carried byte for byte, line endings included.

use std::ops::Range;

use connector_api::{Description, Marker};

const BEGIN: &str = "<!-- poam:begin -->";
const END: &str = "<!-- poam:end -->";
const COMMENT: &str = "<!-- poam-comment:";
const CLOSE: &str = "-->";
/// A comment tag inside our text would end the block early, or forge a marker. A word joiner, which nobody sees,
/// takes its meaning away; reading takes the joiner out again, so that a text reads back as it was written.
const TAG: &str = "<!--";
const NO_TAG: &str = "<\u{2060}!--";

/// Where the blocks of a text are, tags included. A tag without its partner is the engineers' text, so that a
/// deleted tag never makes us take their words for ours.
fn blocks(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut open = None;
    let mut at = 0;
    while let Some(rest) = text.get(at..) {
        let Some(next) = rest.find("<!-- poam:").map(|n| at + n) else { break };
        let tail = text.get(next..).unwrap_or_default();
        if tail.starts_with(BEGIN) {
            open = Some(next);
        } else if tail.starts_with(END)
            && let Some(start) = open.take()
        {
            found.push(start..next + END.len());
        }
        at = next + 1;
    }
    found
}

/// The hidden marker of a text.
pub(crate) fn marker(text: &str) -> Option<Marker> {
    text.split("<!--").skip(1).find_map(|rest| Marker::parse(rest.split_once(CLOSE)?.0))
}

/// Reads a text into our block and the rest.
pub(crate) fn read(raw: Option<&str>) -> Description {
    let text = raw.unwrap_or_default();
    let ranges = blocks(text);
    let block = ranges.first().and_then(|range| text.get(range.clone())).map(content);
    let mut outside = String::new();
    let mut at = 0;
    for range in &ranges {
        outside.push_str(text.get(at..range.start).unwrap_or_default());
        at = range.end;
    }
    outside.push_str(text.get(at..).unwrap_or_default());
    let raw = raw.map_or(serde_json::Value::Null, |text| serde_json::Value::String(text.to_owned()));
    Description { raw, block, outside: outside.trim().to_owned() }
}

/// The first block of a text as it stands, tags included.
#[cfg(feature = "fakes")]
pub(crate) fn first_block(text: &str) -> Option<&str> {
    text.get(blocks(text).into_iter().next()?)
}

/// What a block says: without its tags and the marker's line, with plain line ends.
fn content(block: &str) -> String {
    let inner = block.strip_prefix(BEGIN).unwrap_or(block);
    let inner = inner.strip_suffix(END).unwrap_or(inner).replace("\r\n", "\n");
    let lines = inner.trim_matches('\n').split('\n');
    let kept: Vec<&str> = lines.filter(|line| hidden_marker(line).is_none()).collect();
    kept.join("\n").trim_matches('\n').replace(NO_TAG, TAG)
}

fn hidden_marker(line: &str) -> Option<Marker> {
    Marker::parse(line.trim().strip_prefix("<!--")?.strip_suffix(CLOSE)?)
}

/// A block as it is written, with its marker.
pub(crate) fn render(block: &str, marker: Option<&Marker>) -> String {
    let block = block.replace("\r\n", "\n").replace(TAG, NO_TAG);
    let marker = marker.map(|marker| format!("<!-- {} -->\n", marker.line())).unwrap_or_default();
    format!("{BEGIN}\n{marker}{}\n{END}", block.trim_matches('\n'))
}

/// Puts a block into a text: in place of the first one there, else at the end. Further ones are taken out; nothing
/// else changes.
pub(crate) fn splice(text: &str, block: &str, marker: Option<&Marker>) -> String {
    let mut block = render(block, marker);
    if text.contains("\r\n") {
        block = block.replace('\n', "\r\n");
    }
    let ranges = blocks(text);
    let Some((first, others)) = ranges.split_first() else {
        let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let gap = match text {
            "" => String::new(),
            text if text.ends_with('\n') => newline.to_owned(),
            _ => newline.repeat(2),
        };
        return format!("{text}{gap}{block}");
    };
    let mut out = String::with_capacity(text.len() + block.len());
    out.push_str(text.get(..first.start).unwrap_or_default());
    out.push_str(&block);
    let mut at = first.end;
    for other in others {
        out.push_str(text.get(at..other.start).unwrap_or_default());
        at = other.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

/// A comment's text with its hidden marker.
pub(crate) fn with_comment_marker(body: &str, marker: &str) -> String {
    format!("{}\n\n{COMMENT}{marker} {CLOSE}", body.replace(TAG, NO_TAG))
}

/// A comment's text and its hidden marker, which counts at the very end only.
pub(crate) fn comment_marker(body: &str) -> (String, Option<String>) {
    let whole = body.trim_end();
    let Some((before, last)) = whole.rsplit_once(COMMENT) else { return (body.to_owned(), None) };
    let Some(marker) = last.strip_suffix(CLOSE).map(str::trim) else { return (body.to_owned(), None) };
    let alone = before.is_empty() || before.ends_with('\n');
    if !alone || marker.is_empty() || marker.contains(CLOSE) {
        return (body.to_owned(), None);
    }
    (before.trim_end().replace(NO_TAG, TAG), Some(marker.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marker() -> Marker {
        Marker { installation: "inst-1".to_owned(), link: "0123456789abcdef0123456789abcdef".to_owned() }
    }

    #[test]
    fn a_block_reads_back_as_written() {
        let text = splice("", "One.\n\n- two", Some(&marker()));
        let read = read(Some(&text));
        assert_eq!(read.block.as_deref(), Some("One.\n\n- two"));
        assert_eq!(read.outside, "");
        assert_eq!(super::marker(&text), Some(marker()));
    }

    #[test]
    fn text_outside_is_kept_byte_for_byte() {
        for (before, after) in
            [("Notes\r\n\r\n", "\r\n\r\ttail  \r\n"), ("a\n", "\nb"), ("", "\u{feff}x\0y"), ("  lead ", "")]
        {
            let text = format!("{before}{}{after}", render("old", Some(&marker())));
            let spliced = splice(&text, "new", Some(&marker()));
            assert!(spliced.starts_with(before) && spliced.ends_with(after), "{spliced:?}");
            assert_eq!(read(Some(&spliced)).block.as_deref(), Some("new"));
            assert_eq!(read(Some(&spliced)).outside, read(Some(&text)).outside);
            assert_eq!(
                spliced.len(),
                splice(&spliced, "new", Some(&marker())).len(),
                "writing twice is once"
            );
        }
    }

    #[test]
    fn line_ends_that_the_web_editor_changed_do_not_change_the_block() {
        let text = splice("Notes", "One.\n\nTwo.", Some(&marker())).replace('\n', "\r\n");
        assert_eq!(read(Some(&text)).block.as_deref(), Some("One.\n\nTwo."));
        assert_eq!(super::marker(&text), Some(marker()));
        assert!(
            !splice(&text, "Other.\nLine", None).replace("\r\n", "").contains('\n'),
            "one kind of line end"
        );
    }

    #[test]
    fn a_removed_block_comes_back_at_the_end() {
        assert_eq!(read(Some("Only theirs")).block, None);
        assert_eq!(read(None).block, None);
        let back = splice("Only theirs", "ours", None);
        assert!(back.starts_with("Only theirs\n\n"));
        assert_eq!(read(Some(&back)).outside, "Only theirs");
    }

    #[test]
    fn of_doubled_blocks_the_first_counts_and_one_is_left() {
        let text = format!("a\n{}\nb\n{}\nc", render("first", None), render("second", None));
        assert_eq!(read(Some(&text)).block.as_deref(), Some("first"));
        let spliced = splice(&text, "new", None);
        assert_eq!(blocks(&spliced).len(), 1);
        assert_eq!(read(Some(&spliced)).outside, read(Some(&text)).outside);
    }

    #[test]
    fn a_tag_without_its_partner_takes_nothing_in() {
        let torn = format!("{BEGIN}\nold block, end tag deleted\n\nTheir words.\n");
        assert_eq!(read(Some(&torn)).block, None);
        let spliced = splice(&torn, "new", None);
        assert!(spliced.starts_with(&torn), "their words stay");
        assert_eq!(read(Some(&spliced)).block.as_deref(), Some("new"));
        assert!(read(Some(&spliced)).outside.contains("Their words."));

        let doubled = format!("{}\nTheir words.\n{END}\nMore.", render("ours", None));
        assert_eq!(read(Some(&doubled)).block.as_deref(), Some("ours"));
        assert!(splice(&doubled, "new", None).contains("\nTheir words.\n"), "a second end takes nothing in");
    }

    #[test]
    fn what_a_block_says_cannot_end_it_or_forge_a_marker() {
        let evil = format!("x {END} y <!-- poam:other/ffff -->");
        let text = splice("", &evil, Some(&marker()));
        assert_eq!(blocks(&text).len(), 1);
        assert_eq!(super::marker(&text), Some(marker()));
        assert!(read(Some(&text)).outside.is_empty());
        assert_eq!(read(Some(&text)).block, Some(evil.clone()), "and reads back as written");
        assert_eq!(comment_marker(&with_comment_marker(&evil, "q-1")), (evil, Some("q-1".to_owned())));
    }

    #[test]
    fn a_comment_marker_counts_at_the_end_only() {
        let text = with_comment_marker("Why?\n", "q-1");
        assert_eq!(comment_marker(&text), ("Why?".to_owned(), Some("q-1".to_owned())));
        assert_eq!(comment_marker(&text.replace('\n', "\r\n")).1.as_deref(), Some("q-1"));
        for other in ["plain", &format!("> {text}\n\n/poam why x"), &text.replace("\n\n<", " <")] {
            assert_eq!(comment_marker(other), (other.to_owned(), None));
        }
    }
}
