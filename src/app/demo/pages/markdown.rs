//! People's Markdown as HTML that can do nothing: no markup of theirs, no picture, no address that runs.

use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};

/// Renders Markdown. HTML in it is shown as it is written, except comments, which are left out.
pub(super) fn render(text: &str) -> String {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut events = Vec::new();
    let mut markup: Option<String> = None;
    for event in Parser::new_ext(text, options) {
        match event {
            Event::Start(Tag::HtmlBlock) => markup = Some(String::new()),
            Event::Html(raw) => markup.get_or_insert_default().push_str(&raw),
            Event::End(TagEnd::HtmlBlock) => {
                let shown = without_comments(&markup.take().unwrap_or_default());
                if !shown.trim().is_empty() {
                    events.push(Event::Start(Tag::Paragraph));
                    events.push(Event::Text(CowStr::from(shown.trim().to_owned())));
                    events.push(Event::End(TagEnd::Paragraph));
                }
            }
            Event::InlineHtml(raw) => events.push(Event::Text(CowStr::from(without_comments(&raw)))),
            // Line ends count, as in comments on trackers.
            Event::SoftBreak => events.push(Event::HardBreak),
            // The words that stand for a picture stay.
            Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => {}
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                let dest_url = if is_harmless(&dest_url) { dest_url } else { CowStr::from("#") };
                events.push(Event::Start(Tag::Link { link_type, dest_url, title, id }));
            }
            other @ (Event::Start(_)
            | Event::End(_)
            | Event::Text(_)
            | Event::Code(_)
            | Event::InlineMath(_)
            | Event::DisplayMath(_)
            | Event::FootnoteReference(_)
            | Event::HardBreak
            | Event::Rule
            | Event::TaskListMarker(_)) => events.push(other),
        }
    }
    let mut out = String::new();
    html::push_html(&mut out, events.into_iter());
    out
}

/// Leaves HTML comments out; one that does not end goes to the end of the text.
fn without_comments(raw: &str) -> String {
    let mut out = String::new();
    let mut rest = raw;
    while let Some((before, comment)) = rest.split_once("<!--") {
        out.push_str(before);
        rest = comment.split_once("-->").map_or("", |(_, after)| after);
    }
    out.push_str(rest);
    out
}

/// Whether an address only leads somewhere.
fn is_harmless(url: &str) -> bool {
    let lower = url.trim().to_ascii_lowercase();
    ["https://", "http://", "mailto:"].iter().any(|scheme| lower.starts_with(scheme))
        || (lower.starts_with('/') && !lower.starts_with("//"))
}

#[cfg(test)]
mod tests {
    use super::render;

    #[test]
    fn markup_is_shown_and_comments_are_not() {
        let text = "<!-- poam:begin -->\n<!-- poam:x/1 -->\n**Bold** <script>alert(1)</script> <!-- in --> end\n\n\
                    <div onclick=\"x\">\nline\n</div>\n\n<!-- poam:end -->";
        let html = render(text);
        assert!(html.contains("<strong>Bold</strong>"), "{html}");
        assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{html}");
        assert!(html.contains("&lt;div onclick="), "{html}");
        assert!(!html.contains("poam:") && !html.contains("--") && !html.contains("<div"), "{html}");
    }

    #[test]
    fn addresses_that_run_lead_nowhere_and_pictures_are_words() {
        let html =
            render("[a](javascript:alert(1)) [b](https://example.com/x) ![seen](https://example.com/y.png)");
        assert!(!html.contains("javascript:") && !html.contains("<img"), "{html}");
        assert!(html.contains("href=\"https://example.com/x\"") && html.contains("seen"), "{html}");
        for bent in ["//evil.example", "JaVaScRiPt:x", "data:text/html,x", "vbscript:x"] {
            assert!(render(&format!("[a](<{bent}>)")).contains("href=\"#\""), "{bent}");
        }
        assert!(!render("<javascript:alert(1)>").contains("href=\"javascript"), "an autolink is a link too");
    }

    #[test]
    fn line_ends_stay() {
        assert_eq!(render("one\ntwo"), "<p>one<br />\ntwo</p>\n");
    }
}
